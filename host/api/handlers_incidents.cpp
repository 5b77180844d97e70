// Incidents: what people work on.
#include "api/handlers.hpp"
#include "api/incident_words.hpp"
#include "api/present.hpp"

namespace tocsin::api::handlers {
namespace {

using model::IncidentStatus;

Checked<std::vector<model::Link>> links(const Body& body) {
  std::vector<model::Link> out;
  const base::Value* value = body.find("links");
  if (value == nullptr || value->is_null()) return out;
  auto wrong = [] { return std::unexpected(Problem(400, "member \"links\": expected [{\"text\": …, \"href\": …}]")); };
  if (value->array() == nullptr) return wrong();
  for (const base::Value& item : *value->array()) {
    const base::Value* text = item.find("text");
    const base::Value* href = item.find("href");
    if (href == nullptr || href->string() == nullptr) return wrong();
    if (text != nullptr && text->string() == nullptr) return wrong();
    out.push_back({text == nullptr ? *href->string() : *text->string(), *href->string()});
  }
  return out;
}

Checked<model::Incident> new_incident(const Body& body) {
  model::Incident out;
  CHECKED(out.title, body.required("title"));
  CHECKED(std::string severity, body.required("severity"));
  CHECKED(std::size_t which, pick("severity", severity, severity_words));
  out.severity = severities[which];
  CHECKED(std::string category, body.text("category"));
  if (!category.empty()) {
    CHECKED(std::size_t index, pick("category", category, category_words));
    out.category = categories[index];
  }
  CHECKED(out.description, body.text("description"));
  CHECKED(out.service_name, body.text("service_name"));
  CHECKED(out.affected_component, body.text("affected_component"));
  CHECKED(out.impact, body.text("impact"));
  CHECKED(out.suggestion, body.text("suggestion"));
  CHECKED(out.owner, body.text("owner"));
  CHECKED(out.runbook_url, body.text("runbook_url"));
  CHECKED(out.metric_name, body.text("metric_name"));
  CHECKED(out.metric_value, body.number("metric_value"));
  CHECKED(out.threshold_value, body.number("threshold_value"));
  CHECKED(out.labels, body.labels("labels"));
  CHECKED(out.tags, body.texts("tags"));
  CHECKED(out.links, links(body));
  return out;
}

/// A refused transition names the valid ones, for programs too.
Problem with_valid_transitions(Backend& backend, const std::string& id, const base::Error& error) {
  Problem problem(error);
  if (error.fault() != base::Fault::conflict) return problem;
  base::Result<IncidentView> view = backend.incident(id);
  if (!view) return problem;
  std::vector<std::string> words;
  for (IncidentStatus status : model::next_statuses(view->incident.status))
    words.emplace_back(model::to_string(status));
  return problem.with("valid_transitions", object_json(words));
}

}  // namespace

Outcome create_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request,
                                 {"title", "description", "severity", "category", "service_name", "affected_component",
                                  "impact", "suggestion", "owner", "runbook_url", "metric_name", "metric_value",
                                  "threshold_value", "labels", "tags", "links", "by"}));
  CHECKED(std::string by, actor(body));
  CHECKED(model::Incident wanted, new_incident(body));
  TRY(model::Incident made, backend.create_incident(std::move(wanted), by));
  Reply reply = json_reply(object_json(made), 201);
  std::string id = made.number == 0 ? made.correlation_id : std::to_string(made.number);
  reply.headers.emplace_back("Location", "/api/v1/incidents/" + id);
  return reply;
}

Outcome show_incident(Backend& backend, const Call& call) {
  TRY(IncidentView view, backend.incident(call.path[0]));
  return json_reply(object_json(view));
}

Outcome set_incident_status(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"status", "notes", "reason", "for", "by"}));
  CHECKED(std::string by, actor(body));
  CHECKED(std::string given, body.required("status"));
  CHECKED(std::size_t which, pick("status", given, status_words));
  CHECKED(std::string notes, body.text("notes"));
  CHECKED(std::string reason, body.text("reason"));
  CHECKED(base::Duration lasts, body.duration("for"));
  base::Result<model::Incident> changed = backend.set_status(call.path[0], statuses[which], notes, reason, lasts, by);
  if (!changed) return std::unexpected(with_valid_transitions(backend, call.path[0], changed.error()));
  return json_reply(object_json(*changed));
}

Outcome assign_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"owner", "by"}));
  CHECKED(std::string by, actor(body));
  if (body.find("owner") == nullptr) {
    return std::unexpected(Problem(400, "member \"owner\" is missing; an empty owner unassigns"));
  }
  CHECKED(std::string owner, body.text("owner"));
  TRY(model::Incident changed, backend.assign(call.path[0], owner, by));
  return json_reply(object_json(changed));
}

Outcome add_incident_note(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"text", "by"}));
  CHECKED(std::string by, actor(body));
  CHECKED(std::string text, body.required("text"));
  TRY(model::Incident changed, backend.note(call.path[0], text, by));
  return json_reply(object_json(changed));
}

Outcome show_incident_timeline(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  TRY(IncidentView view, backend.incident(call.path[0]));
  CHECKED(Listed<model::TimelineEntry> listed, slice(std::move(view.timeline), page));
  return json_reply(list_json(listed));
}

}  // namespace tocsin::api::handlers
