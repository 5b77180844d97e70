#include "alertmanager_payload/payload.hpp"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

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

/// Writes JSON text piece by piece; a tree of values first costs several times as much, once for every message.
class Writer {
 public:
  Writer& open(char bracket) {
    comma();
    text_ += bracket;
    return *this;
  }
  Writer& close(char bracket) {
    text_ += bracket;
    return *this;
  }
  Writer& name(std::string_view text) {
    string(text);
    text_ += ':';
    return *this;
  }
  Writer& string(std::string_view text) {
    comma();
    const bool plain =
        std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c >= 0x7f || c == '"' || c == '\\'; });
    if (plain)
      text_.append(1, '"').append(text) += '"';
    else
      text_ += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
    return *this;
  }
  Writer& number(std::uint64_t value) {
    comma();
    text_ += std::to_string(value);
    return *this;
  }
  Writer& member(std::string_view key, std::string_view value) { return name(key).string(value); }
  Writer& labels(const std::vector<const tsn::Label*>& labels) {
    open('{');
    for (const tsn::Label* label : labels) member(label->name, label->value);
    return close('}');
  }
  Writer& labels(const tsn::Labels& labels) {
    open('{');
    for (const tsn::Label& label : labels) member(label.name, label.value);
    return close('}');
  }
  std::string take() { return std::move(text_); }

 private:
  /// Between two values of a list or an object.
  void comma() {
    if (!text_.empty() && text_.back() != '{' && text_.back() != '[' && text_.back() != ':') text_ += ',';
  }
  std::string text_;
};

void write(Writer& out, const tsn::Alert& alert) {
  out.open('{').member("status", alert.firing ? "firing" : "resolved");
  out.name("labels").labels(alert.labels).name("annotations").labels(alert.annotations);
  out.member("startsAt", rfc3339(alert.starts_at)).member("endsAt", rfc3339(alert.firing ? 0 : alert.ends_at));
  out.member("generatorURL", alert.generator_url).member("fingerprint", alert.fingerprint).close('}');
}

/// The pairs that every alert has.
std::vector<const tsn::Label*> common(std::span<const tsn::Alert> alerts, tsn::Labels tsn::Alert::* which) {
  std::vector<const tsn::Label*> out;
  if (alerts.empty()) return out;
  for (const tsn::Label& label : alerts.front().*which) {
    const auto has_it = [&](const tsn::Alert& alert) {
      return std::ranges::any_of(alert.*which, [&](const tsn::Label& other) {
        return other.name == label.name && other.value == label.value;
      });
    };
    if (std::ranges::all_of(alerts.subspan(1), has_it)) out.push_back(&label);
  }
  return out;
}

}  // namespace

std::string webhook_payload(const tsn::Message& message, std::size_t most) {
  const auto& incident = message.incident;
  const auto* group = message.group ? &*message.group : nullptr;
  std::span<const tsn::Alert> alerts = incident.alerts;
  std::uint64_t truncated = group ? group->truncated_alerts : 0;
  if (most > 0 && alerts.size() > most) {
    truncated += alerts.size() - most;
    alerts = alerts.first(most);
  }
  const bool firing =
      alerts.empty() ? message.kind != TSN_MSG_RESOLVED : std::ranges::any_of(alerts, &tsn::Alert::firing);
  Writer out;
  out.open('{').member("receiver", group ? group->receiver : message.recipient.target);
  out.member("status", firing ? "firing" : "resolved").name("alerts").open('[');
  for (const tsn::Alert& alert : alerts) write(out, alert);
  const auto shared = common(alerts, &tsn::Alert::labels);
  out.close(']').name("groupLabels");
  if (group)
    out.labels(group->labels);
  else
    out.labels(shared);
  out.name("commonLabels").labels(shared);
  out.name("commonAnnotations").labels(common(alerts, &tsn::Alert::annotations));
  out.member("externalURL", group ? group->external_url : std::string_view()).member("version", "4");
  if (group)
    out.member("groupKey", group->group_key);
  else
    out.member("groupKey", "incident/" + std::string(incident.correlation_id));
  out.name("truncatedAlerts").number(truncated);
  // Beyond version 4; receivers that do not know it skip it.
  if (!incident.correlation_id.empty()) {
    out.name("incident").open('{').name("number").number(incident.number);
    out.member("correlation_id", incident.correlation_id).member("title", incident.title);
    out.member("severity", tsn::severity_name(incident.severity));
    out.member("status", tsn::status_name(incident.status)).member("url", incident.url).close('}');
  }
  return out.close('}').take();
}

}  // namespace tocsin_plugins
