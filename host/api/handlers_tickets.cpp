// Tickets in trackers: which incident has which, what was said about them, and what people ask for.
#include "api/handlers.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

/// {incident_id, correlation_id, jira_key, jira_url, status, intent, synced_at}; incident_id is the short number.
void write_mapping(JsonWriter& json, Backend& backend, const model::TicketRef& ticket) {
  base::Result<IncidentView> view = backend.incident(ticket.correlation_id);
  json.open_object().key("incident_id");
  if (view && view->incident.number != 0)
    json.integer(view->incident.number);
  else
    json.null();
  json.field("correlation_id", ticket.correlation_id).field("instance", ticket.instance);
  json.field("jira_key", ticket.key).field("jira_url", ticket.url).field("status", ticket.status);
  json.field("intent", ticket.intent).field("synced_at", ticket.synced_at).close_object();
}

Outcome mapping_reply(Backend& backend, const model::TicketRef& ticket) {
  std::string out;
  JsonWriter json(out);
  write_mapping(json, backend, ticket);
  return json_reply(std::move(out));
}

/// A number, or a text: a correlation id, or a number in quotes.
Checked<std::string> incident_of(const Body& body) {
  const base::Value* given = body.find("incident");
  if (given != nullptr && given->integer() != nullptr) return std::to_string(*given->integer());
  return body.required("incident");
}

Checked<bool> flag_of(const Body& body, std::string_view key) {
  const base::Value* given = body.find(key);
  if (given == nullptr || given->is_null()) return false;
  if (given->boolean() == nullptr) {
    return std::unexpected(Problem(400, "member \"" + std::string(key) + "\" must be true or false"));
  }
  return *given->boolean();
}

void write_trial(JsonWriter& json, const TicketTrial& trial, bool& good) {
  json.open_object().field("instance", trial.instance).key("lines").open_array();
  for (std::string_view line : base::split(trial.report, '\n')) {
    line = base::trim(line);
    if (line.empty()) continue;
    good = good && !line.starts_with("error:");
    json.text(line);
  }
  json.close_array().close_object();
}

}  // namespace

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

Outcome link_ticket(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"incident", "jira_key", "jira_url", "instance", "new", "by"}));
  CHECKED(std::string by, actor(body));
  CHECKED(std::string incident, incident_of(body));
  model::TicketRef wanted;
  CHECKED(wanted.instance, body.text("instance"));
  CHECKED(wanted.key, body.text("jira_key"));
  CHECKED(wanted.url, body.text("jira_url"));
  CHECKED(const bool fresh, flag_of(body, "new"));
  if (fresh == !wanted.key.empty()) {
    return std::unexpected(
        Problem(400, "give either \"jira_key\", the issue that is there (OPS-17), or \"new\": true for another one"));
  }
  if (fresh) {
    TRY(model::TicketRef asked, backend.open_ticket(incident, wanted.instance, by));
    return mapping_reply(backend, asked);
  }
  TRY(model::TicketRef linked, backend.link_ticket(incident, std::move(wanted), by));
  return mapping_reply(backend, linked);
}

Outcome unlink_ticket(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"by"}));
  CHECKED(std::string by, actor(body));
  TRY(model::TicketRef gone, backend.unlink_ticket(call.path[0], call.query.text("instance"), by));
  return mapping_reply(backend, gone);
}

Outcome sync_trackers(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"instance", "by"}));
  CHECKED(std::string instance, body.text("instance"));
  TRY(const TrackerSync done, backend.sync_trackers(instance));
  std::string out;
  JsonWriter json(out);
  json.open_object().key("trackers").open_array();
  for (const TrackerAsked& each : done.trackers) {
    json.open_object().field("instance", each.instance).key("synced").boolean(each.synced);
    optional_text(json, "error", each.error);
    json.close_object();
  }
  json.close_array().field("queued", done.queued).close_object();
  return json_reply(std::move(out));
}

Outcome try_ticket(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"incident", "instance", "by"}));
  CHECKED(std::string incident, incident_of(body));
  CHECKED(std::string instance, body.text("instance"));
  TRY(const std::vector<TicketTrial> trials, backend.try_ticket(incident, instance));
  std::string out;
  JsonWriter json(out);
  bool good = true;
  json.open_object().key("trackers").open_array();
  for (const TicketTrial& trial : trials) write_trial(json, trial, good);
  json.close_array().key("ok").boolean(good).close_object();
  return json_reply(std::move(out));
}

Outcome list_exchanges(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  TRY(Listed<model::Exchange> listed, backend.exchanges(call.query.text("incident"), page));
  return json_reply(list_json(listed));
}

}  // namespace tocsin::api::handlers
