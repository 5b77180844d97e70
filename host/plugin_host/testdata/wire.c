/* A plugin of all kinds in plain C against abi.h: see wire.h. */
#include "wire.h"

#include <string.h>

#include "test_note.h"

TEST_NOTE(
    "{\"abi\":1,\"types\":[{\"id\":\"wire\",\"version\":\"1.2.3\",\"doc\":\"drives the host from a test\","
    "\"kinds\":[\"source\",\"detector\",\"notifier\",\"tracker\"],\"needs\":[\"network\"],"
    "\"options\":[{\"key\":\"wire\",\"type\":2,\"flags\":5,\"default\":\"\",\"min\":\"0\",\"max\":\"\","
    "\"choices\":\"\",\"doc\":\"address of the wire\"},"
    "{\"key\":\"start\",\"type\":\"string\",\"flags\":[\"secret\"],\"default\":\"\\\"end\\\"\","
    "\"choices\":\"end|beginning\",\"doc\":\"where\"}],"
    "\"query_options\":[{\"key\":\"expr\",\"type\":4,\"doc\":\"what is asked\"}],"
    "\"rule_options\":[{\"key\":\"threshold\",\"type\":3,\"flags\":1,\"doc\":\"limit\"}],"
    "\"signals\":[{\"name\":\"wire.x\",\"unit\":\"1\",\"labels\":\"a,b\",\"doc\":\"x\"}],"
    "\"routes\":[{\"method\":\"POST\",\"path\":\"/wire/*\",\"doc\":\"in\"}],\"address_field\":\"email\","
    "\"features\":{\"source\":3,\"detector\":0,\"notifier\":2},\"extension\":\".wire\",\"later\":{\"x\":[1]}}]}");

static tsn_status create(const tsn_host* host, const tsn_create* in, void** self, tsn_err* err) {
  wire* w = NULL;
  for (uint32_t i = 0; i < in->config->count; ++i) {
    const tsn_str key = in->config->keys[i];
    const tsn_value* value = (const tsn_value*)((const char*)in->config->items + (size_t)i * in->config->stride);
    if (key.n == 4 && memcmp(key.p, "wire", 4) == 0) w = (wire*)(intptr_t)value->i;
  }
  if (w == NULL) return TSN_INVALID;
  w->host = host;
  w->instance = in->instance;
  *self = w;
  return w->create ? w->create(w, in, err) : TSN_OK;
}
static void destroy(void* self) {
  wire* w = self;
  if (w->destroy) w->destroy(w);
}
static tsn_status start(void* self, tsn_bytes cursor, tsn_err* err) {
  wire* w = self;
  return w->start ? w->start(w, cursor, err) : TSN_OK;
}
static void stop(void* self) {
  wire* w = self;
  if (w->stop) w->stop(w);
}
static tsn_status reconfigure(void* self, const tsn_value* config, tsn_err* err) {
  wire* w = self;
  return w->reconfigure ? w->reconfigure(w, config, err) : TSN_NEEDS_RESTART;
}
static void cancel(void* self, tsn_token token) {
  wire* w = self;
  if (w->cancel) w->cancel(w, token);
}
static tsn_status save(void* self, tsn_out* out, tsn_err* err) {
  wire* w = self;
  if (w->save) return w->save(w, out, err);
  out->n = 0;
  return TSN_OK;
}
static tsn_status take_over(void* self, tsn_bytes state, tsn_err* err) {
  wire* w = self;
  return w->take_over ? w->take_over(w, state, err) : TSN_OK;
}
static tsn_status pull(void* self, tsn_token token, int64_t deadline, tsn_err* err) {
  wire* w = self;
  return w->pull ? w->pull(w, token, deadline, err) : TSN_END;
}
static tsn_status query(void* self, tsn_token token, const tsn_query* q, tsn_query_rows* rows, int64_t deadline,
                        tsn_err* err) {
  wire* w = self;
  (void)deadline;
  return w->query ? w->query(w, token, q, rows, err) : TSN_OK;
}
static tsn_status deliver(void* self, tsn_token token, const tsn_message* m, int64_t deadline, tsn_delivered* out,
                          tsn_err* err) {
  wire* w = self;
  (void)deadline;
  return w->deliver ? w->deliver(w, token, m, out, err) : TSN_OK;
}
static tsn_status upsert(void* self, tsn_token token, const tsn_upsert* u, int64_t deadline, tsn_ticket* out,
                         tsn_err* err) {
  wire* w = self;
  (void)deadline;
  return w->upsert ? w->upsert(w, token, u, out, err) : TSN_OK;
}
static tsn_status handle(void* self, tsn_token token, const tsn_request* in, tsn_response* out, int64_t deadline,
                         tsn_err* err) {
  wire* w = self;
  (void)deadline;
  return w->handle ? w->handle(w, token, in, out, err) : TSN_OK;
}
static tsn_status load(void* self, tsn_str file, tsn_str text, const tsn_rule_sink* sink, tsn_err* err) {
  wire* w = self;
  return w->load ? w->load(w, file, text, sink, err) : TSN_OK;
}
static tsn_status compile(void* self, const tsn_rule* rule, const tsn_inputs* inputs, void** program, tsn_err* err) {
  wire* w = self;
  return w->compile ? w->compile(w, rule, inputs, program, err) : TSN_OK;
}
static tsn_status evaluate(void* self, void* program, const tsn_rows* rows, tsn_verdicts* out, tsn_err* err) {
  wire* w = self;
  return w->evaluate ? w->evaluate(w, program, rows, out, err) : TSN_OK;
}

