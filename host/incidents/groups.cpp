// Groups: which alerts a route's people are told of together, and when. Alertmanager's rules (dispatch, notify).
#include <algorithm>

#include "base/id.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;

constexpr base::Duration least_interval = std::chrono::seconds(1);

/// A re-fire within its cooldown is told only when the cooldown is over, unless the target was never told of its end.
bool held_by_cooldown(const Alert& alert, const Record& record, base::Time at) {
  return alert.state == AlertState::firing && alert.silent && at < alert.cooldown_until &&
         !record.firing.contains(alert.fingerprint);
}

/// What notifiers render when the group has no incident (below open_after).
model::Incident stand_in(const std::vector<Alert>& alerts, const model::Labels& group, bool shadow, base::Time at) {
  model::Incident incident;
  incident.labels = group;
  incident.shadow = shadow;
  incident.status = model::IncidentStatus::resolved;
  const Alert* first = &alerts.front();
  for (const Alert& alert : alerts) {
    if (alert.state != AlertState::firing) continue;
    if (incident.status == model::IncidentStatus::resolved || alert.severity > first->severity) first = &alert;
    incident.status = model::IncidentStatus::open;
  }
  incident.title = first->title;
  incident.severity = first->severity;
  incident.category = first->category;
  incident.description = std::string(first->annotations.get("message"));
  incident.suggestion = std::string(first->annotations.get("suggestion"));
  incident.runbook_url = std::string(first->annotations.get("runbook_url"));
  incident.service_name = std::string(first->labels.get("service"));
  incident.links = first->links;
  incident.metric_value = first->value;
  incident.threshold_value = first->threshold;
  incident.detected_at = first->fired_at;
  incident.created_at = incident.updated_at = at;
  return incident;
}

/// Whether the target is to hear of ends, as far as its instance says.
bool takes_resolved(const model::Routing& routing, const std::string& target) {
  auto channel = routing.channels.find(target.substr(0, target.find(':')));
  return channel == routing.channels.end() || channel->second.send_resolved;
}

std::string title_of(const std::vector<Alert>& alerts, const model::Labels& group) {
  if (alerts.size() == 1) return alerts.front().title;
  std::string title(group.get("alertname"));
  for (const auto& [name, value] : group) {
    if (name != "alertname") title += (title.empty() ? "" : " ") + name + "=" + value;
  }
  return title.empty() ? alerts.front().title : title;
}

std::string text_of(const std::string& title, std::size_t firing, std::size_t resolved, const Alert& example) {
  std::string text = firing > 0 ? "[FIRING:" + std::to_string(firing) + "] " : "[RESOLVED] ";
  text += title;
  if (firing > 0 && resolved > 0) text += " (" + std::to_string(resolved) + " resolved)";
  if (auto message = example.annotations.get("message"); firing > 0 && !message.empty())
    text += ": " + std::string(message);
  return text;
}

}  // namespace

std::string group_hash(const std::string& delivery_key) {
  return delivery_key.starts_with("g:") && delivery_key.size() > 18 ? delivery_key.substr(2, 16) : std::string();
}

void Desk::Impl::schedule(Group& group, base::Time at) {
  due_.erase({group.next_flush, "g" + group.key});
  group.next_flush = at;
  if (at != base::no_time) due_.insert({at, "g" + group.key});
}

bool Desk::Impl::in_case(const Alert& alert) const {
  auto found = by_fingerprint_.find(alert.fingerprint);
  if (found == by_fingerprint_.end()) return false;
  const Case& c = cases_.at(found->second);
  return c.live() || c.members.at(alert.fingerprint).id == alert.id;
}

void Desk::Impl::enter_groups(const Alert& alert, const Nodes& nodes, base::Time now) {
  std::set<std::string> entered;
  for (const Node* node : nodes) {
    const model::Route& route = *node->route;
    // A route that tells nobody by group keeps no group.
    if (!node->tells || (route.notify.empty() && route.open_after.alerts <= 1)) continue;
    const model::Labels labels = group_labels(route, alert.labels);
    const std::string in_group = group_key(*node, labels);
    const bool shadow = shadow_of(alert, *node);
    const std::string key = make_group_key(route.path, in_group, shadow);
    if (!groups_.contains(key) && alert.state != AlertState::firing) continue;
    Group& group = groups_[key];
    if (group.key.empty()) {
      group.key = key;
      group.path = route.path;
      group.group_key = in_group;
      group.shadow = shadow;
      group.labels = labels;
      group_by_hash_[hashed(key)] = key;
    }
    enter(group, *node, alert, now);
    entered.insert(key);
  }
  auto& groups = groups_of_[alert.id];
  for (const std::string& key : groups) {
    if (!entered.contains(key)) leave_group(key, alert, now);
  }
  groups.insert(entered.begin(), entered.end());
  if (groups.empty()) groups_of_.erase(alert.id);
}

