#include "incidents/inhibitor.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;
using model::Labels;
using model::Matcher;
using model::Matchers;

bool is_word(std::string_view label) {
  return label == "severity" || label == "category";
}

std::string values_of(const Labels& labels, const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out.append(labels.get(name)).push_back('\xff');
  return out;
}

}  // namespace

void Inhibitor::Index::add(const Matchers& matchers, std::size_t rule) {
  const Matcher* chosen = nullptr;
  for (const Matcher& matcher : matchers) {
    if (matcher.op() != model::MatchOp::equal || matcher.value().empty()) continue;
    // A severity says little: most alerts share it.
    if (!chosen || (is_word(chosen->label()) && !is_word(matcher.label()))) chosen = &matcher;
  }
  if (!chosen) return others_.push_back(rule);
  const std::string value = is_word(chosen->label()) ? base::lower(chosen->value()) : chosen->value();
  by_value_[chosen->label()][value].push_back(rule);
}

std::vector<std::size_t> Inhibitor::Index::find(const Labels& seen) const {
  std::vector<std::size_t> out = others_;
  for (const auto& [label, values] : by_value_) {
    const std::string_view value = seen.get(label);
    if (value.empty()) continue;
    const auto rules = values.find(is_word(label) ? base::lower(value) : std::string(value));
    if (rules != values.end()) out.insert(out.end(), rules->second.begin(), rules->second.end());
  }
  std::ranges::sort(out);
  return out;
}

Inhibitor::Inhibitor(const model::Routing& routing) : routing_(routing) {
  for (const model::InhibitRule& rule : routing.inhibit_rules) {
    const std::size_t at = rules_.size();
    by_source_.add(rule.source, at);
    by_target_.add(rule.target, at);
    rules_.push_back({&rule, rule.name.empty() ? "inhibit_rules[" + std::to_string(at) + "]" : rule.name, {}});
  }
}

bool Inhibitor::put(const Alert& alert) {
  if (rules_.empty()) return false;
  const auto by_id = known_ids_.find(alert.id);
  const auto by_fingerprint = known_.find(alert.fingerprint);
  // An end, or an old event, of an occurrence before the one that is known.
  if (by_id == known_ids_.end() && by_fingerprint != known_.end() &&
      alert.active_at < by_fingerprint->second.active_at) {
    return false;
  }
  bool gone = false;
  // The same alert under another fingerprint: its severity, which is a label, rose.
  if (by_id != known_ids_.end() && by_id->second != alert.fingerprint) gone = remove(by_id->second);
  // Of an alert in shadow nobody is told, so that it must not keep anybody from being told of another.
  const bool shadow = alert.shadow && !routing_.shadow;
  if (alert.state != AlertState::firing || shadow) return remove(alert.fingerprint) || gone;
  const Labels seen = seen_labels(routing_.severity, alert);
  Known known{alert.id, alert.title, alert.active_at, {}};
  for (const std::size_t at : by_source_.find(seen)) {
    if (matches_seen(rules_[at].rule->source, seen))
      known.places.emplace_back(at, values_of(alert.labels, rules_[at].rule->equal));
  }
  if (const auto before = known_.find(alert.fingerprint); before != known_.end()) {
    if (before->second.id == alert.id && before->second.places == known.places) return gone;
    gone = remove(alert.fingerprint) || gone;
  }
  if (known.places.empty()) return gone;
  for (const auto& [at, values] : known.places) {
    Rule& rule = rules_[at];
    Sources& sources = rule.sources[values];
    (matches_seen(rule.rule->target, seen) ? sources.both : sources.only).insert(alert.fingerprint);
  }
  known_ids_[alert.id] = alert.fingerprint;
  known_.emplace(alert.fingerprint, std::move(known));
  return gone;
}

bool Inhibitor::remove(std::uint64_t fingerprint) {
  const auto known = known_.find(fingerprint);
  if (known == known_.end()) return false;
  for (const auto& [at, values] : known->second.places) {
    const auto sources = rules_[at].sources.find(values);
    sources->second.only.erase(fingerprint);
    sources->second.both.erase(fingerprint);
    if (sources->second.empty()) rules_[at].sources.erase(sources);
  }
  known_ids_.erase(known->second.id);
  known_.erase(known);
  return true;
}

std::optional<std::uint64_t> Inhibitor::source_for(const Rule& rule, const Alert& alert, const Labels& seen) const {
  if (rule.sources.empty()) return std::nullopt;
  const auto sources = rule.sources.find(values_of(alert.labels, rule.rule->equal));
  if (sources == rule.sources.end() || !matches_seen(rule.rule->target, seen)) return std::nullopt;
  const auto& [only, both] = sources->second;
  if (!only.empty()) return *only.begin();
  if (matches_seen(rule.rule->source, seen)) return std::nullopt;
  return *both.begin();
}

std::optional<Inhibition> Inhibitor::of(const Alert& alert) const {
  if (known_.empty()) return std::nullopt;
  const Labels seen = seen_labels(routing_.severity, alert);
  for (const std::size_t at : by_target_.find(seen)) {
    const Rule& rule = rules_[at];
    if (const auto source = source_for(rule, alert, seen))
      return Inhibition{*source, known_.at(*source).title, rule.name};
  }
  return std::nullopt;
}

}  // namespace tocsin::incidents
