/* A source with routes that calls every function of the host. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "frozen.h"

NOTE(
    "{\"abi\":1,\"types\":[{\"id\":\"frozen_source\",\"version\":\"1.0.0\",\"doc\":\"frozen\",\"kinds\":[\"source\"],"
    "\"needs\":[],\"options\":[],\"rule_options\":[],\"signals\":[{\"name\":\"frozen.x\",\"unit\":\"1\","
    "\"labels\":\"a\",\"doc\":\"x\"}],\"routes\":[{\"method\":\"GET\",\"path\":\"/frozen\",\"doc\":\"in\"}],"
    "\"address_field\":\"\",\"features\":{\"source\":0,\"detector\":0,\"notifier\":0},\"extension\":\"\"}]}");

static volatile int ran;
static void body(void* arg) {
  (void)arg, ran = it.host->stopping(it.host, it.id) + 1;
}
static void fired(void* arg) {
  (void)arg;
}
static void ready(void* arg, uint32_t events) {
  (void)arg, (void)events;
}

static tsn_status state(tsn_err* err) {
  const tsn_kv_v1* kv = it.host->service(it.host, it.id, text_of("tsn.kv/1"));
  char room[16];
  tsn_out out = {room, sizeof room, 0};
  if (!kv || kv->size < sizeof *kv) return fail(err, "no tsn.kv/1");
  if (kv->put(it.host, it.id, text_of("k"), (tsn_bytes){"value", 5}, err) != TSN_OK) return TSN_FAILED;
  if (kv->get(it.host, it.id, text_of("k"), &out, err) != TSN_OK || out.n != 5 || memcmp(room, "value", 5))
    return TSN_FAILED;
  if (kv->remove(it.host, it.id, text_of("k"), err) != TSN_OK) return TSN_FAILED;
  return kv->get(it.host, it.id, text_of("k"), &out, err) == TSN_END ? TSN_OK : fail(err, "removed and still there");
}
static tsn_status start(void* self, tsn_bytes cursor, tsn_err* err) {
  tsn_thread thread = 0;
  tsn_timer timer = 0;
  tsn_watch watch = 0;
  (void)self;
  say_bytes("start ", cursor.p, cursor.n);
  if (it.host->abi != 1 || it.host->now(it.host) <= 0) return fail(err, "no clock");
  if (it.host->spawn(it.host, it.id, text_of("frozen"), body, 0, &thread, err) != TSN_OK) return TSN_FAILED;
  if (it.host->join(it.host, it.id, thread) != TSN_OK || ran != 1) return fail(err, "the thread did not run");
  if (it.host->timer(it.host, it.id, 3600000000000, fired, 0, &timer, err) != TSN_OK) return TSN_FAILED;
  if (it.host->cancel_timer(it.host, it.id, timer) != TSN_OK) return fail(err, "the timer is not there");
  const int fd = eventfd(0, EFD_CLOEXEC);
  if (it.host->watch_fd(it.host, it.id, fd, 1, ready, 0, &watch, err) != TSN_OK) return TSN_FAILED;
  if (it.host->unwatch(it.host, it.id, watch) != TSN_OK) return fail(err, "the watch is not there");
  close(fd);
  return state(err);
}
static tsn_status reconfigure(void* self, const tsn_value* config, tsn_err* err) {
  (void)self, (void)err;
  return config->type == TSN_TABLE ? TSN_OK : TSN_INVALID;
}
static tsn_status pull(void* self, tsn_token token, int64_t deadline, tsn_err* err) {
  static struct {
    tsn_batch head;
    tsn_column columns[3];
    int64_t ts[2];
    double value[2];
    tsn_series series[2];
  } block;
  const tsn_label label = {TEXT("a"), TEXT("b")};
  const tsn_bytes cursor = {"after 2", 7};
  tsn_submitted done = {.size = sizeof done};
  tsn_series series = 0;
  (void)self, (void)token;
  if (deadline <= it.host->now(it.host)) return fail(err, "the deadline is over");
  if (it.host->series(it.host, it.id, text_of("frozen.x"), &label, 1, &series, err) != TSN_OK) return TSN_FAILED;
  block.head =
      (tsn_batch){sizeof block.head, 2, sizeof block, 0, offsetof(__typeof__(block), columns), 3, sizeof(tsn_column)};
  block.columns[0] = (tsn_column){TSN_COL_TS, TSN_TYPE_I64, offsetof(__typeof__(block), ts), sizeof block.ts};
  block.columns[1] = (tsn_column){TSN_COL_VALUE, TSN_TYPE_F64, offsetof(__typeof__(block), value), sizeof block.value};
  block.columns[2] =
      (tsn_column){TSN_COL_SERIES, TSN_TYPE_U64, offsetof(__typeof__(block), series), sizeof block.series};
  for (int row = 0; row < 2; ++row)
    block.ts[row] = it.host->now(it.host), block.value[row] = row + 0.5, block.series[row] = series;
  if (it.host->submit(it.host, it.id, &block.head, &cursor, &done, err) != TSN_OK) return TSN_FAILED;
  if (done.accepted != 2 || done.rejected != 0) return fail(err, "two rows were to be taken");
  it.host->reject(it.host, it.id,
                  &(tsn_reject){.size = sizeof(tsn_reject),
                                .count = 1,
                                .error_type = TEXT("value"),
                                .reason = TEXT("frozen"),
                                .name = TEXT("frozen.y"),
                                .raw = TEXT("?")});
  it.host->metric(it.host, it.id, TSN_METRIC_COUNTER, text_of("frozen_pulls"), 0, 0, 1);
  return TSN_END;
}
static tsn_status handle(void* self, tsn_token token, const tsn_request* in, tsn_response* out, int64_t deadline,
                         tsn_err* err) {
  (void)self, (void)token, (void)deadline, (void)err;
  out->status = 207;
  out->header(out, text_of("x-path"), in->path);
  out->body(out, in->body);
  out->body(out, (tsn_bytes){"!", 1});
  return TSN_OK;
}
static tsn_status save(void* self, tsn_out* out, tsn_err* err) {
  (void)self, (void)err;
  out->n = 5;
  if (out->cap < 5) return TSN_RETRY;
  memcpy(out->p, "saved", 5);
  return TSN_OK;
}
static tsn_status load(void* self, tsn_bytes from, tsn_err* err) {
  (void)self, (void)err;
  say_bytes("load ", from.p, from.n);
  return TSN_OK;
}
static const tsn_source_vtable source = {.size = sizeof source, .pull = pull};
static const tsn_route paths[] = {{TEXT("GET"), TEXT("/frozen"), TEXT("in")}};
static const tsn_routes_vtable routes = {
    .size = sizeof routes, .routes = paths, .route_count = 1, .route_stride = sizeof paths[0], .handle = handle};
static const tsn_signal_doc signals[] = {{TEXT("frozen.x"), TEXT("1"), TEXT("a"), TEXT("x")}};
static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_SOURCE,
                              .id = TEXT("frozen_source"),
                              .version = TEXT("1.0.0"),
                              .doc = TEXT("frozen"),
                              .signals = signals,
                              .signal_count = 1,
                              .signal_stride = sizeof signals[0],
                              .create = create,
                              .destroy = destroy,
                              .start = start,
                              .stop = stop,
                              .reconfigure = reconfigure,
                              .save = save,
                              .load = load,
                              .source = &source,
                              .routes = &routes};
ENTRY(type)
