#include "event.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "alertmanager_payload/payload.hpp"
#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

json time_or_null(tsn::Time at) {
  if (at == 0) return nullptr;
  std::string text = utc_text(at);  // "2026-11-20 10:00:00 UTC"
  return text.substr(0, 10) + "T" + text.substr(11, 8) + "Z";
}

json labels_of(const tsn::Labels& labels) {
  json out = json::object();
  for (const auto& label : labels) out[std::string(label.name)] = label.value;
  return out;
}

json number_or_null(double value) {
  return std::isfinite(value) ? json(value) : json();
}

json alert_of(const tsn::Alert& alert) {
  return {{"name", alert.name},
          {"fingerprint", alert.fingerprint},
          {"status", alert.firing ? "firing" : "resolved"},
          {"severity", tsn::severity_name(alert.severity)},
          {"message", alert.message},
          {"value", number_or_null(alert.value)},
          {"threshold", number_or_null(alert.threshold)},
          {"starts_at", time_or_null(alert.starts_at)},
          {"ends_at", time_or_null(alert.ends_at)},
          {"labels", labels_of(alert.labels)},
          {"annotations", labels_of(alert.annotations)}};
}

std::string_view kind_of(const tsn::Message& message) {
  if (message.kind == TSN_MSG_FIRING) return "firing";
  return message.kind == TSN_MSG_RESOLVED ? "resolved" : "update";
}

json incident_of(const tsn::Message& message) {
  const auto& in = message.incident;
  json out{{"event", amqp_routing_key(message)},
           {"kind", kind_of(message)},
           {"text", message.text},
           {"number", in.number},
           {"correlation_id", in.correlation_id},
           {"title", in.title},
           {"description", in.description},
           {"status", tsn::status_name(in.status)},
           {"severity", tsn::severity_name(in.severity)},
           {"category", in.category},
           {"service", in.service},
           {"impact", in.impact},
           {"suggestion", in.suggestion},
           {"resolution_notes", in.resolution_notes},
           {"owner", in.owner},
           {"url", in.url},
           {"runbook_url", in.runbook_url},
           {"ticket_key", in.ticket_key},
           {"ticket_url", in.ticket_url},
           {"detected_at", time_or_null(in.detected_at)},
           {"acknowledged_at", time_or_null(in.acknowledged_at)},
           {"resolved_at", time_or_null(in.resolved_at)},
           {"closed_at", time_or_null(in.closed_at)},
           {"labels", labels_of(in.labels)},
           {"links", json::array()},
           {"alerts", json::array()}};
  for (const auto& link : in.links) out["links"].push_back({{"text", link.text}, {"href", link.href}});
  for (const auto& alert : in.alerts) out["alerts"].push_back(alert_of(alert));
  return out;
}

}  // namespace

std::string_view amqp_routing_key(const tsn::Message& message) {
  if (message.kind == TSN_MSG_TEST) return "alert.test";
  if (message.group) return message.kind == TSN_MSG_RESOLVED ? "alert.resolved" : "alert.triggered";
  return message.kind == TSN_MSG_FIRING && message.provider_id.empty() ? "incident.created" : "incident.updated";
}

std::string amqp_body(const tsn::Message& message) {
  if (message.group || message.kind == TSN_MSG_TEST) return webhook_payload(message);
  return incident_of(message).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string amqp_message_id(std::string_view key) {
  return key.size() <= 255 ? std::string(key) : hash_text(key);
}

}  // namespace tocsin_plugins
