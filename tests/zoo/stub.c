// A function of a library that is there while linking and nowhere afterwards.
int zoo_of_stub(void);
int zoo_of_stub(void) {
  return 0;
}
