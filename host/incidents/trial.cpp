#include "incidents/trial.hpp"

#include <algorithm>

#include "incidents/people.hpp"
#include "incidents/tree.hpp"

namespace tocsin::incidents {
namespace {

class Trying {
 public:
  Trying(const model::Routing& routing, const model::Alert& alert, base::Time at, const Judges& judges)
      : routing_(routing),
        tree_(routing),
        roster_(routing, judges.overrides),
        alert_(alert),
        at_(at),
        judges_(judges) {}

  Trial run() {
    alert_.severity = out_.severity = severity_of(routing_, alert_);
    out_.shadow = routing_.shadow;
    if (judges_.silence) out_.silenced = judges_.silence(alert_, at_);
    std::vector<const Node*> open;
    bool every_shadow = true;
    for (const Node* node : tree_.match(alert_)) {
      if (!node->tells) continue;
      const TrialRoute& route = add(*node);
      every_shadow = every_shadow && node->route->shadow;
      if (!route.open) continue;
      open.push_back(node);
      for (const std::string& target : node->route->notify) tell(target, "group flush", at_ + node->route->group_wait);
    }
    out_.shadow = out_.shadow || (every_shadow && !out_.routes.empty());
    ladder(open);
    std::ranges::stable_sort(out_.messages, {}, &TrialMessage::at);
    return std::move(out_);
  }

 private:
  const TrialRoute& add(const Node& node) {
    TrialRoute& out = out_.routes.emplace_back();
    out.path = node.route->path;
    out.group_key = group_key(node, group_labels(*node.route, alert_.labels));
    out.route = *node.route;
    out.route.routes.clear();
    bool active = node.route->active_time_intervals.empty(), muted = false;
    for (const std::string& name : node.route->active_time_intervals) {
      const TrialInterval& interval = out.intervals.emplace_back(state_of(name, false));
      active = active || interval.holds.value_or(true);
    }
    for (const std::string& name : node.route->mute_time_intervals) {
      const TrialInterval& interval = out.intervals.emplace_back(state_of(name, true));
      muted = muted || interval.holds.value_or(false);
    }
    out.open = active && !muted;
    return out;
  }

  TrialInterval state_of(const std::string& name, bool mutes) const {
    TrialInterval out{name, mutes, std::nullopt};
    const auto found = routing_.time_intervals.find(name);
    if (judges_.interval && found != routing_.time_intervals.end()) out.holds = judges_.interval(found->second, at_);
    return out;
  }

  void ladder(const std::vector<const Node*>& open) {
    const model::Policy policy = ladder_policy(routing_, open, alert_.severity);
    out_.policy = policy.name;
    base::Time at = at_;
    for (std::size_t i = 0; i < policy.steps.size(); ++i) {
      for (const std::string& target : policy.steps[i].notify) tell(target, "ladder step " + std::to_string(i + 1), at);
      at += policy.steps[i].escalate_after;
    }
    // With rounds the ladder is exhausted only after the last of them, or never.
    if (policy.repeat != 0) return;
    for (const std::string& target : policy.on_exhausted) tell(target, "ladder exhausted", at);
  }

  void tell(const std::string& target, const std::string& step, base::Time at) {
    Found found = find_people(routing_, target, {&roster_, at});
    for (Recipient& recipient : found.recipients) {
      out_.messages.push_back(
          {at, step, target, std::move(recipient.instance), std::move(recipient.name), std::move(recipient.address)});
    }
    if (step.starts_with("ladder")) later(found, target, step, at);
    for (const std::string& problem : found.problems) out_.problems.push_back(step + ", " + target + ": " + problem);
  }

  /// A contact's further ways, for whoever does not answer.
  void later(Found& found, const std::string& target, const std::string& step, base::Time at) {
    for (Later& one : found.later) {
      Recipient& recipient = one.recipient;
      out_.messages.push_back({at + one.after, step + by_preference, target, std::move(recipient.instance),
                               std::move(recipient.name), std::move(recipient.address)});
    }
  }

  const model::Routing& routing_;
  const Tree tree_;
  const Roster roster_;
  model::Alert alert_;
  const base::Time at_;
  const Judges& judges_;
  Trial out_;
};

}  // namespace

Trial try_routes(const model::Routing& routing, const model::Alert& alert, base::Time at, const Judges& judges) {
  return Trying(routing, alert, at, judges).run();
}

}  // namespace tocsin::incidents
