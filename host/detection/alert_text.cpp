#include <algorithm>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "detection/life_cycle.hpp"

namespace tocsin::detection {

model::Labels alert_labels(const model::Rule& rule, const model::Labels& group, model::Severity severity) {
  model::Labels labels = group;
  for (const auto& [name, value] : rule.labels) labels.set(name, value);
  labels.set("alertname", rule.name);
  if (severity != model::Severity::none) labels.set("severity", model::to_string(severity));
  if (rule.category != model::Category::none) labels.set("category", model::to_string(rule.category));
  return labels;
}

void write_texts(const model::Rule& rule, std::string_view message, model::Alert& alert) {
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "value") return std::isnan(alert.value) ? std::string("none") : base::format_number(alert.value);
    if (name == "threshold" && !std::isnan(alert.threshold)) return base::format_number(alert.threshold);
    if (alert.labels.has(name)) return std::string(alert.labels.get(name));
    if (std::find(rule.by.begin(), rule.by.end(), name) != rule.by.end()) return std::string();
    return std::nullopt;
  };
  const auto set = [&](std::string_view name, std::string_view text) {
    alert.annotations.set(name, model::expand(text, lookup));
  };
  if (message.empty())
    set("message", rule.message);
  else
    alert.annotations.set("message", message);
  set("suggestion", rule.suggestion);
  set("runbook_url", rule.runbook_url);
  alert.links.clear();
  for (const model::Link& link : rule.links)
    alert.links.push_back({model::expand(link.text, lookup), model::expand(link.href, lookup)});
}

}  // namespace tocsin::detection
