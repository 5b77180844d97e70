#include "payload.hpp"

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

namespace tocsin_plugins {
namespace {

using nlohmann::json;

std::string rfc3339(tsn::Time at) {
  if (at == 0) return "0001-01-01T00:00:00Z";
  const std::time_t seconds = at / 1'000'000'000;
  const auto fraction = static_cast<unsigned>(at % 1'000'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  const auto n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::string out(text, n);
  if (fraction) {
    char decimals[12];
    std::snprintf(decimals, sizeof decimals, ".%09u", fraction);
    out += decimals;
    while (out.back() == '0') out.pop_back();
  }
  return out + "Z";
}

json object_of(const tsn::Labels& labels) {
  json out = json::object();
  for (const auto& label : labels) out[std::string(label.name)] = label.value;
  return out;
}

json alert_of(const tsn::Alert& alert) {
  return {{"status", alert.firing ? "firing" : "resolved"},
          {"labels", object_of(alert.labels)},
          {"annotations", object_of(alert.annotations)},
          {"startsAt", rfc3339(alert.starts_at)},
          {"endsAt", rfc3339(alert.firing ? 0 : alert.ends_at)},
          {"generatorURL", alert.generator_url},
          {"fingerprint", alert.fingerprint}};
}

/// The pairs that every alert has.
json common(const std::vector<tsn::Alert>& alerts, tsn::Labels tsn::Alert::* which) {
  if (alerts.empty()) return json::object();
  json out = object_of(alerts.front().*which);
  for (const auto& alert : alerts) {
    const json other = object_of(alert.*which);
    for (auto it = out.begin(); it != out.end();) {
      const auto same = other.find(it.key());
      it = same != other.end() && *same == it.value() ? std::next(it) : out.erase(it);
    }
  }
  return out;
}

}  // namespace

std::string webhook_payload(const tsn::Message& message, std::size_t most) {
  const auto& incident = message.incident;
  auto alerts = incident.alerts;
  std::uint64_t truncated = message.group ? message.group->truncated_alerts : 0;
  if (most > 0 && alerts.size() > most) {
    truncated += alerts.size() - most;
    alerts.erase(alerts.begin() + static_cast<std::ptrdiff_t>(most), alerts.end());
  }
  json list = json::array();
  bool firing = false;
  for (const auto& alert : alerts) {
    list.push_back(alert_of(alert));
    firing = firing || alert.firing;
  }
  if (alerts.empty()) firing = message.kind != TSN_MSG_RESOLVED;
  json out{{"version", "4"},
           {"status", firing ? "firing" : "resolved"},
           {"alerts", std::move(list)},
           {"commonLabels", common(alerts, &tsn::Alert::labels)},
           {"commonAnnotations", common(alerts, &tsn::Alert::annotations)},
           {"truncatedAlerts", truncated}};
  if (message.group) {
    out["receiver"] = message.group->receiver;
    out["groupKey"] = message.group->group_key;
    out["groupLabels"] = object_of(message.group->labels);
    out["externalURL"] = message.group->external_url;
  } else {
    out["receiver"] = message.recipient.target;
    out["groupKey"] = "incident/" + std::string(incident.correlation_id);
    out["groupLabels"] = out["commonLabels"];
    out["externalURL"] = "";
  }
  // Beyond version 4; receivers that do not know it skip it.
  if (!incident.correlation_id.empty()) {
    out["incident"] = {{"number", incident.number},
                       {"correlation_id", incident.correlation_id},
                       {"title", incident.title},
                       {"severity", tsn::severity_name(incident.severity)},
                       {"status", tsn::status_name(incident.status)},
                       {"url", incident.url}};
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tocsin_plugins
