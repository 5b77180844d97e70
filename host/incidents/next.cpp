// What comes next, if nothing changes: the flush that would tell, the ladder's next step, how many alerts are wanting;
// and what holds it back until then. Inhibition ends with its source, which nobody foresees; hours and silences do.
#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;

std::vector<std::string> names_in(const Found& found) {
  std::vector<std::string> out;
  for (const Recipient& recipient : found.recipients)
    out.push_back(recipient.name.empty() ? recipient.instance : recipient.name);
  return out;
}

bool concerns(const Asked& asked, const Alert& alert) {
  return (asked.rule.empty() || alert.rule == asked.rule) && model::matches(asked.matchers, alert.labels);
}

// What holds, waits and repeats may follow on one another; beyond this it is too far away to be told.
constexpr std::size_t most_looks = 50;

/// The first tick of `next`, `next + interval`, … that is later than `after`.
base::Time tick_after(base::Time next, base::Duration interval, base::Time after) {
  interval = std::max<base::Duration>(interval, std::chrono::seconds(1));
  if (next > after) return next;
  return next + interval * ((after - next) / interval + 1);
}

/// What one target would be told at a flush at this time with what is known now.
class Flush {
 public:
  Flush(const Group& group, const model::Route& route, const Record& record, base::Time at)
      : group_(group), route_(route), record_(record), at_(at) {}

  void consider(const Alert& alert) {
    const bool cooling = alert.state == AlertState::firing && alert.silent && at_ < alert.cooldown_until &&
                         !record_.firing.contains(alert.fingerprint);
    if (cooling) {
      cool_until_ = cool_until_ == base::no_time ? alert.cooldown_until : std::min(cool_until_, alert.cooldown_until);
      return;
    }
    (alert.state == AlertState::firing ? firing_ : resolved_).insert(alert.fingerprint);
  }

  /// False: there is nothing to come. due.at later than the flush: nothing is told before.
  bool finish(Due& due) const {
    due.alerts = firing_.size() + resolved_.size();
    due.at = at_;
    if (!record_.pending.empty()) {
      due.text = "a message is on its way; what is new is compared when it has ended";
      return true;
    }
    if (needs_telling(record_, firing_, resolved_, route_.send_resolved, route_.repeat_interval, due.at)) {
      due.text = std::to_string(firing_.size()) + " firing";
      if (!resolved_.empty()) due.text += ", " + std::to_string(resolved_.size()) + " resolved";
      return !firing_.empty() || route_.send_resolved;
    }
    if (cool_until_ != base::no_time) {
      due.at = tick_after(group_.next_flush, route_.group_interval, cool_until_ - base::Duration(1));
      due.text = "if it still fires when its cooldown is over, at " + base::format_rfc3339(cool_until_);
      return true;
    }
    if (firing_.empty() || record_.notified == base::no_time) return false;
    due.at = tick_after(group_.next_flush, route_.group_interval, record_.notified + route_.repeat_interval);
    due.text = "told again if it still fires (repeat_interval " + base::format_duration(route_.repeat_interval) + ")";
    return true;
  }

 private:
  const Group& group_;
  const model::Route& route_;
  const Record& record_;
  const base::Time at_;
  std::set<std::uint64_t> firing_, resolved_;
  base::Time cool_until_{};
};

base::Time earlier(base::Time a, base::Time b) {
  if (a == base::no_time || b == base::no_time) return a == base::no_time ? b : a;
  return std::min(a, b);
}

void name_hold(Due& due, const std::optional<Held>& held) {
  due.held = held;
  if (held) due.text = text_of(*held) + "; " + (due.at == base::no_time ? "told when that is over" : due.text);
}

}  // namespace

