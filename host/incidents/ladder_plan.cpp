#include "incidents/ladder_plan.hpp"

#include <algorithm>
#include <map>

#include "incidents/people.hpp"

namespace tocsin::incidents {
namespace {

bool uses_tier(const model::Route& route) {
  if (route.policy.empty() && route.notify.empty() && route.tier) return true;
  return std::ranges::any_of(route.routes, uses_tier);
}

void plan_target(const model::Routing& routing, const std::string& target, const std::string& step,
                 base::Duration after, LadderPlan& out) {
  std::map<std::string, std::vector<std::string>> by;
  const Found found = find_people(routing, target);
  for (const Recipient& one : found.recipients) by[one.instance].push_back(one.name);
  for (const auto& [instance, who] : by) out.tellings.push_back({after, step, target, who, instance});
  for (const Later& one : found.later) {
    out.tellings.push_back(
        {after + one.after, step + by_preference, target, {one.recipient.name}, one.recipient.instance});
  }
}

LadderPlan plan(const model::Routing& routing, const model::Policy& policy) {
  LadderPlan out;
  out.name = policy.name;
  out.repeat = policy.repeat;
  for (std::size_t i = 0; i < policy.steps.size(); ++i) {
    const std::string step = "ladder step " + std::to_string(i + 1);
    for (const std::string& target : policy.steps[i].notify) plan_target(routing, target, step, out.round, out);
    out.round += policy.steps[i].escalate_after;
  }
  if (policy.repeat >= 0) {
    const base::Duration end = out.round * (policy.repeat + 1);
    for (const std::string& target : policy.on_exhausted) plan_target(routing, target, "ladder exhausted", end, out);
  }
  std::ranges::stable_sort(out.tellings, {}, &PlannedTelling::after);
  return out;
}

}  // namespace

std::vector<LadderPlan> plan_ladders(const model::Routing& routing) {
  using enum model::Severity;
  std::vector<LadderPlan> out;
  for (const auto& [name, policy] : routing.policies) out.push_back(plan(routing, policy));
  if (!routing.root || !uses_tier(*routing.root)) return out;
  for (const model::Severity severity : {critical, high, medium, low}) {
    LadderPlan tier = plan(routing, tier_policy(routing, severity));
    if (!tier.tellings.empty()) out.push_back(std::move(tier));
  }
  return out;
}

}  // namespace tocsin::incidents
