// Starts processes that it does not declare
#include <unistd.h>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(forks, "Starts processes that it does not declare");
  static void act(auto&) {
    if (fork() != 0) return;
    alarm(30);  // an orphan of a test does not stay
    pause();
    _exit(0);
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