void Desk::Impl::enter(Group& group, const Node& node, const Alert& alert, base::Time now) {
  // A resolution of something this group never held concerns nobody here.
  if (alert.state != AlertState::firing && !member_of(group.members, alert, groups_of_.contains(alert.id))) return;
  if (const Alert* before = member_of(group.members, alert, groups_of_.contains(alert.id))) {
    if (const auto fingerprint = before->fingerprint; fingerprint != alert.fingerprint) {
      group.members.erase(fingerprint);
      group.unsaved.insert(fingerprint);
    }
  }
  group.unsaved.insert(alert.fingerprint);
  Alert& kept = group.members[alert.fingerprint];
  const bool still_quiet = kept.id == alert.id && kept.silent && kept.state == AlertState::firing &&
                           alert.state == AlertState::firing && alert.severity <= kept.severity;
  const base::Time quiet_until = kept.cooldown_until;
  const bool fresh = kept.id != alert.id || kept.state != alert.state;
  kept = alert;
  group.passed.erase(alert.fingerprint);
  if (still_quiet && !alert.silent) {
    kept.silent = true;
    kept.cooldown_until = quiet_until;
  }
  touch(group);
  if (group.last_flush != base::no_time && group.next_flush != base::no_time) {
    if (fresh) verdict_waits(group, node, kept, now);
    return;
  }
  const base::Time starts = alert.fired_at != base::no_time ? alert.fired_at : now;
  const base::Duration wait = node.route->group_wait;
  if (starts + wait <= now)
    schedule(group, now);
  else if (group.next_flush == base::no_time)
    schedule(group, now + wait);
  if (fresh) verdict_waits(group, node, kept, now);
}

void Desk::Impl::leave_group(const std::string& key, const Alert& alert, base::Time now) {
  auto found = groups_.find(key);
  if (found == groups_.end()) return;
  for (auto& [fingerprint, member] : found->second.members) {
    if (member.id != alert.id || member.state == AlertState::resolved) continue;
    member.state = AlertState::resolved;
    member.resolved_at = member.updated_at = now;
    found->second.passed.erase(fingerprint);
    found->second.unsaved.insert(fingerprint);
    touch(found->second);
  }
}

/// Whom a flush of the group considers.
std::vector<std::string> Desk::Impl::group_targets(const Group& group, const Node& node) const {
  if (!node.route->notify.empty()) return node.route->notify;
  // Below open_after the first step of the ladder is told; once an incident is open its ladder tells.
  model::Severity worst = model::Severity::none;
  for (const auto& [fingerprint, alert] : group.members) {
    if (!in_case(alert)) worst = std::max(worst, severity_of(routing_, alert));
  }
  model::Policy policy = ladder_policy(routing_, {&node}, worst);
  std::set<std::string> targets;
  if (!policy.steps.empty()) targets.insert(policy.steps.front().notify.begin(), policy.steps.front().notify.end());
  for (const auto& [target, record] : group.records) targets.insert(target);
  return {targets.begin(), targets.end()};
}

void Desk::Impl::flush(Group& group, base::Time at) {
  const Node* node = tree_->find(group.path);
  if (!node || !node->tells) return remove(group);
  const model::Route& route = *node->route;
  group.records_unsaved = true;
  touch(group);
  group.waiting.clear();
  group.recount_at = base::no_time;
  const std::vector<std::string> targets = group_targets(group, *node);
  for (const std::string& target : targets) flush_target(group, *node, target, route.notify.empty(), at);
  if (targets.empty() && group.last_flush == base::no_time) verdict_no_target(group, at);
  group.last_flush = at;
  for (const auto& [fingerprint, alert] : group.members) {
    if (alert.state != AlertState::firing) group.passed.insert(fingerprint);
  }
  base::Time next = at + std::max(route.group_interval, least_interval);
  // Nobody was told yet: the wait for the first message ends with the report that is wanting.
  if (group.recount_at > at && group.told_nobody()) next = std::min(next, group.recount_at);
  if (sweep(group)) schedule(group, next);
}

