// What is held back, as the desk keeps track of it: verdicts when a hold begins or changes, the sources of inhibition,
// and the ladders that wait.
#include <algorithm>

#include "base/id.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;

model::Verdict verdict_of(const Alert& alert, const Held& held, base::Time at) {
  model::Verdict verdict;
  verdict.at = at;
  verdict.kind = held.kind;
  verdict.fingerprint = alert.fingerprint;
  verdict.alert_id = alert.id;
  verdict.rule = alert.rule;
  verdict.labels = alert.labels;
  verdict.by = held.by;
  verdict.until = held.until;
  return verdict;
}

}  // namespace

/// The silences' stage is given here, and what changes a silence calls look_again().
std::unique_ptr<Holds> Desk::Impl::make_holds() const {
  return std::make_unique<Holds>(routing_,
                                 [this](const Alert& alert, base::Time now) { return silences_.of(alert, now); });
}

/// Of a group's flush; nothing: the alert is not held back.
void Desk::Impl::note_hold(Group& group, const std::string& target, const Alert& alert, const std::optional<Held>& held,
                           base::Time at) {
  if (!held && group.held.empty()) return;
  const std::pair key(alert.fingerprint, target);
  if (!held) {
    group.held.erase(key);
    return;
  }
  const auto last = group.held.find(key);
  if (last != group.held.end() && last->second == *held) return;
  group.held.insert_or_assign(key, *held);
  model::Verdict verdict = verdict_of(alert, *held, at);
  verdict.route = group.path;
  verdict.group_key = group.group_key;
  verdict.target = target;
  if (auto found = by_fingerprint_.find(alert.fingerprint); found != by_fingerprint_.end())
    verdict.correlation_id = found->second;
  out_.verdicts.push_back(std::move(verdict));
}

/// Of a ladder; true: it is news.
bool Desk::Impl::note_hold(Case& c, const Node& node, const Alert& alert, const Held& held, base::Time at) {
  const auto last = c.climb.held.find(alert.fingerprint);
  if (last != c.climb.held.end() && last->second == held) return false;
  c.climb.held.insert_or_assign(alert.fingerprint, held);
  model::Verdict verdict = verdict_of(alert, held, at);
  verdict.route = node.route->path;
  verdict.correlation_id = c.incident.correlation_id;
  verdict.text = "the ladder waits";
  out_.verdicts.push_back(std::move(verdict));
  return true;
}

/// All of a call's alerts before any of them is told of: which of them comes first decides nothing.
void Desk::Impl::learn_sources(const std::vector<Alert>& alerts, base::Time now) {
  if (holds_->inhibitor.idle()) return;
  bool gone = false;
  for (const Alert& alert : alerts) {
    if (!is_news(alert)) continue;
    if (alert.state == AlertState::firing || alert.state == AlertState::resolved)
      gone = holds_->inhibitor.put(alert) || gone;
  }
  if (gone) look_again(now);
}

/// Every alert that is known to fire, after a restart or with other rules.
void Desk::Impl::rebuild_sources() {
  if (holds_->inhibitor.idle()) return;
  const auto put = [this](const Alert& alert) {
    if (alert.state == AlertState::firing) holds_->inhibitor.put(alert);
  };
  for (const auto& [id, alert] : settled_) put(alert);
  for (const auto& [pool, alerts] : loose_) {
    for (const auto& [fingerprint, alert] : alerts) put(alert);
  }
  for (const auto& [id, c] : cases_) {
    for (const auto& [fingerprint, alert] : c.members) put(alert);
  }
}

/// The steps and tickets that wait are looked at in this call: what held them may be over.
void Desk::Impl::look_again(base::Time now) {
  for (const std::string& id : std::set(held_climbs_)) look_again(cases_.at(id), now);
  for (const std::string& id : std::set(held_tickets_)) look_again(cases_.at(id), now);
}

void Desk::Impl::look_again(Case& c, base::Time now) {
  if (c.climb.look_at > now) look_again_at(c, now);
  if (c.tickets_look > now) look_at_tickets(c, now);
}

/// Inhibited or silenced, every one of its alerts.
bool Desk::Impl::all_held(const Case& c, base::Time now) const {
  return !c.members.empty() &&
         std::ranges::all_of(c.members, [&](const auto& member) { return holds_->of(member.second, now).has_value(); });
}

bool Desk::Impl::owes_end(const Record& record, const Alert& alert) const {
  return routing_.resolve_silenced && alert.state != AlertState::firing &&
         (record.firing.contains(alert.fingerprint) || record.owed.contains(alert.fingerprint));
}

std::optional<Held> Desk::held(const Alert& alert, base::Time now) const {
  return impl_->holds_->of(alert, now);
}

std::vector<std::string> Desk::inhibited_by(const Alert& alert) const {
  const auto inhibition = impl_->holds_->inhibitor.of(alert);
  if (!inhibition) return {};
  return {base::hex16(inhibition->source)};
}

}  // namespace tocsin::incidents
