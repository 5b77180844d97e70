#include "state.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blocks.hpp"
#include "buttons.hpp"
#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr std::string_view state_id = "tocsin.state", between = "  \xc2\xb7  ";

bool has_ended(tsn_incident_status status) {
  return status == TSN_INC_RESOLVED || status == TSN_INC_CLOSED;
}

const char* sign_of(tsn_severity severity) {
  switch (severity) {
    case TSN_SEV_CRITICAL:
      return ":red_circle:";
    case TSN_SEV_HIGH:
      return ":large_orange_circle:";
    case TSN_SEV_MEDIUM:
      return ":large_yellow_circle:";
    case TSN_SEV_LOW:
      return ":large_blue_circle:";
    default:
      return ":white_circle:";
  }
}

std::string status_words(tsn_incident_status status) {
  std::string out(tsn::status_name(status));
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

std::string alert_counts(const tsn::Incident& incident) {
  const auto firing = std::count_if(incident.alerts.begin(), incident.alerts.end(), [](auto& a) { return a.firing; });
  const auto resolved = static_cast<std::ptrdiff_t>(incident.alerts.size()) - firing;
  if (incident.alerts.empty()) return {};
  if (resolved == 0) return std::to_string(firing) + " firing";
  return (firing ? std::to_string(firing) + " firing, " : "") + std::to_string(resolved) + " resolved";
}

json state_line(std::string text) {
  json element{{"type", "mrkdwn"}, {"text", std::move(text)}, {"verbatim", true}};
  return {{"type", "context"}, {"block_id", state_id}, {"elements", json::array({std::move(element)})}};
}

bool is_acknowledge(const json& element) {
  return element.is_object() && element.value("action_id", json()) == acknowledge_button;
}

/// False: nothing can be pressed any more.
bool keep_buttons(json& block, tsn_incident_status status) {
  if (has_ended(status)) return false;
  auto& elements = block["elements"];
  if (!elements.is_array()) return false;
  if (status != TSN_INC_OPEN)
    elements.erase(std::remove_if(elements.begin(), elements.end(), is_acknowledge), elements.end());
  return !elements.empty();
}

}  // namespace

bool is_over(const tsn::Message& message) {
  if (has_ended(message.incident.status)) return true;
  // That a group's alerts are over does not end an incident that may have others.
  const bool of_group_only = message.group && !message.incident.correlation_id.empty();
  return message.kind == TSN_MSG_RESOLVED && !of_group_only;
}

json state_block(const tsn::Message& message) {
  const auto& incident = message.incident;
  if (message.kind == TSN_MSG_TEST || incident.severity == TSN_SEV_NONE) return nullptr;
  const bool over = is_over(message);
  std::string text = over ? ":white_check_mark:" : sign_of(incident.severity);
  const auto add = [&](const std::string& part, const char* mark = "") {
    if (!part.empty()) text.append(text.ends_with(':') ? " " : between).append(mark).append(part).append(mark);
  };
  add(std::string(tsn::severity_name(incident.severity)), "*");
  add(over && !has_ended(incident.status) ? "RESOLVED" : status_words(incident.status), "*");
  if (const auto owner = one_line(incident.owner); !owner.empty()) add("owner " + mrkdwn(owner, 200));
  add(alert_counts(incident));
  return state_line(std::move(text));
}

json answered_blocks(json blocks, tsn_incident_status status, std::string_view sentence) {
  if (!blocks.is_array() || blocks.empty() || blocks.size() > 50) return nullptr;
  const std::string sign = has_ended(status) ? ":white_check_mark:" : status == TSN_INC_OPEN ? ":bell:" : ":eyes:";
  bool known = false;
  json out = json::array();
  for (auto& block : blocks) {
    if (!block.is_object()) return nullptr;
    const auto type = block.value("type", json());
    if (type == "actions" && !keep_buttons(block, status)) continue;
    if (block.value("block_id", json()) == state_id) {
      known = true;
      block = state_line(sign + " *" + status_words(status) + "*" + std::string(between) + mrkdwn(sentence, 1000));
    }
    out.push_back(std::move(block));
  }
  return known ? out : json(nullptr);
}

}  // namespace tocsin_plugins
