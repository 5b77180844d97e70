// The further ways to somebody who was told: `prefer = [ { by = "sms" }, { by = "ivr", after = "2m" } ]`. Each is a
// timer of the incident's ladder, kept with it, which stands still as it does and is forgotten when it stops.
#include <algorithm>

#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

// What is held back without a known end is looked at again after this.
constexpr base::Duration look_after = std::chrono::minutes(5);

/// How the cause of the step that was taken last begins.
std::string last_cause_of(const model::Ladder& row) {
  return row.next_step == 0 ? std::string()
                            : "s" + std::to_string(row.round) + "." + std::to_string(row.next_step - 1) + ":";
}

bool follows_last_step(const Climb& climb, const FollowUp& one) {
  const std::string begins = last_cause_of(climb.row);
  return !begins.empty() && one.cause.starts_with(begins);
}

}  // namespace

/// Whoever waits for one already goes on waiting for that one.
void Desk::Impl::expect_follow_ups(Case& c, const std::vector<Later>& later, const Telling& telling, base::Time at) {
  for (const Later& one : later) {
    const bool waits = std::ranges::any_of(c.climb.follow_ups,
                                           [&](const FollowUp& other) { return other.target == one.recipient.exact; });
    if (waits) continue;
    c.climb.follow_ups.push_back(
        {stands_until(c, at) + one.after, one.recipient.exact, telling.reason + by_preference, telling.cause});
  }
  if (later.empty()) return;
  arm_follow_ups(c);
  touch_climb(c);
}

/// The timer stands where the earliest of them is due.
void Desk::Impl::arm_follow_ups(Case& c) {
  const std::string key = "n" + c.incident.correlation_id;
  due_.erase({c.climb.follow_due, key});
  c.climb.follow_due = base::no_time;
  if (c.climb.follow_ups.empty()) return;
  c.climb.follow_due = std::ranges::min(c.climb.follow_ups, {}, &FollowUp::at).at;
  due_.insert({c.climb.follow_due, key});
}

void Desk::Impl::forget_follow_ups(Case& c) {
  if (c.climb.follow_ups.empty()) return;
  c.climb.follow_ups.clear();
  arm_follow_ups(c);
  touch_climb(c);
}

/// Those that are due, unless what holds a ladder's step holds them back.
void Desk::Impl::take_follow_ups(Case& c, base::Time at) {
  if (c.incident.status != model::IncidentStatus::open) return forget_follow_ups(c);
  base::Time until = stands_until(c, at);
  if (const auto holds = step_holds(c, nodes_of(c), at); until <= at && !holds.empty()) {
    const base::Time end = first_end(holds, at);
    until = end == base::no_time ? at + look_after : end;
  }
  std::vector<FollowUp> due;
  for (FollowUp& one : c.climb.follow_ups) {
    if (one.at > at) continue;
    if (until > at)
      one.at = until;
    else
      due.push_back(one);
  }
  std::erase_if(c.climb.follow_ups, [&](const FollowUp& one) { return one.at <= at; });
  for (const FollowUp& one : due) tell_follow_up(c, one, at);
  arm_follow_ups(c);
  touch_climb(c);
}

void Desk::Impl::tell_follow_up(Case& c, const FollowUp& one, base::Time at) {
  Telling telling;
  telling.reason = one.reason;
  telling.cause = one.cause;
  log(c, at, "tocsin", "escalated", "", one.target, one.reason);
  auto keys = tell(c, {one.target}, telling, at);
  if (follows_last_step(c.climb, one)) c.climb.hopes.merge(keys);
}

/// The step that was taken last reached nobody: who can be told otherwise is told now. False: there is no such way.
bool Desk::Impl::follow_up_at_once(Case& c, base::Time now) {
  auto& all = c.climb.follow_ups;
  const auto one = std::ranges::find_if(all, [&](const FollowUp& f) { return follows_last_step(c.climb, f); });
  if (one == all.end() || c.incident.status != model::IncidentStatus::open || stands_until(c, now) > now) return false;
  const FollowUp taken = std::move(*one);
  all.erase(one);
  tell_follow_up(c, taken, now);
  arm_follow_ups(c);
  touch_climb(c);
  return true;
}

}  // namespace tocsin::incidents
