#include "event.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "message_text/page.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr std::size_t most_summary = 1024, most_key = 255, most_word = 255, most_value = 2000, most_href = 2048;
/// Of custom_details; what is beside them in an event has room for itself in the rest.
constexpr std::size_t most_details = 400'000;
constexpr PageLimits limits{.alerts = 0, .entries = 0, .links = 10, .text = most_value};

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// An object that takes members as long as its text stays within its room.
class BoundedObject {
 public:
  explicit BoundedObject(std::size_t room) : room_(room) {}
  bool add(const std::string& name, json value) {
    const std::size_t size = dumped(value).size() + dumped(name).size() + 2;
    if (size > room_) return false;
    room_ -= size;
    members_[name] = std::move(value);
    return true;
  }
  void add_text(const std::string& name, std::string_view text) {
    if (!text.empty()) add(name, cut(clean(text), most_value));
  }
  std::size_t room() const { return room_; }
  json take() { return std::move(members_); }

 private:
  std::size_t room_;
  json members_ = json::object();
};

json labels_of(const tsn::Labels& labels, std::size_t room) {
  BoundedObject out(room);
  for (const auto& label : labels) out.add(cut(one_line(label.name), most_word), cut(clean(label.value), most_value));
  return out.take();
}

json number_or_null(double value) {
  return std::isfinite(value) ? json(value) : json();
}

json alert_details(const tsn::Alert& alert) {
  json out{{"name", cut(one_line(alert.name), most_word)},
           {"status", alert.firing ? "firing" : "resolved"},
           {"fingerprint", cut(one_line(alert.fingerprint), most_word)},
           {"labels", labels_of(alert.labels, most_details / 8)},
           {"annotations", labels_of(alert.annotations, most_details / 8)}};
  if (const auto severity = tsn::severity_name(alert.severity); !severity.empty()) out["severity"] = severity;
  if (!alert.message.empty()) out["message"] = cut(clean(alert.message), most_value);
  if (!std::isnan(alert.value)) out["value"] = number_or_null(alert.value);
  if (!std::isnan(alert.threshold)) out["threshold"] = number_or_null(alert.threshold);
  if (alert.starts_at) out["starts_at"] = iso8601(alert.starts_at);
  if (!alert.firing && alert.ends_at) out["ends_at"] = iso8601(alert.ends_at);
  return out;
}

void add_alerts(const tsn::Message& message, BoundedObject& details) {
  const auto& alerts = message.incident.alerts;
  json told = json::array();
  std::size_t used = 0;
  const std::size_t room = details.room() > 4096 ? details.room() - 4096 : 0;
  for (const auto& alert : alerts) {
    json one = alert_details(alert);
    used += dumped(one).size() + 1;
    if (used > room) break;
    told.push_back(std::move(one));
  }
  const std::size_t omitted = alerts.size() - told.size() + (message.group ? message.group->truncated_alerts : 0);
  if (!told.empty()) details.add("alerts", std::move(told));
  if (omitted) details.add("alerts_not_listed", omitted);
}

json details_of(const tsn::Message& message) {
  const auto& incident = message.incident;
  BoundedObject details(most_details);
  if (message.kind == TSN_MSG_TEST)
    details.add("note", "A test of this integration; it is resolved at once and needs no action.");
  if (incident.number) details.add("incident", incident.number);
  if (const auto status = tsn::status_name(incident.status); !status.empty()) details.add("status", status);
  details.add_text("correlation_id", incident.correlation_id);
  details.add_text("message", message.text);
  details.add_text("description", incident.description);
  details.add_text("category", incident.category);
  details.add_text("owner", incident.owner);
  details.add_text("impact", incident.impact);
  details.add_text("suggestion", incident.suggestion);
  details.add_text("ticket", incident.ticket_key);
  if (message.group) {
    details.add_text("receiver", message.group->receiver);
    if (!message.group->labels.empty()) details.add("group_labels", labels_of(message.group->labels, most_details / 8));
  }
  if (!incident.labels.empty()) details.add("labels", labels_of(incident.labels, most_details / 8));
  add_alerts(message, details);
  return details.take();
}

std::string_view pager_severity(tsn_severity severity) {
  switch (severity) {
    case TSN_SEV_CRITICAL:
      return "critical";
    case TSN_SEV_HIGH:
      return "error";
    case TSN_SEV_MEDIUM:
      return "warning";
    default:
      return "info";
  }
}

/// The incident's severity, else the worst of its alerts.
tsn_severity severity_of(const tsn::Incident& incident) {
  tsn_severity worst = incident.severity;
  if (worst == TSN_SEV_NONE)
    for (const auto& alert : incident.alerts) worst = std::max(worst, alert.severity);
  return worst;
}

std::string label_of(const tsn::Incident& incident, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (const auto value = incident.labels[name]; !value.empty()) return std::string(value);
    if (incident.alerts.empty()) continue;
    if (const auto value = incident.alerts.front().labels[name]; !value.empty()) return std::string(value);
  }
  return {};
}

std::string first_of(std::initializer_list<std::string> texts) {
  for (const auto& text : texts)
    if (auto line = cut(one_line(text), most_word); !line.empty()) return line;
  return {};
}