// The stages, in Alertmanager's order, but a pause before them: inhibit → active time → mute time → silence → flap
// damping → cooldown → dedup → storm → outbox (retry) → record. What holds alerts back is filtered here, between the
// group's members and the comparison with the record; with nothing left the record stays as it is. The end of what was
// told of is told also while the alert is inhibited or silenced, and waits in the group while the hours forbid it.
void Desk::Impl::flush_target(Group& group, const Node& node, const std::string& target, bool loose_only,
                              base::Time at) {
  Record& record = group.records[target];
  const model::Route& route = *node.route;
  const bool send_resolved = route.send_resolved && takes_resolved(routing_, target);
  const std::optional<Held> hours = holds_->hours(route, at);
  std::vector<Alert> alerts;
  std::set<std::uint64_t> firing, resolved;
  bool held_back = false, end_owed = false;
  About cooling;
  for (const auto& [fingerprint, alert] : group.members) {
    if (loose_only && in_case(alert)) {
      record.firing.erase(fingerprint);  // its incident's ladder tells of it from now on
      record.owed.erase(fingerprint);
      record.flapping.erase(fingerprint);
      continue;
    }
    const bool owed = send_resolved && owes_end(record, alert);
    std::optional<Held> held = paused(severity_of(routing_, alert), at);
    const bool pausing = held.has_value();
    if (!held) held = owed ? hours : holds_->of(alert, hours, at);
    bool news = false;
    if (!held) held = damped(group, node, record, alert, at, news);
    if (owed || alert.state == AlertState::firing) note_hold(group, target, alert, held, at);
    if (held) {
      held_back = true;
      if (owed || pausing || record.flapping.contains(fingerprint)) group.waiting.insert(fingerprint);
      continue;
    }
    if (!news && held_by_cooldown(alert, record, at)) {
      cooling.push_back(&alert);
      continue;
    }
    end_owed = end_owed || news || (owed && record.owed.contains(fingerprint));
    (alert.state == AlertState::firing ? firing : resolved).insert(fingerprint);
    alerts.push_back(alert);
  }
  verdict_cooling(group, target, cooling, at);
  if (!record.pending.empty()) {
    if (!record.missed) verdict_in_flight(group, target, alerts, at);
    // What it says is not known to have arrived: compared when it has ended.
    record.missed = true;
    return;
  }
  record.failed = false;
  if (held_back && alerts.empty()) return;
  if (!end_owed && !needs_telling(record, firing, resolved, send_resolved, route.repeat_interval, at))
    return verdict_quiet(group, node, target, alerts, at);
  if (!send_resolved) {
    std::erase_if(alerts, [](const Alert& a) { return a.state != AlertState::firing; });
    if (alerts.empty()) {
      record.firing.clear();
      std::erase_if(record.flapping, [&](std::uint64_t fingerprint) { return resolved.contains(fingerprint); });
      record.resolved = std::move(resolved);
      record.notified = at;
      return;
    }
  }
  if (!alerts.empty())
    tell_group(group, node, target, std::move(alerts), at);
  else
    record.firing.clear();
}

void Desk::Impl::tell_group(Group& group, const Node& node, const std::string& target, std::vector<Alert> alerts,
                            base::Time at) {
  Record& record = group.records[target];
  const Case* incident = nullptr;
  for (const Alert& alert : alerts) {
    auto found = by_fingerprint_.find(alert.fingerprint);
    if (found == by_fingerprint_.end()) continue;
    const Case& c = cases_.at(found->second);
    if (!incident || c.incident.severity > incident->incident.severity) incident = &c;
  }
  const auto firing = static_cast<std::size_t>(
      std::ranges::count_if(alerts, [](const Alert& a) { return a.state == AlertState::firing; }));
  model::Delivery base;
  base.kind = firing > 0 ? model::MessageKind::firing : model::MessageKind::resolved;
  base.correlation_id = incident ? incident->incident.correlation_id : "";
  base.target = target;
  base.reason = "group flush";
  base.receiver = node.route->receiver_name();
  base.group_key = group.group_key;
  base.group_labels = group.labels;
  base.incident = incident ? incident->incident : stand_in(alerts, group.labels, group.shadow, at);
  base.title = title_of(alerts, group.labels);
  base.text = text_of(base.title, firing, alerts.size() - firing, alerts.front());
  base.text += mark_flapping(node, record, alerts);
  base.shadow = group.shadow || routing_.shadow || node.route->shadow;
  base.created_at = base.next_attempt_at = at;
  base.deadline = at + std::max(node.route->group_interval, least_deadline);
  base::Fnv1a content;
  for (const Alert& alert : alerts) content.add(alert.id).add(model::to_string(alert.state));
  const bool at_once = first_of_critical(record, alerts) || (pause_ && pause_->at(at));
  base.alerts = std::move(alerts);
  record.sent = false;
  for (const Recipient& recipient : people_of(target, at).recipients) {
    model::Delivery d = base;
    d.key = "g:" + hashed(group.key) + ":" + std::to_string(base::to_ns(at)) + ":" +
            hashed(target + "\n" + recipient.exact + base::hex16(content.value()));
    d.instance = recipient.instance;
    d.recipient = recipient.name;
    d.address = recipient.address;
    record.pending.insert(d.key);
    if (gather(d, at_once, at))
      verdict_of_message(d, said_of_storm(d), at);
    else
      verdict_told(group, d, at);
    out_.deliveries.push_back(std::move(d));
  }
  if (record.pending.empty()) verdict_nobody(group, target, base.alerts, at);
}

