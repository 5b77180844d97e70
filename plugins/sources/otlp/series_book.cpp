#include "series_book.hpp"

#include <algorithm>
#include <cstring>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::otlp {
namespace {

bool of_a_label(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// With its length before it: no text can pass for two.
void append_part(std::string& key, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  key.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}

}  // namespace

std::string label_name(std::string_view attribute) {
  std::string name(attribute);
  std::replace_if(name.begin(), name.end(), [](char c) { return !of_a_label(c); }, '_');
  if (!name.empty() && name.front() >= '0' && name.front() <= '9') name.insert(name.begin(), '_');
  if (name.starts_with("__")) name.insert(0, "attribute");  // such names are the agent's own
  return name;
}

LabelRules::LabelRules(const tsn::Config& config, std::string_view option) {
  for (const auto& entry : config.array(option)) {
    const auto text = entry.as_str();
    const auto equals = text.find('=');
    Rule rule{std::string(text.substr(0, equals)), {}, false};
    if (equals != text.npos) rule.label = text.substr(equals + 1);
    if (rule.attribute.ends_with('*')) rule.prefix = true, rule.attribute.pop_back();
    const bool named = equals == text.npos || (!rule.label.empty() && label_name(rule.label) == rule.label);
    if (rule.attribute.find('*') != std::string::npos || (rule.attribute.empty() && !rule.prefix) || !named ||
        (rule.prefix && equals != text.npos))
      entry.wrong("an attribute as \"host.name\", \"service.name=service\" or \"k8s.*\"");
    rules_.push_back(std::move(rule));
  }
}

const LabelRules::Rule* LabelRules::find(std::string_view attribute) const {
  for (const auto& rule : rules_)
    if (rule.prefix ? attribute.starts_with(rule.attribute) : attribute == rule.attribute) return &rule;
  return nullptr;
}

void LabelRules::add(const Attributes& attributes, std::vector<tsn::LabelView>& out) const {
  for (const auto& [key, value] : attributes)
    if (const auto* rule = find(key))
      out.emplace_back(rule->label.empty() ? key : std::string_view(rule->label), value);
}

tsn::Status SeriesBook::find(std::string_view name, std::span<const tsn::LabelView> labels, tsn::Series& out) {
  key_.clear();
  append_part(key_, name);
  for (const auto& [label, value] : labels) append_part(key_, label), append_part(key_, value);
  if (const auto at = known_.find(std::string_view(key_)); at != known_.end()) return out = at->second, tsn::ok;
  auto status = make(name, labels, out);
  if (status) {
    if (known_.size() >= most_known) known_.clear();
    known_.emplace(key_, out);
  }
  return status;
}

tsn::Status SeriesBook::make(std::string_view name, std::span<const tsn::LabelView> labels, tsn::Series& out) {
  if (name.empty()) return tsn::invalid("a metric has no name");
  if (labels.size() > most_labels) return tsn::invalid("there are more than 64 attributes to make labels of");
  std::vector<std::string> names, values;
  std::string scratch;
  names.reserve(labels.size());
  values.reserve(labels.size());
  for (const auto& [label, value] : labels) {
    auto made = label_name(label);
    if (value.empty() || made.empty() || std::find(names.begin(), names.end(), made) != names.end()) continue;
    names.push_back(std::move(made));
    values.emplace_back(utf8::cut(utf8::clean(value.substr(0, 4 * most_label), scratch), most_label));
  }
  std::vector<tsn::LabelView> views;
  for (std::size_t i = 0; i < names.size(); ++i) views.emplace_back(names[i], values[i]);
  return ctx_.try_series(utf8::clean(name.substr(0, 4 * most_label), scratch), views, out);
}

}  // namespace tocsin_plugins::otlp
