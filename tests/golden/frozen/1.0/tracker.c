/* A tracker: makes a ticket named after the incident. */
#include "frozen.h"

NOTE(
    "{\"abi\":1,\"types\":[{\"id\":\"frozen_tracker\",\"version\":\"1.0.0\",\"doc\":\"frozen\",\"kinds\":[\"tracker\"],"
    "\"needs\":[],\"options\":[],\"rule_options\":[],\"signals\":[],\"routes\":[],\"address_field\":\"\","
    "\"features\":{\"source\":0,\"detector\":0,\"notifier\":0},\"extension\":\"\"}]}");

static tsn_status upsert(void* self, tsn_token token, const tsn_upsert* change, int64_t deadline, tsn_ticket* out,
                         tsn_err* err) {
  (void)self, (void)token;
  say_bytes("note ", change->note.p, change->note.n);
  say_bytes("author ", change->note_author.p, change->note_author.n);
  if (deadline <= it.host->now(it.host) || change->incident->number == 0) return fail(err, "no incident");
  out->created = change->change == TSN_CHANGE_OPENED;
  memcpy(out->key, "FRZ-1", out->key_n = 5);
  memcpy(out->url, "https://t/FRZ-1", out->url_n = 15);
  memcpy(out->status, "Open", out->status_n = 4);
  return TSN_OK;
}
static const tsn_tracker_vtable tracker = {.size = sizeof tracker, .upsert = upsert};
static const tsn_type type = {.size = sizeof type,
                              .kinds = TSN_KIND_TRACKER,
                              .id = TEXT("frozen_tracker"),
                              .version = TEXT("1.0.0"),
                              .doc = TEXT("frozen"),
                              .create = create,
                              .destroy = destroy,
                              .stop = stop,
                              .tracker = &tracker};
ENTRY(type)
