#include "app/fellows.hpp"

#include <algorithm>
#include <utility>

#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

bool is_down(const model::Member& member) {
  return member.silent_for >= missed_after;
}

}  // namespace

std::vector<FellowVerdict> judge_fellows(const std::vector<model::Member>& members, const std::string& me) {
  std::string first = me;
  std::set<std::string> names;
  for (const auto& member : members) {
    names.insert(member.name);
    if (!is_down(member)) first = std::min(first, member.name);
  }
  const bool my_turn = first == me;
  std::vector<FellowVerdict> out;
  for (const auto& member : members) {
    if (member.name == me) continue;
    FellowVerdict verdict{member.name, false, false, false};
    const bool told = !member.told_by.empty();
    const bool mine = member.told_by == me;
    if (is_down(member)) {
      // Who raised it may be down too: its incident stands all the same. One that is no member any more has none.
      const bool orphaned = told && !names.contains(member.told_by);
      verdict.clear = orphaned && my_turn;
      verdict.claim = (!told || orphaned) && my_turn;
      verdict.down = mine || verdict.claim;
    } else {
      verdict.clear = told && (mine || my_turn);
    }
    out.push_back(std::move(verdict));
  }
  return out;
}

Fellows::Fellows(Parts parts)
    : parts_(std::move(parts)),
      shared_(parts_.pipeline->store().shared()),
      duty_("fellows", [this] { return round(); }) {}

void Fellows::start() {
  if (shared_) duty_.start();
}

void Fellows::stop() {
  const bool there = duty_.started();
  duty_.stop();
  if (there) (void)shared_->leave();
}

base::Duration Fellows::round() {
  const auto members = shared_->meet(parts_.address, parts_.version);
  const auto now = std::chrono::steady_clock::now();
  if (!members) {
    if (std::exchange(good_, false)) telemetry::log_error("fellows", members.error().message());
    return meet_every;
  }
  if (!std::exchange(good_, true)) good_since_ = now;
  // While the store was away nobody could say that it was there; everybody has as long again.
  if (now - good_since_ >= missed_after) judge(*members);
  return meet_every;
}

void Fellows::judge(const std::vector<model::Member>& members) {
  std::set<std::string> names;
  for (auto& verdict : judge_fellows(members, parts_.name)) {
    names.insert(verdict.name);
    if (verdict.clear && !shared_->disclaim(verdict.name)) continue;
    if (verdict.claim) {
      const auto granted = shared_->claim(verdict.name);
      verdict.down = granted && *granted;
    }
    tell(verdict.name, verdict.down);
  }
  end_of_strangers(names);
}

void Fellows::tell(const std::string& name, bool down) {
  const auto known = told_.find(name);
  if (known != told_.end() && known->second == down) return;
  if (down)
    telemetry::log_error("fellows", "agent " + name + " has not been heard of for 30 s");
  else if (known != told_.end())
    telemetry::log_info("fellows", "agent " + name + " is back");
  told_[name] = down;
  parts_.pipeline->own_alert(detection::OwnAlert::agent_down, model::Labels{{"agent", name}}, down);
}

/// Agents that stopped in order, or whose rows were removed, are not missed any more; also where they were before this
/// process began.
void Fellows::end_of_strangers(const std::set<std::string>& names) {
  if (!looked_back_) {
    storage::AlertQuery query;
    query.states = {model::AlertState::firing};
    query.rule = "AgentDown";
    query.page.limit = 1000;
    const auto before = parts_.pipeline->store().alerts(query);
    if (!before) return;
    looked_back_ = true;
    for (const auto& alert : before->items) told_.try_emplace(std::string(alert.group.get("agent")), true);
  }
  for (auto it = told_.begin(); it != told_.end();) {
    if (names.contains(it->first)) {
      ++it;
      continue;
    }
    if (it->second)
      parts_.pipeline->own_alert(detection::OwnAlert::agent_down, model::Labels{{"agent", it->first}}, false);
    it = told_.erase(it);
  }
}

}  // namespace tocsin::app