static tsn_status sync(void* self, int64_t deadline, tsn_err* err) {
  wire* w = self;
  return w->sync ? w->sync(w, deadline, err) : TSN_OK;
}
static tsn_status probe(void* self, const tsn_upsert* dry_run, int64_t deadline, tsn_out* report, tsn_err* err) {
  wire* w = self;
  report->n = 0;
  return w->probe ? w->probe(w, dry_run, deadline, report, err) : TSN_OK;
}

static const tsn_option questions[] = {{.key = TEXT("expr"), .type = TSN_STRING, .doc = TEXT("what is asked")}};
static const tsn_source_vtable source = {.size = sizeof source,
                                         .features = TSN_SOURCE_REPLAYS | TSN_SOURCE_QUERIES,
                                         .pull = pull,
                                         .query_options = questions,
                                         .query_option_count = 1,
                                         .query_option_stride = sizeof questions[0],
                                         .query = query};
static const tsn_detector_vtable detector = {
    .size = sizeof detector, .load = load, .compile = compile, .evaluate = evaluate, .extension = ".wire"};
static const tsn_notifier_vtable notifier = {
    .size = sizeof notifier, .features = TSN_NOTIFIER_CHANNELS, .deliver = deliver, .address_field = TEXT("email")};
static const tsn_tracker_vtable tracker = {.size = sizeof tracker, .upsert = upsert, .sync = sync};
static const tsn_route paths[] = {{TEXT("POST"), TEXT("/wire/*"), TEXT("in")}};
static const tsn_routes_vtable routes = {
    .size = sizeof routes, .routes = paths, .route_count = 1, .route_stride = sizeof paths[0], .handle = handle};
static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_SOURCE | TSN_KIND_DETECTOR | TSN_KIND_NOTIFIER | TSN_KIND_TRACKER,
                              .id = TEXT("wire"),
                              .version = TEXT("1.2.3"),
                              .doc = TEXT("drives the host from a test"),
                              .create = create,
                              .destroy = destroy,
                              .start = start,
                              .stop = stop,
                              .reconfigure = reconfigure,
                              .cancel = cancel,
                              .save = save,
                              .load = take_over,
                              .source = &source,
                              .detector = &detector,
                              .notifier = &notifier,
                              .tracker = &tracker,
                              .routes = &routes,
                              .probe = probe};
static const tsn_type* const types[] = {&type};
static const tsn_plugin plugin = {.size = sizeof plugin, .abi = TSN_ABI_VERSION, .types = types, .type_count = 1};

const tsn_plugin* tsn_plugin_entry_v1(void);
const tsn_plugin* tsn_plugin_entry_v1(void) {
  return &plugin;
}
