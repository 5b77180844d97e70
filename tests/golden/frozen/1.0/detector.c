/* A detector with script files: fires above ten. */
#include "frozen.h"

NOTE(
    "{\"abi\":1,\"types\":[{\"id\":\"frozen_detector\",\"version\":\"1.0.0\",\"doc\":\"frozen\",\"kinds\":["
    "\"detector\"],"
    "\"needs\":[],\"options\":[],\"rule_options\":[{\"key\":\"limit\",\"type\":3,\"flags\":0,\"default\":\"10\","
    "\"min\":\"\","
    "\"max\":\"\",\"choices\":\"\",\"doc\":\"limit\"}],\"signals\":[],\"routes\":[],\"address_field\":\"\","
    "\"features\":{\"source\":0,\"detector\":0,\"notifier\":0},\"extension\":\".frozen\"}]}");

static int program;
static tsn_status load(void* self, tsn_str file, tsn_str text, const tsn_rule_sink* sink, tsn_err* err) {
  const tsn_str keys[] = {TEXT("name")};
  const tsn_value items[] = {{.type = TSN_STRING, .s = text}};
  const tsn_value table = {.type = TSN_TABLE, .count = 1, .items = items, .keys = keys, .stride = sizeof items[0]};
  (void)self;
  say_bytes("load ", file.p, file.n);
  return sink->add_rule(sink, &table, &program, err);
}
static void unload(void* self, tsn_str file) {
  (void)self, say_bytes("unload ", file.p, file.n);
}
static tsn_status compile(void* self, const tsn_rule* rule, const tsn_inputs* inputs, void** out, tsn_err* err) {
  const tsn_input input = {.size = sizeof input, .aggregate = rule->aggregate, .over = rule->over};
  uint32_t column = 9;
  (void)self;
  say_bytes("compile ", rule->name.p, rule->name.n);
  if (inputs->add(inputs, &input, &column, err) != TSN_OK) return TSN_FAILED;
  if (column != 0) return fail(err, "the first input has column 0");
  *out = &program;
  return TSN_OK;
}
static void release(void* self, void* which) {
  (void)self, say(which == &program ? "release" : "release of another");
}
static tsn_status evaluate(void* self, void* which, const tsn_rows* rows, tsn_verdicts* out, tsn_err* err) {
  (void)self;
  if (which != &program) return fail(err, "another program");
  for (uint32_t row = 0; row < rows->rows; ++row) {
    tsn_verdict* verdict = (tsn_verdict*)((char*)out->items + (size_t)row * out->stride);
    const double value = rows->cells[(size_t)row * rows->columns];
    verdict->state = value > 10 ? TSN_VERDICT_FIRING : value != value ? TSN_VERDICT_NO_DATA : TSN_VERDICT_OK;
    verdict->value = value, verdict->threshold = 10;
    if (value > 10 && out->text_cap - out->text_used >= 4) {
      verdict->message_at = out->text_used, verdict->message_n = 4;
      memcpy(out->text + out->text_used, "high", 4);
      out->text_used += 4;
    }
  }
  return TSN_OK;
}
static const tsn_option options[] = {
    {.key = TEXT("limit"), .type = TSN_FLOAT, .fallback = TEXT("10"), .doc = TEXT("limit")}};
static const tsn_detector_vtable detector = {.size = sizeof detector,
                                             .rule_options = options,
                                             .rule_option_count = 1,
                                             .rule_option_stride = sizeof options[0],
                                             .load = load,
                                             .unload = unload,
                                             .compile = compile,
                                             .release = release,
                                             .evaluate = evaluate,
                                             .extension = ".frozen"};
static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_DETECTOR,
                              .id = TEXT("frozen_detector"),
                              .version = TEXT("1.0.0"),
                              .doc = TEXT("frozen"),
                              .create = create,
                              .destroy = destroy,
                              .stop = stop,
                              .detector = &detector};
ENTRY(type)
