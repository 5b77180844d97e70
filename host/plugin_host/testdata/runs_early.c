/* Whose code begins to run when it is mapped: its constructor makes the file that TOCSIN_TEST_MARKER names. */
#include <stdio.h>
#include <stdlib.h>

#include "test_note.h"

#ifndef NO_NOTE
TEST_NOTE("{\"abi\":1,\"types\":[" TYPE_JSON("early", "1", "\"source\"") "]}");
#endif

__attribute__((constructor)) static void run_early(void) {
  const char* marker = getenv("TOCSIN_TEST_MARKER");
  FILE* file = marker == NULL ? NULL : fopen(marker, "w");
  if (file != NULL) fclose(file);
}

const tsn_plugin* tsn_plugin_entry_v1(void);
const tsn_plugin* tsn_plugin_entry_v1(void) {
  return 0;
}
