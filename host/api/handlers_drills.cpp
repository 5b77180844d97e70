// Maintenance pauses and fire drills.
#include <array>

#include "api/handlers.hpp"
#include "api/present.hpp"

namespace tocsin::api {

void write(JsonWriter& json, const std::optional<model::Pause>& pause) {
  const model::Pause one = pause.value_or(model::Pause{});
  json.open_object().field("paused", pause.has_value()).field("from", one.from).field("until", one.until);
  optional_text(json, "by", one.by);
  optional_text(json, "reason", one.reason);
  json.field("except_critical", one.except_critical).close_object();
}

void write(JsonWriter& json, const DrillView& view) {
  json.open_object().field("id", view.incident.number).field("correlation_id", view.incident.correlation_id);
  json.field("title", view.incident.title).field("route", view.incident.route);
  json.field("severity", model::to_string(view.incident.severity)).field("state", view.state);
  json.field("started_at", view.incident.created_at).field("ends_at", view.ends_at);
  json.field("acknowledged_at", view.incident.acknowledged_at);
  optional_text(json, "acknowledged_by", view.acknowledged_by);
  optional_text(json, "way", view.way);
  json.key("messages").open_array();
  for (const DrillMessage& one : view.messages) {
    json.open_object();
    optional_text(json, "who", one.who);
    json.field("instance", one.instance).field("type", one.type).field("reason", one.reason).field("state", one.state);
    json.field("decided_at", one.decided_at).field("sent_at", one.sent_at).field("delivered_at", one.delivered_at);
    optional_text(json, "error", one.error);
    json.close_object();
  }
  json.close_array().close_object();
}

namespace handlers {
namespace {

constexpr base::Duration usual_wait = std::chrono::minutes(10);

const std::array<std::string, 4> drill_severities{"CRITICAL", "HIGH", "MEDIUM", "LOW"};
constexpr std::array drill_severity_values{model::Severity::critical, model::Severity::high, model::Severity::medium,
                                           model::Severity::low};

Checked<bool> flag(const Body& body, std::string_view key) {
  const base::Value* value = body.find(key);
  if (value == nullptr || value->is_null()) return false;
  if (value->boolean() != nullptr) return *value->boolean();
  return std::unexpected(Problem(400, "member \"" + std::string(key) + "\" is true or false"));
}

Checked<DrillWish> wish_of(const Body& body) {
  DrillWish wish;
  CHECKED(wish.route, body.required("route"));
  CHECKED(const std::string severity, body.text("severity"));
  if (!severity.empty()) {
    CHECKED(const std::size_t which, pick("severity", severity, drill_severities));
    wish.severity = drill_severity_values[which];
  }
  const base::Value* to = body.find("to");
  if (to != nullptr && to->string() != nullptr) {
    wish.to = {*to->string()};
  } else {
    CHECKED(wish.to, body.texts("to"));
  }
  CHECKED(wish.wait, body.duration("wait"));
  if (wish.wait == base::Duration::zero()) wish.wait = usual_wait;
  CHECKED(wish.tickets, flag(body, "with_tracker"));
  return wish;
}

}  // namespace

Outcome show_pause(Backend& backend, const Call&) {
  TRY(const std::optional<model::Pause> pause, backend.pause_state());
  return json_reply(object_json(pause));
}

Outcome pause_notifications(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"for", "reason", "except_critical", "by"}));
  model::Pause wanted;
  CHECKED(wanted.by, actor(body));
  CHECKED(const base::Duration lasts, body.duration("for"));
  if (lasts == base::Duration::zero() || lasts > model::longest_pause) {
    return std::unexpected(
        Problem(400, "member \"for\" says how long: \"30m\", up to \"24h\"").with("parameter", json_text("for")));
  }
  wanted.until = backend.now() + lasts;
  CHECKED(wanted.reason, body.text("reason"));
  CHECKED(wanted.except_critical, flag(body, "except_critical"));
  TRY(const std::optional<model::Pause> pause, backend.pause(std::move(wanted)));
  return json_reply(object_json(pause));
}

Outcome resume_notifications(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"by"}));
  CHECKED(const std::string by, actor(body));
  TRY_VOID(backend.resume(by));
  return json_reply(object_json(std::optional<model::Pause>()));
}

Outcome start_drill(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"route", "severity", "to", "wait", "with_tracker", "by"}));
  CHECKED(const std::string by, actor(body));
  CHECKED(const DrillWish wish, wish_of(body));
  TRY(const DrillView made, backend.start_drill(wish, by));
  Reply reply = json_reply(object_json(made), 201);
  reply.headers.emplace_back("Location", "/api/v1/drills/" + std::to_string(made.incident.number));
  return reply;
}

Outcome show_drill(Backend& backend, const Call& call) {
  TRY(const DrillView found, backend.drill(call.path[0]));
  return json_reply(object_json(found));
}

}  // namespace handlers
}  // namespace tocsin::api
