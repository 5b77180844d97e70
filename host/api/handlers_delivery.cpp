// Notifications and dead letters.
#include <charconv>

#include "api/handlers.hpp"
#include "api/present.hpp"

namespace tocsin::api::handlers {
Outcome list_notifications(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  const Query& q = call.query;
  TRY(Listed<model::Attempt> listed,
      backend.notifications(q.text("incident"), q.text("instance"), q.text("status"), page));
  return json_reply(list_json(listed));
}

Outcome send_notification(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"instance", "to", "by"}));
  CHECKED(std::string instance, body.required("instance"));
  CHECKED(std::string to, body.text("to"));
  TRY(model::Attempt attempt, backend.send_test(instance, to));
  return json_reply(object_json(attempt));
}

Outcome list_dead_letters(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  TRY(Listed<model::DeadLetter> listed, backend.dead_letters(page));
  return json_reply(list_json(listed));
}

Outcome replay_dead_letter(Backend& backend, const Call& call) {
  const std::string& given = call.path[0];
  std::uint64_t id = 0;
  auto [end, ec] = std::from_chars(given.data(), given.data() + given.size(), id);
  if (ec != std::errc() || end != given.data() + given.size()) {
    return std::unexpected(bad_parameter("id", given, "the number of a dead letter"));
  }
  TRY_VOID(backend.replay_dead_letter(id));
  return json_reply("{\"replayed\":" + std::to_string(id) + "}");
}

}  // namespace tocsin::api::handlers
