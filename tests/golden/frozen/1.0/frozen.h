/* What the frozen plugins share: the note, texts, logging. Plain C, only the C library. */
#ifndef FROZEN_H
#define FROZEN_H
#include <string.h>
#include <tocsin/abi.h>

#define NOTE(JSON)                                                                   \
  __attribute__((section(TSN_NOTE_SECTION), used, aligned(4))) static const struct { \
    uint32_t name_size, description_size, type;                                      \
    char name[8];                                                                    \
    char description[(sizeof(JSON) + 3) / 4 * 4];                                    \
  } frozen_note = {sizeof TSN_NOTE_NAME, sizeof(JSON) - 1, TSN_NOTE_DESCRIPTOR, TSN_NOTE_NAME, JSON}
#define TEXT(s) {(s), sizeof(s) - 1}
#define ENTRY(type)                                                                    \
  static const tsn_type* const types[] = {&type};                                      \
  static const tsn_plugin plugin = {sizeof plugin, TSN_ABI_VERSION, types, 1, 0};      \
  __attribute__((visibility("default"))) const tsn_plugin* tsn_plugin_entry_v1(void) { \
    return &plugin;                                                                    \
  }
__attribute__((visibility("default"))) const tsn_plugin* tsn_plugin_entry_v1(void);

/* One instance at a time is all that the test makes. */
static struct {
  const tsn_host* host;
  tsn_instance id;
} it;

static inline tsn_str text_of(const char* s) {
  return (tsn_str){s, (uint32_t)strlen(s)};
}
static inline void say(const char* s) {
  it.host->log(it.host, it.id, TSN_LOG_INFO, text_of(s));
}
static inline void say_bytes(const char* before, const void* p, uint64_t n) {
  char line[256];
  const size_t head = strlen(before);
  if (n > sizeof line - head) n = sizeof line - head;
  memcpy(line, before, head);
  if (n) memcpy(line + head, p, n);
  it.host->log(it.host, it.id, TSN_LOG_INFO, (tsn_str){line, (uint32_t)(head + n)});
}
static inline tsn_status fail(tsn_err* err, const char* why) {
  err->n = (uint32_t)strlen(why);
  memcpy(err->msg, why, err->n);
  return TSN_FAILED;
}
static tsn_status create(const tsn_host* host, const tsn_create* in, void** self, tsn_err* err) {
  (void)err;
  it.host = host, it.id = in->instance;
  *self = &it;
  say_bytes("create ", in->name.p, in->name.n);
  return TSN_OK;
}
static void destroy(void* self) {
  (void)self, say("destroy");
}
static void stop(void* self) {
  (void)self, say("stop");
}
#endif
