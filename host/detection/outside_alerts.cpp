#include "detection/outside_alerts.hpp"

#include <algorithm>

namespace tocsin::detection {
namespace {

/// Enough of a rule that is gone to end its alert.
model::Rule remains_of(const model::Alert& alert) {
  model::Rule rule;
  rule.name = alert.rule;
  rule.category = alert.category;
  rule.severity = alert.severity;
  return rule;
}

}  // namespace

std::int64_t OutsideAlerts::instant(Kept& kept, base::Time now) const {
  return kept.judged_at = std::max(kept.judged_at, base::to_ns(now));
}

void OutsideAlerts::sign(std::size_t from, Alerts& out) const {
  for (; from < out.size(); ++from) out[from].keeper = keeper_;
}

void OutsideAlerts::judge(const model::Rule& rule, const model::Labels& group, const Judgement& judgement,
                          base::Time now, Alerts& out) {
  const std::string text = group.text();
  Groups& groups = kept_[rule.name];
  auto at = groups.find(text);
  if (at == groups.end()) {
    if (!judgement.firing) return;
    at = groups.try_emplace(text).first;
    at->second.group = group;
  }
  Kept& kept = at->second;
  const std::size_t from = out.size();
  const std::int64_t t = instant(kept, now);
  kept.life.judge({rule, kept.group}, t, judgement, [] { return model::Origin{}; }, out);
  sign(from, out);
  if (kept.life.over(t)) groups.erase(at);
}

void OutsideAlerts::others_over(const model::Rule& rule, const std::set<std::string>& named, base::Time now,
                                Alerts& out) {
  std::vector<model::Labels> gone;
  for (const auto& [text, kept] : kept_[rule.name]) {
    if (!named.contains(text)) gone.push_back(kept.group);
  }
  for (const auto& group : gone) judge(rule, group, {}, now, out);
}

void OutsideAlerts::end(const std::string& rule, const model::Labels& group, base::Time now, Alerts& out) {
  const auto found = kept_.find(rule);
  if (found == kept_.end()) return;
  const auto at = found->second.find(group.text());
  if (at == found->second.end()) return;
  const std::size_t from = out.size();
  const model::Rule stub = remains_of(at->second.life.alert());
  at->second.life.end({stub, group}, instant(at->second, now), out);
  sign(from, out);
  found->second.erase(at);
}

void OutsideAlerts::end(const std::string& rule, base::Time now, Alerts& out) {
  const auto found = kept_.find(rule);
  if (found == kept_.end()) return;
  std::vector<model::Labels> groups;
  for (const auto& [text, kept] : found->second) groups.push_back(kept.group);
  for (const auto& group : groups) end(rule, group, now, out);
  kept_.erase(rule);
}

void OutsideAlerts::restore(const model::Alert& alert) {
  if (alert.keeper != keeper_ || alert.state == model::AlertState::inactive) return;
  Kept& kept = kept_[alert.rule][alert.group.text()];
  // Of two that were told of the same labels, the later one is how it stands.
  const base::Time known = kept.life.alert().updated_at;
  if (known != base::no_time && known > alert.updated_at) return;
  kept.group = alert.group;
  kept.life.restore(alert);
  kept.judged_at = base::to_ns(alert.updated_at);
}

bool OutsideAlerts::firing(const std::string& rule, const model::Labels& group) const {
  const auto found = kept_.find(rule);
  if (found == kept_.end()) return false;
  const auto at = found->second.find(group.text());
  return at != found->second.end() && at->second.life.state() == model::AlertState::firing;
}

std::size_t OutsideAlerts::in_state(const std::string& rule, model::AlertState state) const {
  const auto found = kept_.find(rule);
  if (found == kept_.end()) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(found->second, [&](const auto& each) { return each.second.life.state() == state; }));
}

std::vector<std::string> OutsideAlerts::rules() const {
  std::vector<std::string> names;
  for (const auto& [name, groups] : kept_) {
    if (!groups.empty()) names.push_back(name);
  }
  return names;
}

}  // namespace tocsin::detection
