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

std::string joined(const std::vector<std::string>& targets) {
  std::string out;
  for (const std::string& target : targets) out += (out.empty() ? "" : ", ") + target;
  return out;
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
  if (policy.steps.empty()) return verdict_no_ladder(c, nodes, now);
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
  if (from <= now) return take_steps(c, now);
  schedule(c, from);
  Said said{model::VerdictKind::cooldown};
  said.until = from;
  said.text = "a re-fire within the rule's cooldown: the ladder begins when it is over";
  verdict(c, std::move(said), now);
}

void Desk::Impl::stop_climb(Case& c) {
  if (!c.climb.running()) return;
  schedule(c, base::no_time);
  c.climb.hopes.clear();
}

void Desk::Impl::take_steps(Case& c, base::Time at) {
  model::Ladder& row = c.climb.row;
  for (;;) {
    if (row.next_step >= row.steps.size()) {
      if (!rounds_left(row)) return exhaust(c, at);
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
    if (silent) verdict_step_to_nobody(c, row.steps[step], telling.reason, at);
    if (step > 0 || row.round > 0 || silent) {
      log(c, at, "tocsin", "escalated", "", joined(row.steps[step]),
          telling.reason + (silent ? ": leads to nobody, passed on" : ""));
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

void Desk::Impl::exhaust(Case& c, base::Time at) {
  std::vector<std::string> targets = std::move(c.climb.row.on_exhausted);
  c.climb.row.on_exhausted.clear();
  schedule(c, base::no_time);
  if (targets.empty()) return;
  Telling telling;
  telling.reason = "ladder exhausted";
  telling.cause = "x:" + std::to_string(base::to_ns(at));
  log(c, at, "tocsin", "escalated", "", joined(targets), "the ladder is exhausted and nobody has acknowledged");
  tell(c, targets, telling, at);
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
  log(c, now, "tocsin", "escalated", "", "",
      "no message of step " + std::to_string(row.next_step) + " could be sent: passed on");
  take_steps(c, now);
}

}  // namespace tocsin::incidents