/// Looks at one flush after the other, as far as holds and timers lead, until one tells a target of one of these
/// alerts. False: there is nothing to come.
bool Desk::Impl::foresee(const Group& group, const Node& node, const Record& record, const About& about,
                         Due& due) const {
  const model::Route& route = *node.route;
  const auto elsewhere = [&](const Alert& alert) { return route.notify.empty() && in_case(alert); };
  About asked;
  std::ranges::copy_if(about, std::back_inserter(asked), [&](const Alert* alert) {
    const bool known = record.firing.contains(alert->fingerprint) || record.owed.contains(alert->fingerprint);
    return !elsewhere(*alert) && (alert->state == AlertState::firing || known || !record.pending.empty());
  });
  base::Time at = group.next_flush, promised{};
  std::string promise;
  std::optional<Held> why;
  for (std::size_t looks = 0; looks < most_looks && !asked.empty(); ++looks) {
    const std::optional<Held> hours = holds_->hours(route, at);
    const auto hold_of = [&](const Alert& alert) -> std::optional<Held> {
      if (auto pause = paused(severity_of(routing_, alert), at)) return pause;
      const std::optional<Held> held =
          route.send_resolved && owes_end(record, alert) ? hours : holds_->of(alert, hours, at);
      return held ? held : damped(node, record, alert, at);
    };
    Flush flush(group, route, record, at);
    for (const auto& [fingerprint, alert] : group.members) {
      if (!elsewhere(alert) && !hold_of(alert)) flush.consider(alert);
    }
    base::Time over{};
    bool free = false, counts = false, pause = false;  // a report is counted that lets the first message go
    for (const Alert* alert : asked) {
      const std::optional<Held> held = hold_of(*alert);
      free = free || !held;
      if (held && !why) why = held;
      if (held) over = earlier(over, held->until);
      pause = pause || (held && held->kind == model::VerdictKind::paused && held->until == over);
      counts = counts || (held && held->kind == model::VerdictKind::flapping && held->until == over);
    }
    const bool tells = flush.finish(due) && free;
    if (tells && due.at <= at) {
      if (at == promised) due.text = promise;
      name_hold(due, at > group.next_flush ? why : std::nullopt);
      return true;
    }
    base::Time next = tells ? due.at : base::no_time;
    if (tells) promised = due.at, promise = due.text;
    if (over != base::no_time && (pause || (counts && group.told_nobody()))) {
      next = earlier(next, over);
    } else if (over != base::no_time) {
      next = earlier(next, tick_after(group.next_flush, route.group_interval, over - base::Duration(1)));
    }
    if (next <= at) break;
    at = next;
  }
  if (!why) return false;
  due.at = base::no_time;
  due.alerts = asked.size();
  name_hold(due, why);
  return true;
}

void Desk::Impl::next_of(const Group& group, const Asked& asked, std::vector<Due>& out) const {
  const Node* node = tree_->find(group.path);
  if (!node || !node->tells || group.next_flush == base::no_time) return;
  About about;
  const Alert* example = nullptr;
  for (const auto& [fingerprint, alert] : group.members) {
    if (!concerns(asked, alert)) continue;
    const auto held = by_fingerprint_.find(fingerprint);
    if (!asked.incident.empty() && (held == by_fingerprint_.end() || held->second != asked.incident)) continue;
    about.push_back(&alert);
    if (!example || held != by_fingerprint_.end()) example = &alert;
  }
  if (!example) return;
  static const Record none;
  for (const std::string& target : group_targets(group, *node)) {
    const auto record = group.records.find(target);
    Due due;
    if (!foresee(group, *node, record == group.records.end() ? none : record->second, about, due)) continue;
    due.what = "group flush";
    due.route = group.path;
    due.group_key = group.group_key;
    due.title = example->title;
    due.target = target;
    if (const auto held = by_fingerprint_.find(example->fingerprint); held != by_fingerprint_.end()) {
      due.correlation_id = held->second;
      due.incident = cases_.at(held->second).incident.number;
    }
    out.push_back(std::move(due));
  }
}

/// When the ladder goes on, with what holds it back until then, and whom it tells; false: it does not.
bool Desk::Impl::foresee(const Case& c, Due& due, std::vector<std::string>& targets) const {
  const model::Ladder& row = c.climb.row;
  const Nodes nodes = nodes_of(c);
  std::uint32_t step = row.next_step, round = row.round;
  const bool rounds_left = row.repeat < 0 || round < static_cast<std::uint32_t>(row.repeat);
  if (step >= row.steps.size() && rounds_left) step = 0, ++round;
  const bool exhausted = step >= row.steps.size();
  due.at = c.climb.due();
  due.what = exhausted ? "ladder exhausted" : "ladder step " + std::to_string(step + 1);
  if (!exhausted && round > 0) due.what += ", round " + std::to_string(round + 1);
  targets = exhausted ? row.on_exhausted : row.steps[step];
  std::optional<Held> why;
  if (c.climb.look_at != base::no_time && !c.climb.held.empty()) why = c.climb.held.begin()->second;
  if (pause_ && due.at >= pause_->until && due.at != base::no_time) why = paused(c.incident.severity, pause_->from);
  for (std::size_t looks = 0; looks < most_looks && due.at != base::no_time; ++looks) {
    if (hands_over(c, nodes, due.at)) {
      std::vector<std::string> routes;
      const model::Policy policy = ladder_now(nodes, c.incident.severity, due.at, &routes);
      due.what = "ladder step 1";
      due.route = routes.empty() ? due.route : routes.front();
      targets = policy.steps.front().notify;
      break;
    }
    if (targets.empty()) {
      due.at = next_hours(c, due.at);
      continue;
    }
    const std::vector<StepHold> holds = step_holds(c, nodes, due.at);
    if (holds.empty()) break;
    if (!why) why = holds.front().held;
    due.at = first_end(holds, due.at);
  }
  due.text = "unless somebody acknowledges it before";
  name_hold(due, why);
  return !targets.empty();
}

