/* The plugin of upgrade_bench: a source whose own thread counts, and submits its count as fast as the host takes it.
 * The count goes to the successor through save and load. VERSION, 1 or 2, is set by the build and is the value's
 * series. */
#define _POSIX_C_SOURCE 199309L
#include <string.h>
#include <time.h>
#include <tocsin/abi.h>

#define ROWS 256
#define TEXT(s) {(s), sizeof(s) - 1}
#define JSON                                                          \
  "{\"abi\":1,\"types\":[{\"id\":\"counting\",\"version\":\"" VERSION \
  "\",\"doc\":\"benchmark\",\"kinds\":"                               \
  "[\"source\"]}]}"

__attribute__((section(TSN_NOTE_SECTION), used, aligned(4))) static const struct {
  uint32_t name_size, description_size, type;
  char name[8];
  char description[(sizeof(JSON) + 3) / 4 * 4];
} note = {sizeof TSN_NOTE_NAME, sizeof(JSON) - 1, TSN_NOTE_DESCRIPTOR, TSN_NOTE_NAME, JSON};

/* One instance at a time runs, but a successor is made beside it: instances have a slot each, in turn. */
static struct state {
  long pause_ns;
  const tsn_host* host;
  tsn_instance instance;
  tsn_series series;
  uint64_t next;
  struct {
    tsn_batch header;
    tsn_column columns[3];
    uint64_t cells[3 * ROWS];
  } block;
} slots[4];
static uint32_t used;

/* Between two submits, nanoseconds: the first value of the configuration; 0 where there is none. */
static long pause_of(const tsn_value* config) {
  return config->count > 0 ? (long)config->items[0].i * 1000 : 0;
}

static tsn_status create(const tsn_host* host, const tsn_create* in, void** self, tsn_err* err) {
  struct state* s = &slots[used++ % 4];
  memset(s, 0, sizeof *s);
  s->host = host;
  s->pause_ns = pause_of(in->config);
  s->instance = in->instance;
  const tsn_str name = TEXT("bench.count");
  const tsn_label label = {TEXT("version"), TEXT(VERSION)};
  const uint32_t ids[3] = {TSN_COL_TS, TSN_COL_SERIES, TSN_COL_VALUE};
  const uint32_t types[3] = {TSN_TYPE_I64, TSN_TYPE_U64, TSN_TYPE_F64};
  for (uint32_t c = 0; c < 3; ++c) {
    s->block.columns[c].id = ids[c];
    s->block.columns[c].type = types[c];
    s->block.columns[c].offset = (uint64_t)((char*)&s->block.cells[c * ROWS] - (char*)&s->block);
    s->block.columns[c].bytes = 8ull * ROWS;
  }
  s->block.header.size = sizeof s->block.header;
  s->block.header.rows = ROWS;
  s->block.header.bytes = sizeof s->block;
  s->block.header.directory = (uint64_t)((char*)s->block.columns - (char*)&s->block);
  s->block.header.columns = 3;
  s->block.header.column_stride = sizeof s->block.columns[0];
  *self = s;
  return host->series(host, in->instance, name, &label, 1, &s->series, err);
}

static void count(void* arg) {
  struct state* s = arg;
  while (!s->host->stopping(s->host, s->instance)) {
    const int64_t now = s->host->now(s->host);
    for (uint32_t r = 0; r < ROWS; ++r) {
      memcpy(&s->block.cells[r], &now, 8);
      s->block.cells[ROWS + r] = s->series;
      const double value = (double)(s->next + r);
      memcpy(&s->block.cells[2 * ROWS + r], &value, 8);
    }
    const tsn_bytes cursor = {&s->next, sizeof s->next};
    tsn_submitted done;
    done.size = sizeof done;
    done.cap = 0;
    done.rejects = NULL;
    /* What is refused is counted again: only an accepted batch moves the count. */
    if (s->host->submit(s->host, s->instance, &s->block.header, &cursor, &done, NULL) == TSN_OK) s->next += ROWS;
    const struct timespec pause = {0, s->pause_ns};
    if (s->pause_ns > 0) nanosleep(&pause, NULL);
  }
}

static tsn_status start(void* self, tsn_bytes cursor, tsn_err* err) {
  struct state* s = self;
  const tsn_str name = TEXT("count");
  (void)cursor;
  return s->host->spawn(s->host, s->instance, name, count, s, NULL, err);
}
static void stop(void* self) {
  (void)self; /* the host joins the thread, which ends by stopping() */
}
static tsn_status save(void* self, tsn_out* out, tsn_err* err) {
  const struct state* s = self;
  (void)err;
  out->n = sizeof s->next;
  if (out->cap < out->n) return TSN_RETRY;
  memcpy(out->p, &s->next, sizeof s->next);
  return TSN_OK;
}
static tsn_status load(void* self, tsn_bytes state, tsn_err* err) {
  struct state* s = self;
  (void)err;
  if (state.n != sizeof s->next) return TSN_INVALID;
  memcpy(&s->next, state.p, sizeof s->next);
  return TSN_OK;
}

static const tsn_source_vtable source = {.size = sizeof source};
static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_SOURCE,
                              .id = TEXT("counting"),
                              .version = TEXT(VERSION),
                              .create = create,
                              .start = start,
                              .stop = stop,
                              .save = save,
                              .load = load,
                              .source = &source};
static const tsn_type* const types[] = {&type};
static const tsn_plugin plugin = {.size = sizeof plugin, .abi = TSN_ABI_VERSION, .types = types, .type_count = 1};

const tsn_plugin* tsn_plugin_entry_v1(void);
const tsn_plugin* tsn_plugin_entry_v1(void) {
  return &plugin;
}
