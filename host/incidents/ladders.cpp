// Escalation: step 0 at once, each wait runs to the next step, a step that can reach nobody passes on at once.
#include <algorithm>

#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

// Between two rounds of a ladder whose waits are zero.
constexpr base::Duration least_round = std::chrono::minutes(1);

bool rounds_left(const model::Ladder& row) {
  return row.repeat < 0 || row.round < static_cast<std::uint32_t>(row.repeat);
}

}  // namespace

void Desk::Impl::schedule(Case& c, base::Time at) {
  const std::string key = "c" + c.incident.correlation_id;
  due_.erase({c.climb.row.next_at, key});
  c.climb.row.next_at = at;
  if (at != base::no_time) due_.insert({at, key});
  touch_climb(c);
}

void Desk::Impl::start_climb(Case& c, const Nodes& nodes, base::Time from, base::Time now) {
  model::Policy policy = ladder_policy(routing_, nodes, c.incident.severity);
  if (policy.steps.empty()) return;
  stop_climb(c);
  model::Ladder row;
  row.correlation_id = c.incident.correlation_id;
  for (model::PolicyStep& step : policy.steps) {
    row.steps.push_back(std::move(step.notify));
    row.waits.push_back(step.escalate_after);
  }
  row.repeat = policy.repeat;
  row.on_exhausted = std::move(policy.on_exhausted);
  c.climb.row = std::move(row);
  c.climb.exists = true;
  c.climb.hopes.clear();
  from = std::max(from, c.incident.snoozed_until);
  if (from <= now)
    take_steps(c, now);
  else
    schedule(c, from);
}

void Desk::Impl::stop_climb(Case& c) {
  if (!c.climb.running()) return;
  schedule(c, base::no_time);
  c.climb.hopes.clear();
}

void Desk::Impl::take_steps(Case& c, base::Time at, const std::string& actor) {
  model::Ladder& row = c.climb.row;
  for (;;) {
    if (row.next_step >= row.steps.size()) {
      if (!rounds_left(row)) return exhaust(c, at, actor);
      ++row.round;
      row.next_step = 0;
    }
    const std::uint32_t step = row.next_step++;
    Telling telling;
    telling.reason =
        "ladder step " + std::to_string(step + 1) + (row.round > 0 ? ", round " + std::to_string(row.round + 1) : "");
    telling.cause =
        "s" + std::to_string(row.round) + "." + std::to_string(step) + ":" + std::to_string(base::to_ns(at));
    c.climb.hopes = tell(c, row.steps[step], telling, at);
    c.climb.reached = false;
    const bool silent = c.climb.hopes.empty();
    const bool forced = actor != "tocsin";
    if (step > 0 || row.round > 0 || silent || forced) {
      const std::uint32_t before = step > 0 ? step : row.round > 0 ? static_cast<std::uint32_t>(row.steps.size()) : 0;
      log(c, at, actor, "escalated", before == 0 ? "" : "step " + std::to_string(before), joined(row.steps[step]),
          telling.reason + (forced ? ", by hand" : "") + (silent ? ": leads to nobody, passed on" : ""));
    }
    const bool last = row.next_step >= row.steps.size();
    // Only the last step waits for the next round; a ladder that reaches nobody must not turn in circles.
    base::Duration wait = row.waits[step];
    if (last && rounds_left(row))
      wait = std::max(wait, least_round);
    else if (silent)
      wait = base::Duration::zero();
    if (wait > base::Duration::zero()) return schedule(c, at + wait);
  }
}

void Desk::Impl::exhaust(Case& c, base::Time at, const std::string& actor) {
  std::vector<std::string> targets = std::move(c.climb.row.on_exhausted);
  c.climb.row.on_exhausted.clear();
  schedule(c, base::no_time);
  if (targets.empty()) return;
  Telling telling;
  telling.reason = "ladder exhausted";
  telling.cause = "x:" + std::to_string(base::to_ns(at));
  log(c, at, actor, "escalated", "", joined(targets), "the ladder is exhausted and nobody has acknowledged");
  tell(c, targets, telling, at);
}

/// After an acknowledgement that expired: who was told was reminded, and has the last step's time again. A ladder that
/// was at its end begins anew.
void Desk::Impl::resume_climb(Case& c, base::Time at) {
  if (!c.climb.exists) return;
  const model::Ladder& row = c.climb.row;
  const base::Duration wait = row.next_step > 0 ? row.waits[row.next_step - 1] : base::Duration::zero();
  if (row.next_step < row.steps.size() || rounds_left(row)) return schedule(c, at + wait);
  start_climb(c, nodes_of(c), at + std::max(wait, least_round), at);
}

base::Result<void> Desk::Impl::force_step(Case& c, const std::string& actor, base::Time now) {
  const model::Ladder& row = c.climb.row;
  const auto refuse = [&](const std::string& why) {
    return base::fail(base::Fault::conflict, name_of(c.incident) + " " + why +
                                                 "; page somebody instead: `tocsin incident page " +
                                                 std::to_string(c.incident.number) + " --to TARGET`");
  };
  if (!c.climb.exists || row.steps.empty()) return refuse("has no ladder");
  const bool spent = row.next_step >= row.steps.size() && !rounds_left(row) && row.on_exhausted.empty();
  if (spent) return refuse("has climbed its ladder to the end");
  const bool open = c.incident.status == model::IncidentStatus::open;
  wake(c, actor, "escalated by hand", now);
  stop_climb(c);
  take_steps(c, now, actor);
  if (!open) stop_climb(c);
  return {};
}

void Desk::Impl::ladder_delivery_ended(Case& c, const model::Delivery& delivery, base::Time now) {
  Climb& climb = c.climb;
  if (!climb.hopes.contains(delivery.key)) return;
  if (delivery.state != model::DeliveryState::dead) {
    climb.reached = true;
    return;
  }
  climb.hopes.erase(delivery.key);
  if (!climb.hopes.empty() || climb.reached || !climb.running()) return;
  const model::Ladder& row = climb.row;
  const bool last = row.next_step >= row.steps.size();
  if (last && rounds_left(row)) return;
  if (c.incident.snoozed_until != base::no_time) return schedule(c, c.incident.snoozed_until);
  log(c, now, "tocsin", "escalated", "", "",
      "no message of step " + std::to_string(row.next_step) + " could be sent: passed on");
  take_steps(c, now);
}

}  // namespace tocsin::incidents