void Desk::Impl::next_of(const Case& c, const Asked& asked, std::vector<Due>& out) const {
  const model::Incident& incident = c.incident;
  if (!asked.incident.empty() && incident.correlation_id != asked.incident) return;
  if (!c.climb.running() && c.climb.follow_ups.empty()) return;
  const bool any = std::ranges::any_of(c.members, [&](const auto& member) { return concerns(asked, member.second); });
  const bool by_hand = c.members.empty() && asked.rule.empty() && model::matches(asked.matchers, incident.labels);
  if (!any && !by_hand) return;
  Due due;
  due.route = incident.route;
  due.group_key = incident.group_key.substr(0, incident.group_key.rfind(':'));
  due.title = incident.title;
  due.correlation_id = incident.correlation_id;
  due.incident = incident.number;
  due.alerts = c.members.size();
  for (const FollowUp& one : c.climb.follow_ups) {
    due.at = one.at;
    due.what = one.reason;
    due.target = one.target;
    due.text = "unless somebody acknowledges it before";
    out.push_back(due);
  }
  std::vector<std::string> targets;
  if (!c.climb.running() || !foresee(c, due, targets)) return;
  for (const std::string& target : targets) {
    out.push_back(due);
    out.back().target = target;
  }
}

/// Alerts that are too few for an incident.
void Desk::Impl::next_of_pool(const std::string& pool, const std::map<std::uint64_t, Alert>& alerts, const Asked& asked,
                              std::vector<Due>& out) const {
  const auto example = std::ranges::find_if(alerts, [&](const auto& entry) { return concerns(asked, entry.second); });
  if (example == alerts.end() || !asked.incident.empty() || !asked.who.empty()) return;
  const auto parts = base::split(pool, '\n');
  const Node* node = parts.empty() ? nullptr : tree_->find(std::string(parts[0]));
  if (!node || parts.size() < 2) return;
  const model::OpenAfter& after = node->route->open_after;
  if (after.alerts <= alerts.size()) return;
  Due due;
  due.what = "open_after";
  due.route = node->route->path;
  due.group_key = std::string(parts[1]);
  due.title = example->second.title;
  due.alerts = alerts.size();
  due.text = std::to_string(alerts.size()) + " of " + std::to_string(after.alerts) +
             " alerts: an incident opens with " + std::to_string(after.alerts - alerts.size()) + " more";
  if (after.within > base::Duration::zero()) due.text += " within " + base::format_duration(after.within);
  out.push_back(std::move(due));
}

std::vector<Due> Desk::next(const Asked& given) const {
  Asked asked = given;
  std::vector<Due> out;
  if (!asked.incident.empty()) {
    const Case* c = impl_->find(asked.incident);
    if (!c) return out;
    asked.incident = c->incident.correlation_id;
  }
  for (const auto& [key, group] : impl_->groups_) impl_->next_of(group, asked, out);
  for (const auto& [id, c] : impl_->cases_) impl_->next_of(c, asked, out);
  for (const auto& [pool, alerts] : impl_->loose_) impl_->next_of_pool(pool, alerts, asked, out);
  const auto when = [](const Due& due) { return due.at == base::no_time ? base::Time::max() : due.at; };
  std::ranges::stable_sort(out, {}, when);
  if (asked.who.empty() && out.size() > asked.most) out.resize(asked.most);
  for (Due& due : out) {
    if (!due.target.empty()) due.who = names_in(impl_->people_of(due.target, due.at));
  }
  if (asked.who.empty()) return out;
  std::erase_if(out, [&](const Due& due) {
    return std::ranges::none_of(due.who, [&](const auto& name) { return base::equal_without_case(name, asked.who); });
  });
  if (out.size() > asked.most) out.resize(asked.most);
  return out;
}

}  // namespace tocsin::incidents
