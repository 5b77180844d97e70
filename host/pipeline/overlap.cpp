#include "pipeline/overlap.hpp"

#include <algorithm>

namespace tocsin::pipeline {
namespace {

using model::Alert;
using model::AlertState;

/// What no shard judges is nobody's of these.
bool of_an_agent(const Alert& alert) {
  return !alert.agent.empty() && !alert.received && alert.keeper.empty();
}

}  // namespace

Overlap::Overlap(const storage::Restored& restored) {
  for (const Alert& alert : restored.alerts) {
    if (alert.state != AlertState::firing || !of_an_agent(alert)) continue;
    auto& shown = shown_[alert.fingerprint];
    if (shown.by.empty()) shown = {alert.id, alert.agent, alert.active_at, alert.fired_at, {}};
    shown.by[alert.agent] = alert.id;
  }
  // The one that people were told of may be over for its own agent.
  const auto take_shown = [this](const Alert& member) {
    const auto it = shown_.find(member.fingerprint);
    if (it == shown_.end() || member.state != AlertState::firing || !of_an_agent(member)) return;
    it->second.id = member.id, it->second.agent = member.agent;
    it->second.active_at = member.active_at, it->second.fired_at = member.fired_at;
  };
  for (const auto& group : restored.groups) std::ranges::for_each(group.members, take_shown);
  for (const auto& member : restored.incident_alerts) take_shown(member.alert);
}

Overlap::Split Overlap::take(const std::vector<Alert>& alerts) {
  Split out;
  for (const Alert& alert : alerts) {
    if (!of_an_agent(alert))
      out.decide.push_back(alert);
    else if (alert.state == AlertState::firing)
      fire(alert, out);
    else if (alert.state == AlertState::pending)
      (shown_.contains(alert.fingerprint) ? out.keep : out.decide).push_back(alert);
    else
      end(alert, out);
  }
  return out;
}

void Overlap::fire(const Alert& alert, Split& out) {
  const auto [it, fresh] = shown_.try_emplace(alert.fingerprint);
  Shown& shown = it->second;
  if (fresh) shown = {alert.id, alert.agent, alert.active_at, alert.fired_at, {}};
  shown.by[alert.agent] = alert.id;
  (shown.id == alert.id ? out.decide : out.keep).push_back(alert);
}

void Overlap::end(const Alert& alert, Split& out) {
  const auto it = shown_.find(alert.fingerprint);
  if (it == shown_.end()) return out.decide.push_back(alert);
  Shown& shown = it->second;
  if (const auto mine = shown.by.find(alert.agent); mine != shown.by.end() && mine->second == alert.id)
    shown.by.erase(mine);
  if (!shown.by.empty()) return out.keep.push_back(alert);
  if (shown.id != alert.id) {
    Alert last = alert;
    last.id = shown.id, last.agent = shown.agent;
    last.active_at = shown.active_at, last.fired_at = shown.fired_at;
    out.keep.push_back(alert);
    out.decide.push_back(std::move(last));
  } else {
    out.decide.push_back(alert);
  }
  shown_.erase(it);
}

}  // namespace tocsin::pipeline
