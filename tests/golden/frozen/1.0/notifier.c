/* A notifier: the first attempt answers at once, the second through its token, the third fails. */
#include "frozen.h"

NOTE(
    "{\"abi\":1,\"types\":[{\"id\":\"frozen_notifier\",\"version\":\"1.0.0\",\"doc\":\"frozen\",\"kinds\":["
    "\"notifier\"],"
    "\"needs\":[],\"options\":[],\"rule_options\":[],\"signals\":[],\"routes\":[],\"address_field\":\"email\","
    "\"features\":{\"source\":0,\"detector\":0,\"notifier\":2},\"extension\":\"\"}]}");

static tsn_status deliver(void* self, tsn_token token, const tsn_message* message, int64_t deadline, tsn_delivered* out,
                          tsn_err* err) {
  tsn_delivered later = {.size = sizeof later, .id_n = 5, .id = "later"};
  (void)self;
  say_bytes("key ", message->key.p, message->key.n);
  say_bytes("to ", message->recipient.address.p, message->recipient.address.n);
  say_bytes("title ", message->title.p, message->title.n);
  say_bytes("incident ", message->incident->correlation_id.p, message->incident->correlation_id.n);
  say_bytes("earlier ", message->provider_id.p, (uint32_t)message->provider_id.n);
  if (deadline <= it.host->now(it.host)) return fail(err, "the deadline is over");
  if (message->attempt == 1) {
    out->id_n = message->recipient.name.n;
    memcpy(out->id, message->recipient.name.p, out->id_n);
    return TSN_OK;
  }
  if (message->attempt == 2) {
    if (it.host->complete(it.host, it.id, token, TSN_OK, &later, 0) != TSN_OK) say("not completed");
    return TSN_PENDING;
  }
  err->code = 451, err->retry_after_ms = 1500;
  return fail(err, "greylisted");
}
static void cancel(void* self, tsn_token token) {
  (void)self, (void)token, say("cancel");
}
static const tsn_notifier_vtable notifier = {
    .size = sizeof notifier, .features = TSN_NOTIFIER_CHANNELS, .deliver = deliver, .address_field = TEXT("email")};
static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_NOTIFIER,
                              .id = TEXT("frozen_notifier"),
                              .version = TEXT("1.0.0"),
                              .doc = TEXT("frozen"),
                              .create = create,
                              .destroy = destroy,
                              .stop = stop,
                              .cancel = cancel,
                              .notifier = &notifier};
ENTRY(type)