tsn::Time begin_of(const tsn::Incident& incident, tsn::Time now) {
  if (incident.detected_at) return incident.detected_at;
  tsn::Time first = 0;
  for (const auto& alert : incident.alerts)
    if (alert.starts_at && (first == 0 || alert.starts_at < first)) first = alert.starts_at;
  return first ? first : now;
}

std::string summary_of(const tsn::Message& message, const Page& page) {
  std::string text = page.title;
  if (!page.lead.empty()) text += (text.empty() ? "" : ": ") + page.lead;
  if (text.empty()) text = "Tocsin";
  if (message.kind == TSN_MSG_TEST) text = "[TEST] " + text;
  return cut(one_line(text), most_summary);
}

json payload_of(const tsn::Message& message, const Page& page, tsn::Time now) {
  const auto& incident = message.incident;
  const std::string service(incident.service);
  json payload{
      {"summary", summary_of(message, page)},
      {"source", first_of({label_of(incident, {"instance", "host", "hostname", "node", "loader"}), service, "tocsin"})},
      {"severity", pager_severity(severity_of(incident))},
      {"timestamp", iso8601(begin_of(incident, now))},
      {"custom_details", details_of(message)}};
  const auto add = [&](const char* name, std::string text) {
    if (!text.empty()) payload[name] = std::move(text);
  };
  add("component", first_of({service, label_of(incident, {"service", "job"})}));
  add("group", first_of({label_of(incident, {"cluster", "environment", "team"}), std::string(incident.category)}));
  add("class", first_of({incident.alerts.empty() ? std::string() : std::string(incident.alerts.front().name),
                         label_of(incident, {"alertname"})}));
  return payload;
}

/// Only complete addresses: a cut one leads elsewhere.
bool fits_as_link(std::string_view href) {
  return href.size() <= most_href && is_web_link(href);
}

json links_of(const Page& page) {
  json links = json::array();
  for (const auto& link : page.links)
    if (fits_as_link(link.href)) links.push_back({{"href", link.href}, {"text", cut(link.text, most_word)}});
  return links;
}

std::string incident_key(std::string_view correlation_id) {
  std::string key = "tocsin/incident/" + std::string(correlation_id);
  const bool plain = std::ranges::all_of(key, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  return plain && key.size() <= most_key ? key : "tocsin/incident/" + hash_text(correlation_id);
}

}  // namespace

std::string iso8601(tsn::Time at) {
  const std::time_t seconds = at / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40], out[48];
  text[std::strftime(text, sizeof text - 1, "%Y-%m-%dT%H:%M:%S", &utc)] = 0;
  std::snprintf(out, sizeof out, "%s.%03uZ", text, static_cast<unsigned>(at % 1'000'000'000 / 1'000'000));
  return out;
}

std::string_view pager_action_name(PagerAction action) {
  constexpr std::string_view names[] = {"trigger", "acknowledge", "resolve"};
  return names[static_cast<std::size_t>(action)];
}

std::vector<PagerEvent> pager_events(const tsn::Message& message) {
  const auto& incident = message.incident;
  if (message.kind == TSN_MSG_TEST) {
    const std::string key = "tocsin/test/" + hash_text(message.key);
    return {{PagerAction::trigger, key}, {PagerAction::resolve, key}};
  }
  const std::string group = message.group ? "tocsin/group/" + hash_text(message.group->group_key) : std::string();
  const std::string key = incident.correlation_id.empty() && message.group ? group
                          : incident.correlation_id.empty()                ? "tocsin/message/" + hash_text(message.key)
                                                                           : incident_key(incident.correlation_id);
  if (message.kind == TSN_MSG_FIRING) return {{PagerAction::trigger, key}};
  if (message.kind == TSN_MSG_RESOLVED) {
    std::vector<PagerEvent> events{{PagerAction::resolve, key}};
    if (message.group && key != group) events.push_back({PagerAction::resolve, group});
    return events;
  }
  const bool taken = incident.status == TSN_INC_ACKNOWLEDGED || incident.status == TSN_INC_IN_PROGRESS;
  if (message.kind == TSN_MSG_UPDATE && taken) return {{PagerAction::acknowledge, key}};
  return {};
}

std::string pager_body(const tsn::Message& message, const PagerEvent& event, std::string_view routing_key,
                       tsn::Time now, std::string_view summary) {
  json body{
      {"routing_key", routing_key}, {"event_action", pager_action_name(event.action)}, {"dedup_key", event.dedup_key}};
  if (event.action == PagerAction::trigger) {
    const Page page = page_of(message, limits);
    body["payload"] = payload_of(message, page, now);
    if (auto own = cut(one_line(summary), most_summary); !own.empty()) body["payload"]["summary"] = std::move(own);
    body["client"] = "Tocsin";
    const std::string_view external = message.group ? message.group->external_url : std::string_view();
    const std::string_view url = message.incident.url.empty() ? external : message.incident.url;
    if (fits_as_link(url)) body["client_url"] = clean(url);
    if (auto links = links_of(page); !links.empty()) body["links"] = std::move(links);
  }
  return dumped(body);
}

}  // namespace tocsin_plugins
