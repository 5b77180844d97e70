/* The ELF note of a test plugin in plain C, as abi.h describes it. */
#ifndef TEST_NOTE_H
#define TEST_NOTE_H
#include <tocsin/abi.h>

#define TEST_NOTE(JSON)                                                              \
  __attribute__((section(TSN_NOTE_SECTION), used, aligned(4))) static const struct { \
    uint32_t name_size, description_size, type;                                      \
    char name[8];                                                                    \
    char description[(sizeof(JSON) + 3) / 4 * 4];                                    \
  } test_note = {sizeof TSN_NOTE_NAME, sizeof(JSON) - 1, TSN_NOTE_DESCRIPTOR, TSN_NOTE_NAME, JSON}

#define TEXT(s) {(s), sizeof(s) - 1}
#define TYPE_JSON(id, version, kinds) \
  "{\"id\":\"" id "\",\"version\":\"" version "\",\"doc\":\"a test\",\"kinds\":[" kinds "]}"
#endif
