#include "body.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "template/template_option.hpp"

namespace tocsin_plugins {
namespace {

constexpr TemplateBudget body_budget{.output = 1024 * 1024, .steps = 1'000'000};

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

/// Messages of every shape that a host sends: what a template leaves out or repeats shows in its JSON.
std::vector<tsn::Message> shapes() {
  tsn::Message bare;
  bare.kind = TSN_MSG_TEST;
  tsn::Alert alert;
  alert.name = "name", alert.message = "a \"b\"\n\\", alert.severity = TSN_SEV_HIGH, alert.firing = true;
  alert.value = 0.5, alert.threshold = NAN, alert.starts_at = 1;
  alert.labels.push_back({"a", "\"1\""});
  alert.labels.push_back({"b", "2"});
  tsn::Message one = bare;
  one.kind = TSN_MSG_FIRING, one.title = "a \"title\"", one.text = "text", one.key = "key";
  one.incident.number = 1042, one.incident.severity = TSN_SEV_CRITICAL, one.incident.labels = alert.labels;
  one.incident.alerts = {alert};
  one.incident.links = {{"text", "https://example.com"}};
  one.actions = {{TSN_ANSWER_ACKNOWLEDGE, "Acknowledge", "https://example.com"}};
  tsn::Message several = one;
  several.kind = TSN_MSG_RESOLVED;
  alert.firing = false;
  several.incident.alerts = {alert, alert, alert};
  several.incident.links.push_back({"text", "https://example.com/2"});
  several.actions.push_back({TSN_ANSWER_ESCALATE, "Escalate", "https://example.com/3"});
  several.incident.timeline = {{1, "actor", "what", "", "", ""}, {2, "actor", "what", "", "", ""}};
  several.group = tsn::Group{3, "receiver", "key", "https://example.com", {}};
  several.group->labels = alert.labels;
  return {bare, one, several};
}

}  // namespace

Escape body_escape(std::string_view body, std::string& content_type) {
  const auto first = body.find_first_not_of(" \t\r\n");
  const auto begin = first == body.npos ? body : body.substr(first);
  const bool json = (begin.starts_with('{') && !begin.starts_with("{{")) || begin.starts_with('[');
  if (content_type.empty()) content_type = json ? "application/json" : "application/x-www-form-urlencoded";
  const auto type = lower_case(content_type);
  const auto has = [&](std::string_view part) { return type.find(part) != type.npos; };
  return has("json")              ? Escape::json
         : has("form-urlencoded") ? Escape::url
         : has("html")            ? Escape::html
         : has("xml")             ? Escape::xml
                                  : Escape::text;
}

WebhookBody::WebhookBody(const tsn::Config& config, std::string content_type) : content_type_(std::move(content_type)) {
  const auto escape = body_escape(config.str("body"), content_type_);
  body_ = template_option(config, "body", escape);
  if (!body_) return;
  for (const auto& message : shapes())
    if (!write(message, 1))
      config["body"].wrong(message.incident.alerts.empty()
                               ? "valid JSON also where a message has no alerts"
                               : "valid JSON once it is filled; in a loop {{#if not last}},{{/if}} writes commas");
}

std::optional<std::string> WebhookBody::write(const tsn::Message& message, tsn::Time now) const {
  if (!body_) return std::nullopt;
  auto filled = filled_message(*body_, message, now, {}, body_budget);
  if (!filled.whole) return std::nullopt;
  if (body_->escape() == Escape::json && !nlohmann::json::accept(filled.text)) return std::nullopt;
  return std::move(filled.text);
}

}  // namespace tocsin_plugins
