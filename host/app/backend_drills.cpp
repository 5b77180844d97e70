// Maintenance pauses and fire drills as the HTTP API sees them: decided on the control strand; what became of a drill's
// messages is read from the store.
#include <algorithm>
#include <map>
#include <memory>

#include "app/backend.hpp"
#include "base/text.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

using incidents::Desk;
using model::IncidentStatus;

/// What the log says of each delivery: its newest row.
using Rows = std::map<std::string, model::Attempt>;

api::DrillMessage message_of(const model::Delivery& delivery, const Rows& rows) {
  api::DrillMessage out;
  out.who = delivery.recipient;
  out.instance = out.type = delivery.instance;
  out.reason = delivery.reason;
  out.decided_at = delivery.created_at;
  out.state = model::to_string(delivery.state);
  out.error = delivery.last_error;
  const auto row = rows.find(delivery.key);
  if (row == rows.end()) return out;
  const model::Attempt& attempt = row->second;
  out.type = attempt.type;
  out.instance = attempt.instance;
  out.sent_at = attempt.sent_at;
  if (attempt.status == "DELIVERED") out.delivered_at = attempt.delivered_at;
  // A receipt comes after the delivery has ended.
  if (delivery.state == model::DeliveryState::sent) {
    out.state = attempt.status;
    out.error = attempt.error;
  }
  return out;
}

/// "first by SMS reply" of who acknowledged: "SMS reply".
std::string way_of(const std::vector<model::TimelineEntry>& timeline, const std::string& who) {
  for (const auto& entry : timeline) {
    if (entry.what != "status" || entry.to != "ACKNOWLEDGED") continue;
    const std::string begins = who + " by ";
    return entry.actor.starts_with(begins) ? entry.actor.substr(begins.size()) : "API";
  }
  return {};
}

std::string drill_state(const model::Incident& incident, const std::vector<model::TimelineEntry>& timeline) {
  if (incident.acknowledged_at != base::no_time) return "ACKNOWLEDGED";
  if (incident.status != IncidentStatus::resolved && incident.status != IncidentStatus::closed) return "RUNNING";
  const bool by_itself = std::ranges::any_of(timeline, [](const auto& entry) {
    return entry.what == "status" && entry.to == "RESOLVED" && entry.actor == "tocsin";
  });
  return by_itself ? "UNANSWERED" : "ENDED";
}

}  // namespace

base::Result<std::optional<model::Pause>> Backend::pause_state() {
  auto out = std::make_shared<std::optional<model::Pause>>();
  TRY_VOID(parts_.pipeline->decide([out](Desk& desk, base::Time at) -> base::Result<model::Changes> {
    *out = desk.paused(at);
    return model::Changes{};
  }));
  return std::move(*out);
}

base::Result<std::optional<model::Pause>> Backend::pause(model::Pause wanted) {
  auto out = std::make_shared<std::optional<model::Pause>>();
  TRY_VOID(parts_.pipeline->decide([out, wanted](Desk& desk, base::Time at) -> base::Result<model::Changes> {
    TRY(auto changes, desk.pause(wanted, at));
    *out = desk.paused(at);
    return changes;
  }));
  telemetry::log_warn("notify", "notifications are paused",
                      {{"until", base::format_rfc3339(wanted.until)}, {"by", wanted.by}, {"reason", wanted.reason}});
  return std::move(*out);
}

base::Result<void> Backend::resume(const std::string& actor) {
  TRY_VOID(parts_.pipeline->decide([actor](Desk& desk, base::Time at) { return desk.resume(actor, at); }));
  telemetry::log_info("notify", "notifications are resumed", {{"by", actor}});
  return {};
}

base::Result<api::DrillView> Backend::start_drill(const api::DrillWish& wish, const std::string& actor) {
  incidents::Drill drill;
  drill.route = wish.route;
  drill.severity = wish.severity;
  drill.to = wish.to;
  drill.lasts = wish.wait;
  drill.tickets = wish.tickets;
  drill.by = actor;
  auto made = std::make_shared<std::string>();
  TRY_VOID(
      parts_.pipeline->decide([made, drill](Desk& desk, base::Time at) { return desk.drill(drill, at, made.get()); }));
  telemetry::log_info("notify", "a fire drill began", {{"route", wish.route}, {"by", actor}});
  return this->drill(*made);
}

base::Result<api::DrillView> Backend::drill(const std::string& id) {
  auto& store = parts_.pipeline->store();
  TRY(auto incident, store.incident(id));
  if (!incident || incident->labels.get("drill") != "true")
    return base::fail(base::Fault::not_found, "there is no drill " + id);
  api::DrillView view;
  const std::string correlation_id = incident->correlation_id;
  TRY(const auto timeline, store.timeline(correlation_id));
  TRY(auto deliveries, store.deliveries(correlation_id));
  storage::LogQuery log;
  log.correlation_id = correlation_id;
  log.page.limit = 1000;
  TRY(auto attempts, store.attempts(log));
  Rows rows;
  for (auto& attempt : attempts.items) rows.try_emplace(attempt.delivery_key, attempt);
  std::ranges::stable_sort(deliveries, {}, &model::Delivery::created_at);
  for (const auto& delivery : deliveries) {
    if (!delivery.tracker && delivery.kind == model::MessageKind::firing)
      view.messages.push_back(message_of(delivery, rows));
  }
  view.state = drill_state(*incident, timeline);
  if (view.state == "ACKNOWLEDGED") {
    view.acknowledged_by = incident->acknowledged_by;
    view.way = way_of(timeline, incident->acknowledged_by);
  }
  if (view.state == "RUNNING") {
    auto ends = std::make_shared<base::Time>();
    TRY_VOID(parts_.pipeline->ask([ends, correlation_id](const Desk& desk, base::Time) {
      *ends = desk.drill_end(correlation_id).value_or(base::no_time);
    }));
    view.ends_at = *ends;
  }
  view.incident = std::move(*incident);
  return view;
}

}  // namespace tocsin::app
