/* The plugin of boundary_bench: a source that fills and submits batches, and a detector that compares. Plain C, so that
 * the figure is the boundary's and not the SDK's. */
#include <signal.h>
#include <string.h>
#include <tocsin/abi.h>

#define MAX_ROWS 1024
#define JSON                                                                                                  \
  "{\"abi\":1,\"types\":[{\"id\":\"boundary\",\"version\":\"1\",\"doc\":\"benchmark\",\"kinds\":[\"source\"," \
  "\"detector\"]},{\"id\":\"crashing\",\"version\":\"1\",\"doc\":\"benchmark\",\"kinds\":[\"source\"]}]}"
#define TEXT(s) {(s), sizeof(s) - 1}

__attribute__((section(TSN_NOTE_SECTION), used, aligned(4))) static const struct {
  uint32_t name_size, description_size, type;
  char name[8];
  char description[(sizeof(JSON) + 3) / 4 * 4];
} note = {sizeof TSN_NOTE_NAME, sizeof(JSON) - 1, TSN_NOTE_DESCRIPTOR, TSN_NOTE_NAME, JSON};

static struct {
  const tsn_host* host;
  tsn_instance instance;
  tsn_series series;
  uint32_t rows, batches;
  double next;
} self;

static struct {
  tsn_batch header;
  tsn_column columns[3];
  uint64_t cells[3 * MAX_ROWS];
} block;

static uint32_t option(const tsn_value* config, const char* key) {
  for (uint32_t i = 0; i < config->count; ++i) {
    const tsn_value* value = (const tsn_value*)((const char*)config->items + (size_t)i * config->stride);
    if (config->keys[i].n == strlen(key) && memcmp(config->keys[i].p, key, config->keys[i].n) == 0)
      return (uint32_t)value->i;
  }
  return 0;
}

static tsn_status create(const tsn_host* host, const tsn_create* in, void** out, tsn_err* err) {
  self.host = host;
  self.instance = in->instance;
  self.rows = option(in->config, "rows");
  self.batches = option(in->config, "batches");
  *out = &self;
  if (self.rows == 0 || self.rows > MAX_ROWS) return TSN_INVALID;
  const tsn_str name = TEXT("bench.signal");
  const tsn_label label = {TEXT("host"), TEXT("node-1")};
  const uint32_t ids[3] = {TSN_COL_TS, TSN_COL_SERIES, TSN_COL_VALUE};
  const uint32_t types[3] = {TSN_TYPE_I64, TSN_TYPE_U64, TSN_TYPE_F64};
  for (uint32_t c = 0; c < 3; ++c) {
    block.columns[c].id = ids[c];
    block.columns[c].type = types[c];
    block.columns[c].offset = (uint64_t)((char*)&block.cells[c * self.rows] - (char*)&block);
    block.columns[c].bytes = 8ull * self.rows;
  }
  block.header.size = sizeof block.header;
  block.header.rows = self.rows;
  block.header.bytes = (uint64_t)((char*)&block.cells[3 * self.rows] - (char*)&block);
  block.header.directory = (uint64_t)((char*)block.columns - (char*)&block);
  block.header.columns = 3;
  block.header.column_stride = sizeof block.columns[0];
  return host->series(host, in->instance, name, &label, 1, &self.series, err);
}

/* `batches` times: fill every row, submit. */
static tsn_status pull(void* unused, tsn_token token, int64_t deadline, tsn_err* err) {
  (void)unused, (void)token, (void)deadline;
  int64_t* ts = (int64_t*)&block.cells[0];
  uint64_t* series = &block.cells[self.rows];
  double* value = (double*)&block.cells[2 * self.rows];
  for (uint32_t b = 0; b < self.batches; ++b) {
    const int64_t now = self.host->now(self.host);
    for (uint32_t r = 0; r < self.rows; ++r) {
      ts[r] = now;
      series[r] = self.series;
      value[r] = self.next;
      self.next += 1;
    }
    tsn_submitted done;
    done.size = sizeof done;
    done.cap = 0;
    done.rejects = NULL;
    const tsn_status status = self.host->submit(self.host, self.instance, &block.header, NULL, &done, err);
    if (status != TSN_OK || done.accepted != self.rows) return TSN_FAILED;
  }
  return TSN_OK;
}

/* The source that crashes: one row, then SIGSEGV. What it submitted last is what its runner's successor is timed from. */
static tsn_status pull_and_crash(void* unused, tsn_token token, int64_t deadline, tsn_err* err) {
  const tsn_status status = pull(unused, token, deadline, err);
  if (status == TSN_OK) raise(SIGSEGV);
  return status;
}

static tsn_status compile(void* unused, const tsn_rule* rule, const tsn_inputs* inputs, void** program, tsn_err* err) {
  static double threshold = 1e300;
  (void)unused, (void)rule, (void)inputs, (void)err;
  *program = &threshold;
  return TSN_OK;
}

static tsn_status evaluate(void* unused, void* program, const tsn_rows* rows, tsn_verdicts* out, tsn_err* err) {
  const double threshold = *(const double*)program;
  (void)unused, (void)err;
  for (uint32_t r = 0; r < rows->rows; ++r) {
    if (rows->cells[r * rows->columns] > threshold) out->items[r].state = TSN_VERDICT_FIRING;
  }
  return TSN_OK;
}

static const tsn_source_vtable source = {.size = sizeof source, .pull = pull};
static const tsn_detector_vtable detector = {.size = sizeof detector, .compile = compile, .evaluate = evaluate};
static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_SOURCE | TSN_KIND_DETECTOR,
                              .id = TEXT("boundary"),
                              .version = TEXT("1"),
                              .create = create,
                              .source = &source,
                              .detector = &detector};
static const tsn_source_vtable crashing_source = {.size = sizeof crashing_source, .pull = pull_and_crash};
static const tsn_type crashing = {.size = sizeof crashing,
                                  .kinds = TSN_KIND_SOURCE,
                                  .id = TEXT("crashing"),
                                  .version = TEXT("1"),
                                  .create = create,
                                  .source = &crashing_source};
static const tsn_type* const types[] = {&type, &crashing};
static const tsn_plugin plugin = {.size = sizeof plugin, .abi = TSN_ABI_VERSION, .types = types, .type_count = 2};

const tsn_plugin* tsn_plugin_entry_v1(void);
const tsn_plugin* tsn_plugin_entry_v1(void) {
  return &plugin;
}