void Desk::Impl::expect_group_delivery(const model::Delivery& delivery) {
  auto hash = group_by_hash_.find(group_hash(delivery.key));
  if (hash != group_by_hash_.end()) groups_.at(hash->second).records[delivery.target].pending.insert(delivery.key);
}

void Desk::Impl::group_delivery_ended(const model::Delivery& delivery, base::Time now) {
  auto hash = group_by_hash_.find(group_hash(delivery.key));
  if (hash == group_by_hash_.end()) return;
  Group& group = groups_.at(hash->second);
  auto found = group.records.find(delivery.target);
  if (found == group.records.end()) return;
  Record& record = found->second;
  group.records_unsaved = true;
  record.pending.erase(delivery.key);
  if (delivery.state != model::DeliveryState::dead && delivery.created_at >= record.notified) {
    record.sent = true;
    group.learn(record, delivery);
    touch(group);
  }
  if (!record.pending.empty()) return;
  record.failed = !record.sent;
  const Node* node = tree_->find(group.path);
  if (record.missed && node) {
    record.missed = false;
    flush_target(group, *node, delivery.target, node->route->notify.empty(), now);
  }
  sweep(group);
}

/// Lets go of resolved members that a flush has passed and every target knows of, or was not to know of; false if that
/// was the group's end.
bool Desk::Impl::sweep(Group& group) {
  for (const auto& [target, record] : group.records) {
    if (!record.pending.empty() || record.failed) return true;
  }
  const std::size_t before = group.members.size();
  std::erase_if(group.members, [&](const auto& member) {
    const Alert& alert = member.second;
    if (group.waiting.contains(member.first) || group.passed.erase(member.first) == 0) return false;
    group.held.erase(group.held.lower_bound({member.first, ""}), group.held.lower_bound({member.first + 1, ""}));
    group.unsaved.insert(member.first);
    if (auto groups = groups_of_.find(alert.id); groups != groups_of_.end()) {
      groups->second.erase(group.key);
      if (groups->second.empty()) groups_of_.erase(groups);
    }
    return true;
  });
  if (group.members.size() != before) touch(group);
  if (!group.members.empty()) return true;
  remove(group);
  return false;
}

void Desk::Impl::remove(Group& group) {
  schedule(group, base::no_time);
  for (auto& row : group.take_rows(true)) out_.groups.push_back(std::move(row));
  for (const auto& [fingerprint, alert] : group.members) {
    if (auto groups = groups_of_.find(alert.id); groups != groups_of_.end()) groups->second.erase(group.key);
  }
  touched_groups_.erase(group.key);
  group_by_hash_.erase(hashed(group.key));
  const std::string key = group.key;
  groups_.erase(key);
}

/// After a reload: members of routes that are gone take the routes there are now, and firing alerts of incidents enter
/// groups they had no reason to be in before. Groups whose route stayed keep members and timers.
void Desk::Impl::reroute_groups(base::Time now) {
  std::vector<Alert> moved;
  for (auto it = groups_.begin(); it != groups_.end();) {
    Group& group = (it++)->second;
    const Node* node = tree_->find(group.path);
    if (node && node->tells && group.group_key.starts_with(node->key + ":{")) continue;
    for (const auto& [fingerprint, alert] : group.members) {
      if (alert.state == AlertState::firing) moved.push_back(alert);
    }
    remove(group);
  }
  for (const auto& [id, c] : cases_) {
    for (const auto& [fingerprint, alert] : c.members) {
      if (alert.state == AlertState::firing && !groups_of_.contains(alert.id)) moved.push_back(alert);
    }
  }
  for (const Alert& alert : moved) enter_groups(alert, tree_->match(alert), now);
}

/// What was told stays told. A group that waits for its first flush goes on waiting: nobody hears of it later.
void Desk::Impl::restart_timers(base::Time now) {
  for (auto& [key, group] : groups_) {
    if (group.last_flush == base::no_time) continue;
    schedule(group, now);
    touch(group);
  }
}

}  // namespace tocsin::incidents
