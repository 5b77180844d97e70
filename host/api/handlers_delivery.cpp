// Notifications, dead letters, tickets.
#include <charconv>

#include "api/handlers.hpp"
#include "api/present.hpp"

namespace tocsin::api::handlers {
namespace {

/// {incident_id, correlation_id, jira_key, jira_url, status, synced_at}; incident_id is the short number.
void write_mapping(JsonWriter& json, Backend& backend, const model::TicketRef& ticket) {
  base::Result<IncidentView> view = backend.incident(ticket.correlation_id);
  json.open_object().key("incident_id");
  if (view && view->incident.number != 0)
    json.integer(view->incident.number);
  else
    json.null();
  json.field("correlation_id", ticket.correlation_id).field("instance", ticket.instance);
  json.field("jira_key", ticket.key).field("jira_url", ticket.url).field("status", ticket.status);
  json.field("synced_at", ticket.synced_at).close_object();
}

}  // namespace

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

Outcome list_jira_mappings(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  TRY(std::vector<model::TicketRef> all, backend.tickets());
  CHECKED(Listed<model::TicketRef> listed, slice(std::move(all), page));
  std::string out;
  JsonWriter json(out);
  json.open_object().key("items").open_array();
  for (const model::TicketRef& ticket : listed.items) write_mapping(json, backend, ticket);
  json.close_array().key("next");
  if (listed.next.empty())
    json.null();
  else
    json.text(listed.next);
  json.close_object();
  return json_reply(std::move(out));
}

}  // namespace tocsin::api::handlers
