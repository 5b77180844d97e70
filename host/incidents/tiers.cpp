// The default policies of the severities, and how the ladders of several routes become one.
#include <algorithm>
#include <map>
#include <set>

#include "incidents/people.hpp"

namespace tocsin::incidents {
namespace {

using model::Policy;
using model::PolicyStep;
using model::Routing;
using model::Severity;
using namespace std::chrono_literals;

struct Tier {
  std::vector<std::string> plugins;
  base::Duration wait;
  bool climbs;
};

Tier tier_of(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return {{"ivr", "sms", "email", "slack"}, 5min, true};
    case Severity::high:
      return {{"sms", "email", "slack"}, 15min, true};
    case Severity::medium:
      return {{"email", "slack"}, 60min, true};
    case Severity::low:
    case Severity::none:
      break;
  }
  return {{"slack"}, 0min, false};
}

/// `instance:contact.x` for everybody the instance can reach, or the instance alone.
std::vector<std::string> everybody(const Routing& routing, const model::Channel& channel) {
  if (channel.no_recipient) return {channel.instance};
  std::vector<std::string> names = names_of(routing.contacts);
  if (auto group = routing.groups.find("oncall"); group != routing.groups.end()) names = group->second.members;
  std::vector<std::string> targets;
  for (const std::string& name : names) {
    std::string target = channel.instance + ":contact." + name;
    if (!find_people(routing, target).recipients.empty()) targets.push_back(std::move(target));
  }
  if (targets.empty() && !channel.default_recipient.empty()) targets.push_back(channel.instance);
  return targets;
}

std::vector<std::string> targets_of(const Routing& routing, const std::string& plugin) {
  std::vector<std::string> targets;
  for (const auto& [name, channel] : routing.channels) {
    if (channel.tracker || channel.plugin != plugin) continue;
    for (std::string& target : everybody(routing, channel)) targets.push_back(std::move(target));
  }
  return targets;
}

/// The manager, by the most urgent way there is unless the manager prefers another.
std::vector<std::string> manager(const Routing& routing) {
  auto it = routing.contacts.find("manager");
  if (it == routing.contacts.end()) return {};
  if (it->second.prefer.empty()) {
    for (const char* plugin : {"ivr", "sms"}) {
      for (const auto& [name, channel] : routing.channels) {
        if (channel.plugin != plugin) continue;
        if (!find_people(routing, name + ":contact.manager").recipients.empty()) return {name + ":contact.manager"};
      }
    }
  }
  if (find_people(routing, "contact.manager").recipients.empty()) return {};
  return {"contact.manager"};
}

Policy route_policy(const Routing& routing, const Node& node, Severity severity) {
  if (!node.tells) return {};
  if (!node.route->policy.empty()) {
    auto it = routing.policies.find(node.route->policy);
    if (it != routing.policies.end()) return it->second;
  } else if (!node.route->notify.empty() || !node.route->tier) {
    return {};
  }
  return tier_policy(routing, severity);
}

Policy merge(const std::vector<Policy>& policies) {
  std::map<base::Duration, std::vector<std::string>> by_time;
  Policy merged;
  base::Duration length{};
  for (const Policy& policy : policies) {
    base::Duration at{};
    for (const PolicyStep& step : policy.steps) {
      auto& targets = by_time[at];
      targets.insert(targets.end(), step.notify.begin(), step.notify.end());
      at += step.escalate_after;
    }
    length = std::max(length, at);
    if (merged.repeat >= 0) merged.repeat = policy.repeat < 0 ? -1 : std::max(merged.repeat, policy.repeat);
    merged.on_exhausted.insert(merged.on_exhausted.end(), policy.on_exhausted.begin(), policy.on_exhausted.end());
    merged.name += (merged.name.empty() ? "" : "+") + policy.name;
  }
  for (auto it = by_time.begin(); it != by_time.end(); ++it) {
    auto next = std::next(it);
    merged.steps.push_back({it->second, (next == by_time.end() ? length : next->first) - it->first});
  }
  return merged;
}

}  // namespace

Policy tier_policy(const Routing& routing, Severity severity) {
  Tier tier = tier_of(severity);
  Policy policy;
  policy.name = "tier " + std::string(model::to_string(severity));
  auto add = [&](std::vector<std::string> targets, base::Duration wait) {
    if (!targets.empty()) policy.steps.push_back({std::move(targets), wait});
  };
  std::vector<std::string> first;
  for (const std::string& plugin : tier.plugins) {
    for (std::string& target : targets_of(routing, plugin)) first.push_back(std::move(target));
  }
  add(std::move(first), tier.wait);
  if (!tier.climbs) return policy;
  const std::pair<const char*, base::Duration> rungs[] = {{"email", 5min}, {"sms", 10min}, {"ivr", 15min}};
  for (const auto& [plugin, wait] : rungs) {
    if (std::ranges::find(tier.plugins, plugin) == tier.plugins.end()) add(targets_of(routing, plugin), wait);
  }
  add(manager(routing), 0min);
  return policy;
}

Policy ladder_policy(const Routing& routing, const std::vector<const Node*>& nodes, Severity severity) {
  std::vector<Policy> policies;
  std::set<std::string> names;
  for (const Node* node : nodes) {
    Policy policy = route_policy(routing, *node, severity);
    if (!policy.steps.empty() && names.insert(policy.name).second) policies.push_back(std::move(policy));
  }
  if (policies.empty()) return {};
  return policies.size() == 1 ? policies.front() : merge(policies);
}

}  // namespace tocsin::incidents
