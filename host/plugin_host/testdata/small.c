/* A source that does nothing, and its defective relatives: DEFECT and VERSION are set by the build. */
#include "test_note.h"

#ifndef VERSION
#define VERSION "1"
#endif
#define NO_NOTE 1
#define NOTE_NOT_JSON 2
#define NOTE_OTHER_ABI 3
#define NO_ENTRY 4
#define UNDEFINED_SYMBOL 5
#define TABLE_OTHER_ABI 6
#define TABLE_TOO_SMALL 7
#define OTHER_IDS 8
#define NULL_TABLE 9

#if DEFECT == NOTE_NOT_JSON
TEST_NOTE("{\"abi\":1,\"types\":[{\"id\"");
#elif DEFECT == NOTE_OTHER_ABI
TEST_NOTE("{\"abi\":2,\"types\":[" TYPE_JSON("small", VERSION, "\"source\"") "]}");
#elif DEFECT != NO_NOTE
TEST_NOTE("{\"abi\":1,\"types\":[" TYPE_JSON("small", VERSION, "\"source\"") "]}");
#endif

#if DEFECT == UNDEFINED_SYMBOL
extern int tocsin_test_provided_by_nobody(void);
#endif

static tsn_status create(const tsn_host* host, const tsn_create* in, void** self, tsn_err* err) {
  (void)in, (void)self, (void)err;
#if DEFECT == UNDEFINED_SYMBOL
  if (tocsin_test_provided_by_nobody()) return TSN_FAILED;
#endif
  const tsn_str text = TEXT("small " VERSION);
  host->log(host, in->instance, TSN_LOG_INFO, text);
  return TSN_OK;
}
/* Says its version again, so that a test can tell which code runs. */
static tsn_status start(void* self, tsn_bytes cursor, tsn_err* err) {
  static const char version[] = "code " VERSION;
  (void)self, (void)cursor;
  for (err->n = 0; err->n < sizeof version - 1; ++err->n) err->msg[err->n] = version[err->n];
  return TSN_FAILED;
}

static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_SOURCE,
#if DEFECT == OTHER_IDS
                              .id = TEXT("other"),
#else
                              .id = TEXT("small"),
#endif
                              .version = TEXT(VERSION),
                              .create = create,
                              .start = start};
static const tsn_type* const types[] = {&type};
static const tsn_plugin plugin = {
#if DEFECT == TABLE_TOO_SMALL
    .size = 8,
#else
    .size = sizeof plugin,
#endif
#if DEFECT == TABLE_OTHER_ABI
    .abi = 2,
#else
    .abi = 1,
#endif
    .types = types,
    .type_count = 1};

#if DEFECT == NO_ENTRY
const tsn_plugin* tsn_plugin_entry_v0(void);
const tsn_plugin* tsn_plugin_entry_v0(void) {
  return &plugin;
}
#else
const tsn_plugin* tsn_plugin_entry_v1(void);
const tsn_plugin* tsn_plugin_entry_v1(void) {
#if DEFECT == NULL_TABLE
  (void)plugin;
  return 0;
#else
  return &plugin;
#endif
}
#endif
