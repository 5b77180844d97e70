#include "buttons.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "message_text/text.hpp"
#include "state.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr std::size_t most_label = 75, most_url = 3000, most_links_shown = 5;
constexpr int snoozes[] = {30, 60};  ///< minutes

json label(std::string_view text, std::size_t most = most_label) {
  return {{"type", "plain_text"}, {"text", plain(text, most)}, {"emoji", true}};
}

/// Correlation ids are UUIDs; whatever else a host uses must fit a menu's value of 75 characters.
bool is_incident_id(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), fits);
}

json button(std::string_view action_id, std::string_view text, std::string_view value) {
  return {{"type", "button"}, {"action_id", action_id}, {"text", label(text)}, {"value", value}};
}

json asked_first(std::string_view title, std::string_view text, std::string_view yes) {
  return {{"title", label(title, 100)},
          {"text", label(text, 300)},
          {"confirm", label(yes, 30)},
          {"deny", label("Cancel", 30)}};
}

json snooze_choice(std::string_view incident) {
  json options = json::array();
  for (const int minutes : snoozes) {
    const auto text = minutes % 60 == 0 ? std::to_string(minutes / 60) + "h" : std::to_string(minutes) + "m";
    options.push_back(
        {{"text", label("Snooze " + text)}, {"value", std::to_string(minutes) + " " + std::string(incident)}});
  }
  return {{"type", "overflow"}, {"action_id", snooze_menu}, {"options", std::move(options)}};
}

json presses_of(const tsn::Incident& incident) {
  json elements = json::array();
  const auto id = incident.correlation_id;
  const std::string name = incident.number ? "incident " + std::to_string(incident.number) : "this incident";
  if (incident.status == TSN_INC_OPEN) {
    elements.push_back(button(acknowledge_button, "Acknowledge", id));
    elements.back()["style"] = "primary";
  }
  elements.push_back(button(escalate_button, "Escalate", id));
  elements.back()["confirm"] =
      asked_first("Escalate?", "The next step of the ladder of " + name + " is taken now.", "Escalate");
  elements.push_back(button(resolve_button, "Resolve", id));
  elements.back()["style"] = "danger";
  elements.back()["confirm"] = asked_first("Resolve?", "Everybody who was told of " + name + " is told so.", "Resolve");
  elements.push_back(snooze_choice(id));
  return elements;
}

json links_of(const tsn::Message& message) {
  json elements = json::array();
  for (const auto& action : message.actions) {
    if (elements.size() == most_links_shown) break;
    const auto text = one_line(action.text);
    if (text.empty() || action.href.size() > most_url || !is_web_link(action.href)) continue;
    elements.push_back({{"type", "button"},
                        {"action_id", std::string(link_button) + std::to_string(elements.size() + 1)},
                        {"text", label(text)},
                        {"url", clean(action.href)}});
  }
  return elements;
}

}  // namespace

json actions_block(const tsn::Message& message, Buttons buttons) {
  if (message.kind == TSN_MSG_TEST || is_over(message)) return nullptr;
  if (buttons == Buttons::presses && !is_incident_id(message.incident.correlation_id)) return nullptr;
  json elements = buttons == Buttons::presses ? presses_of(message.incident) : links_of(message);
  if (elements.empty()) return nullptr;
  return {{"type", "actions"}, {"elements", std::move(elements)}};
}

std::optional<Meaning> meaning_of(std::string_view action_id, std::string_view value) {
  Meaning out;
  if (action_id == snooze_menu) {
    const auto space = std::min(value.find(' '), value.size());
    int minutes = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + space, minutes);
    const bool known = error == std::errc() && end == value.data() + space &&
                       std::find(std::begin(snoozes), std::end(snoozes), minutes) != std::end(snoozes);
    if (!known) return std::nullopt;
    out.kind = TSN_ANSWER_SNOOZE, out.lasts = std::chrono::minutes(minutes);
    value.remove_prefix(std::min(space + 1, value.size()));
  } else if (action_id == acknowledge_button) {
    out.kind = TSN_ANSWER_ACKNOWLEDGE;
  } else if (action_id == escalate_button) {
    out.kind = TSN_ANSWER_ESCALATE;
  } else if (action_id == resolve_button) {
    out.kind = TSN_ANSWER_RESOLVE;
  } else {
    return std::nullopt;
  }
  if (!is_incident_id(value)) return std::nullopt;
  out.incident = value;
  return out;
}

}  // namespace tocsin_plugins
