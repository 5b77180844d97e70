// Alerts into incidents: which one an alert opens, joins, raises, reopens or ends.
#include <algorithm>

#include "base/id.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;
using model::IncidentStatus;
using model::Labels;
using model::Severity;

/// The first label that says which part of the system it is.
std::string component_of(const Labels& labels) {
  for (std::string_view name : {"component", "loader", "instance", "pod", "node", "host", "client_ip"}) {
    if (labels.has(name)) return std::string(labels.get(name));
  }
  return {};
}

model::Incident from_alert(const Alert& alert, const Node& node, const Labels& group, base::Time now) {
  model::Incident incident;
  incident.correlation_id = base::uuid_v7(now);
  incident.title = alert.title.empty() ? std::string(alert.labels.get("alertname")) : alert.title;
  incident.description = std::string(alert.annotations.get("message"));
  if (incident.description.empty()) incident.description = std::string(alert.annotations.get("description"));
  if (incident.description.empty()) incident.description = std::string(alert.annotations.get("summary"));
  incident.suggestion = std::string(alert.annotations.get("suggestion"));
  incident.impact = std::string(alert.annotations.get("impact"));
  incident.runbook_url = std::string(alert.annotations.get("runbook_url"));
  incident.links = alert.links;
  incident.severity = alert.severity;
  incident.category = alert.category;
  incident.service_name = std::string(alert.labels.get("service"));
  incident.affected_component = component_of(alert.labels);
  // An alert does not carry the signal's name; a label or annotation may, else the rule says what was measured.
  incident.metric_name = std::string(alert.annotations.get("metric_name"));
  if (incident.metric_name.empty()) incident.metric_name = std::string(alert.labels.get("metric_name"));
  if (incident.metric_name.empty()) incident.metric_name = alert.rule;
  incident.metric_value = alert.value;
  incident.threshold_value = alert.threshold;
  incident.route = node.route->path;
  incident.group_key = group_key(node, group) + ":" + severity_text(alert.severity);
  incident.labels = alert.labels;
  incident.detected_at = alert.fired_at != base::no_time ? alert.fired_at : now;
  incident.created_at = incident.updated_at = now;
  return incident;
}

bool same_event(const Alert& a, const Alert& b) {
  const bool same_value = a.value == b.value || (std::isnan(a.value) && std::isnan(b.value));
  return a.state == b.state && a.severity == b.severity && same_value && a.silent == b.silent && a.shadow == b.shadow &&
         a.annotations == b.annotations && a.labels == b.labels;
}

/// Already known, or older than what is known: the journal is being read again.
bool is_old_news(const Alert& alert, const Alert& known) {
  if (alert.id == known.id) {
    if (event_time(alert) != event_time(known)) return event_time(alert) < event_time(known);
    return same_event(alert, known);
  }
  return alert.active_at < known.active_at;
}

}  // namespace

std::string pool_of(const std::string& base, Severity severity) {
  return base + "\n" + severity_text(severity);
}

Labels in_common(const Labels& a, const Labels& b) {
  std::vector<Labels::Pair> kept;
  for (const auto& pair : a) {
    if (b.get(pair.first) == pair.second) kept.push_back(pair);
  }
  return Labels(std::move(kept));
}

bool Desk::Impl::shadow_of(const Alert& alert, const Node& node) const {
  return routing_.shadow || node.route->shadow || alert.shadow;
}

Alert* Desk::Impl::member_of(std::map<std::uint64_t, Alert>& members, const Alert& alert, bool known_id) {
  auto it = members.find(alert.fingerprint);
  if (it != members.end() && it->second.id == alert.id) return &it->second;
  if (!known_id) return nullptr;
  // The same alert under another fingerprint: its severity, which is a label, rose.
  it = std::ranges::find_if(members, [&](const auto& m) { return m.second.id == alert.id; });
  return it == members.end() ? nullptr : &it->second;
}

/// What was known of this alert, or of its fingerprint's latest occurrence.
const Alert* Desk::Impl::previous(const Alert& alert) {
  const Alert* newest = nullptr;
  auto consider = [&](std::map<std::uint64_t, Alert>& members, bool known_id) {
    const Alert* found = member_of(members, alert, known_id);
    if (auto it = members.find(alert.fingerprint); !found && it != members.end()) found = &it->second;
    if (found && (!newest || event_time(*found) > event_time(*newest))) newest = found;
  };
  if (auto it = by_alert_.find(alert.id); it != by_alert_.end()) consider(cases_.at(it->second).members, true);
  if (auto it = by_fingerprint_.find(alert.fingerprint); it != by_fingerprint_.end()) {
    consider(cases_.at(it->second).members, false);
  }
  if (auto it = groups_of_.find(alert.id); it != groups_of_.end()) {
    for (const std::string& key : it->second) consider(groups_.at(key).members, true);
  }
  if (auto it = loose_of_.find(alert.id); it != loose_of_.end()) consider(loose_.at(it->second), true);
  return newest;
}

Case* Desk::Impl::case_of(const Alert& alert) {
  auto it = by_alert_.find(alert.id);
  if (it != by_alert_.end()) return &cases_.at(it->second);
  auto by_fp = by_fingerprint_.find(alert.fingerprint);
  return by_fp == by_fingerprint_.end() ? nullptr : &cases_.at(by_fp->second);
}

bool Desk::Impl::is_news(const Alert& event) {
  const Alert* known = previous(event);
  if (!known) return true;
  if (event.severity != Severity::none) return !is_old_news(event, *known);
  Alert alert = event;
  alert.severity = severity_of(routing_, event);
  return !is_old_news(alert, *known);
}

void Desk::Impl::take(const Alert& event, base::Time now) {
  Alert alert = event;
  alert.severity = severity_of(routing_, event);
  const Alert* known = previous(alert);
  if (known && is_old_news(alert, *known)) return;
  out_.alerts.push_back(event);
  note_own(event);
  if (alert.state != AlertState::firing && alert.state != AlertState::resolved) return;
  if (alert.state == AlertState::firing)
    silences_.fired(alert);
  else
    silences_.resolved(alert, now, out_.silences);
  const Nodes nodes = tree_->match(alert);
  const bool began = report(alert, nodes, now);
  if (alert.state == AlertState::firing)
    fire(alert, nodes, case_of(alert), now);
  else
    resolve(alert, case_of(alert), now);
  enter_groups(alert, nodes, now);
  if (began) say_flapping(alert, now);
}

void Desk::Impl::fire(const Alert& alert, const Nodes& nodes, Case* known, base::Time now) {
  if (settled_.contains(alert.id) && !known) return;
  if (known && known->live()) return join(*known, alert, nodes, now);
  if (known) {
    const Alert* member = member_of(known->members, alert, by_alert_.contains(alert.id));
    // A person ended the incident while this alert fired: it goes on firing, which is no re-fire.
    const bool goes_on = member && member->state == AlertState::firing && alert.severity <= member->severity;
    if (goes_on) return set_member(*known, alert);
  }
  const Node& node = *nodes.front();
  const std::string base = make_group_key(node.route->path, group_key(node, group_labels(*node.route, alert.labels)),
                                          shadow_of(alert, node));
  Case* c = case_of_group(base, alert.severity, true, now);
  if (c) return join(*c, alert, nodes, now);
  c = known && may_reopen(*known, now) ? known : case_of_group(base, alert.severity, false, now);
  if (c) {
    set_member(*c, alert);
    // Within the cooldown nobody is told anew; if it still fires afterwards, they are.
    const base::Time from = alert.silent ? std::max(now, alert.cooldown_until) : now;
    reopen(*c, nodes, from, "tocsin", alert.title + " fires again", now);
    if (c->incident.shadow && !shadow_of(alert, node)) leave_shadow(*c, nodes, now);
    return;
  }
  const std::string pool = pool_of(base, alert.severity);
  const bool newcomer = !loose_of_.contains(alert.id);
  loose_[pool][alert.fingerprint] = alert;
  loose_of_[alert.id] = pool;
  if (enough_to_open(pool, node, alert.severity, now))
    open(alert, nodes, now);
  else if (newcomer)
    verdict_below_open_after(alert, node, loose_[pool].size(), now);
}

bool Desk::Impl::may_reopen(const Case& c, base::Time now) const {
  return c.incident.status == IncidentStatus::resolved && now <= c.incident.resolved_at + routing_.reopen_window;
}

Case* Desk::Impl::case_of_group(const std::string& base, Severity severity, bool live, base::Time now) {
  const auto fits = [&](const Case& c) { return live ? c.live() : may_reopen(c, now); };
  Case* newest = nullptr;
  if (auto it = by_base_.find(base); it != by_base_.end()) {
    for (const std::string& id : it->second) {
      Case& c = cases_.at(id);
      if (c.incident.severity != severity || !fits(c)) continue;
      if (!newest || c.incident.created_at > newest->incident.created_at) newest = &c;
    }
  }
  if (newest) return newest;
  auto merged = merged_.find(pool_of(base, severity));
  return merged != merged_.end() && fits(cases_.at(merged->second)) ? &cases_.at(merged->second) : nullptr;
}

/// Distinct fingerprints that were firing at some time within the last `within`.
bool Desk::Impl::enough_to_open(const std::string& pool, const Node& node, Severity severity, base::Time now) {
  auto& alerts = loose_[pool];
  const model::OpenAfter& after = node.route->open_after;
  std::erase_if(alerts, [&](const auto& entry) {
    const Alert& a = entry.second;
    const bool over = a.state != AlertState::firing && a.resolved_at < now - after.within;
    if (over) loose_of_.erase(a.id);
    return over;
  });
  return severity == Severity::critical || alerts.size() >= after.alerts;
}

Case& Desk::Impl::open(const Alert& alert, const Nodes& nodes, base::Time now) {
  const Node& node = *nodes.front();
  const Labels group = group_labels(*node.route, alert.labels);
  model::Incident incident = from_alert(alert, node, group, now);
  incident.shadow = shadow_of(alert, node);
  const std::string id = incident.correlation_id;
  Case& c = cases_[id];
  c.base = make_group_key(node.route->path, group_key(node, group), incident.shadow);
  c.incident = std::move(incident);
  index(c);
  log(c, now, "tocsin", "opened", "", severity_text(alert.severity), c.incident.title);
  auto pool = loose_.extract(pool_of(c.base, alert.severity));
  for (const auto& [fingerprint, member] : pool.mapped()) {
    loose_of_.erase(member.id);
    set_member(c, member);
    c.incident.labels = in_common(c.incident.labels, member.labels);
    log(c, now, "tocsin", "alert", "", std::string(model::to_string(member.state)), member.title);
  }
  touch(c);
  start_climb(c, nodes, alert.silent ? std::max(now, alert.cooldown_until) : now, now);
  sync_tickets(c, TicketChange::opened, "", "", now);
  return c;
}

void Desk::Impl::join(Case& c, const Alert& alert, const Nodes& nodes, base::Time now) {
  const Alert* member = member_of(c.members, alert, by_alert_.contains(alert.id));
  const bool news = !member || member->state != AlertState::firing;
  if (news || member->severity != alert.severity) look_again(c, now);
  set_member(c, alert);
  if (news) {
    log(c, now, "tocsin", "alert", "", "firing", alert.title + (alert.silent ? " (within its cooldown)" : ""));
    c.incident.labels = in_common(c.incident.labels, alert.labels);
    c.incident.updated_at = now;
    touch(c);
    if (alert.severity <= c.incident.severity) joined_[c.incident.correlation_id].push_back(alert.fingerprint);
  }
  if (c.incident.shadow && !shadow_of(alert, *nodes.front())) leave_shadow(c, nodes, now);
  if (alert.severity > c.incident.severity) raise(c, alert.severity, nodes, now);
}

void Desk::Impl::raise(Case& c, Severity to, const Nodes& nodes, base::Time now) {
  const Severity from = c.incident.severity;
  const base::Time stood = stands_until(c, now);
  c.incident.severity = to;
  shift(c, stood, stands_until(c, now));  // a pause may not hold what is CRITICAL
  c.incident.updated_at = now;
  const std::size_t colon = c.incident.group_key.rfind(':');
  c.incident.group_key = c.incident.group_key.substr(0, colon) + ":" + severity_text(to);
  touch(c);
  log(c, now, "tocsin", "severity", severity_text(from), severity_text(to));
  wake(c, "tocsin", "its severity rose", now);
  const std::string change = "severity " + severity_text(from) + " → " + severity_text(to);
  sync_tickets(c, TicketChange::updated, "", change, now);
  // A ladder of its own for the new severity begins anew; the same one goes on as it was, and who was told hears of it.
  model::Policy policy = ladder_now(nodes, to, now, nullptr);
  std::vector<std::vector<std::string>> steps;
  for (auto& step : policy.steps) steps.push_back(std::move(step.notify));
  const bool another = !steps.empty() && (!c.climb.exists || steps != c.climb.row.steps);
  if (c.incident.status == IncidentStatus::open && another) return start_climb(c, nodes, now, now);
  notice(c, "severity", c.incident.title + ": " + change, "", now);
}

/// The rule pack or the route went live: what was only recorded is told now.
void Desk::Impl::leave_shadow(Case& c, const Nodes& nodes, base::Time now) {
  c.incident.shadow = false;
  c.incident.updated_at = now;
  c.tickets.clear();
  const std::string id = c.incident.correlation_id;
  unlist(c);
  c.base.erase(c.base.rfind('\n') + 1);
  by_base_[c.base].push_back(id);
  touch(c);
  log(c, now, "tocsin", "status", "SHADOW", "LIVE", "messages and tickets leave from now on");
  if (c.incident.status == IncidentStatus::open) start_climb(c, nodes, now, now);
  sync_tickets(c, TicketChange::opened, "", "", now);
}

void Desk::Impl::set_member(Case& c, const Alert& alert) {
  const std::string& id = c.incident.correlation_id;
  if (const Alert* before = member_of(c.members, alert, by_alert_.contains(alert.id))) {
    if (const auto fingerprint = before->fingerprint; fingerprint != alert.fingerprint) {
      c.members.erase(fingerprint);
      by_fingerprint_.erase(fingerprint);
    }
  }
  c.members[alert.fingerprint] = alert;
  claim(c, alert);
  out_.incident_alerts.push_back({id, alert});
}

/// A fingerprint burns in one incident only: in another, which a person ended while it fired, it counts as over.
void Desk::Impl::claim(Case& c, const Alert& alert) {
  const std::string& id = c.incident.correlation_id;
  auto holder = by_fingerprint_.find(alert.fingerprint);
  if (holder != by_fingerprint_.end() && holder->second != id) {
    Alert& left = cases_.at(holder->second).members.at(alert.fingerprint);
    if (left.state == AlertState::firing) {
      left.state = AlertState::resolved;
      left.resolved_at = left.updated_at = event_time(alert);
      out_.incident_alerts.push_back({holder->second, left});
    }
  }
  by_fingerprint_[alert.fingerprint] = id;
  by_alert_[alert.id] = id;
}

void Desk::Impl::resolve(const Alert& alert, Case* known, base::Time now) {
  settled_.erase(alert.id);
  if (auto pool = loose_of_.find(alert.id); pool != loose_of_.end()) {
    if (Alert* member = member_of(loose_.at(pool->second), alert, true)) *member = alert;
    loose_resolved_.insert({now, alert.id});
    return;
  }
  if (!known) return;
  Case& c = *known;
  const Alert* member = member_of(c.members, alert, by_alert_.contains(alert.id));
  if (!member || member->state == AlertState::resolved) return;
  set_member(c, alert);
  log(c, now, "tocsin", "alert", "firing", "resolved", alert.title);
  c.incident.updated_at = now;
  touch(c);
  if (c.live() && !c.any_firing()) end(c, IncidentStatus::resolved, "tocsin", "all alerts resolved", now);
}

void Desk::Impl::reopen(Case& c, const Nodes& nodes, base::Time ladder_from, std::string actor, std::string why,
                        base::Time now) {
  const IncidentStatus from = c.incident.status;
  ended_.erase({std::max(c.incident.resolved_at, c.incident.closed_at), c.incident.correlation_id});
  for (auto& [fingerprint, alert] : c.members) {
    auto holder = by_fingerprint_.find(fingerprint);
    const bool elsewhere = holder != by_fingerprint_.end() && holder->second != c.incident.correlation_id;
    if (!elsewhere || !cases_.at(holder->second).live()) {
      // The other one ended too; what it knew last comes along.
      const Alert* theirs = elsewhere ? &cases_.at(holder->second).members.at(fingerprint) : nullptr;
      if (theirs && event_time(*theirs) > event_time(alert)) {
        alert = *theirs;
        out_.incident_alerts.push_back({c.incident.correlation_id, alert});
      }
      claim(c, alert);
    } else if (alert.state == AlertState::firing) {
      alert.state = AlertState::resolved;
      alert.resolved_at = alert.updated_at = now;
      out_.incident_alerts.push_back({c.incident.correlation_id, alert});
    }
  }
  c.incident.status = IncidentStatus::open;
  c.incident.acknowledged_at = c.incident.resolved_at = c.incident.closed_at = base::no_time;
  c.incident.resolution_notes.clear();
  c.incident.close_reason.clear();
  c.incident.acknowledged_by.clear();
  clear_timers(c);
  c.climb.owes_end = false;
  c.incident.updated_at = now;
  touch(c);
  log(c, now, actor, "status", std::string(model::to_string(from)), "OPEN", why);
  start_climb(c, nodes, ladder_from, now);
  sync_tickets(c, TicketChange::reopened, actor, why, now);
}

void Desk::Impl::end(Case& c, IncidentStatus status, const std::string& actor, const std::string& text,
                     base::Time now) {
  const IncidentStatus from = c.incident.status;
  const bool was_live = c.live();
  ended_.erase({std::max(c.incident.resolved_at, c.incident.closed_at), c.incident.correlation_id});
  c.incident.status = status;
  (status == IncidentStatus::resolved ? c.incident.resolved_at : c.incident.closed_at) = now;
  (status == IncidentStatus::resolved ? c.incident.resolution_notes : c.incident.close_reason) = text;
  c.incident.updated_at = now;
  ended_.insert({now, c.incident.correlation_id});
  clear_timers(c);
  touch(c);
  log(c, now, actor, "status", std::string(model::to_string(from)), std::string(model::to_string(status)), text);
  if (was_live && c.any_firing())
    verdict_acknowledged(c, actor, "ended by hand while its alerts fire, which tell nobody until they fire anew", now);
  stop_climb(c);
  const std::string who = actor == "tocsin" ? "" : actor;
  if (!was_live) return sync_tickets(c, TicketChange::status, who, text, now);
  if (who.empty() && flaps(c))
    owe_end(c, now);
  else if (routing_.resolve_silenced || !who.empty() || !all_held(c, now))
    tell_end(c, who, now);
  sync_tickets(c, TicketChange::resolved, who, text, now);
}

void Desk::Impl::tell_end(Case& c, const std::string& who, base::Time now) {
  Telling telling;
  telling.kind = model::MessageKind::resolved;
  telling.reason = "resolved";
  telling.cause = "r:" + std::to_string(base::to_ns(now));
  telling.actor = who;
  notify_told(c, std::move(telling), now);
}

void Desk::Impl::index(Case& c) {
  const std::string& id = c.incident.correlation_id;
  auto& same = by_base_[c.base];
  if (std::ranges::find(same, id) == same.end()) same.push_back(id);
  if (c.incident.number != 0) numbers_[c.incident.number] = id;
  if (!c.live()) ended_.insert({std::max(c.incident.resolved_at, c.incident.closed_at), id});
}

void Desk::Impl::unlist(Case& c) {
  auto same = by_base_.find(c.base);
  if (same == by_base_.end()) return;
  std::erase(same->second, c.incident.correlation_id);
  if (same->second.empty()) by_base_.erase(same);
}

/// Alerts below open_after that resolved too long ago to count.
void Desk::Impl::forget_loose(base::Time now) {
  while (!loose_resolved_.empty() && loose_resolved_.begin()->first + kept_loose < now) {
    const std::string id = loose_resolved_.begin()->second;
    loose_resolved_.erase(loose_resolved_.begin());
    auto pool = loose_of_.find(id);
    if (pool == loose_of_.end()) continue;
    auto& alerts = loose_.at(pool->second);
    const auto gone = std::erase_if(
        alerts, [&](const auto& m) { return m.second.id == id && m.second.state == AlertState::resolved; });
    if (gone == 0) continue;
    if (alerts.empty()) loose_.erase(pool->second);
    loose_of_.erase(pool);
  }
}

/// Beyond the newest thousand, ended incidents that can no longer reopen by themselves leave memory (not the store).
void Desk::Impl::forget_old(base::Time now) {
  for (auto it = ended_.begin(); it != ended_.end() && ended_.size() > kept_ended;) {
    const auto [at, id] = *it;
    Case& c = cases_.at(id);
    if (at + routing_.reopen_window >= now) break;
    if (c.any_firing()) {
      ++it;
      continue;
    }
    it = ended_.erase(it);
    arm_drill(c, base::no_time);
    if (c.climb.worth_keeping()) {
      model::Ladder row;
      row.correlation_id = id;
      row.done = true;
      out_.ladders.push_back(std::move(row));
    }
    for (const auto& [fingerprint, alert] : c.members) {
      if (auto by = by_fingerprint_.find(fingerprint); by != by_fingerprint_.end() && by->second == id)
        by_fingerprint_.erase(by);
      by_alert_.erase(alert.id);
    }
    unlist(c);
    forget_merged(c);
    numbers_.erase(c.incident.number);
    touched_climbs_.erase(id);
    cases_.erase(id);
  }
}

Nodes Desk::Impl::nodes_of(const Case& c) const {
  if (c.climb.drill.until != base::no_time) {
    if (const Node* node = tree_->find(c.incident.route)) return {node};
  }
  for (const auto& [fingerprint, alert] : c.members) {
    if (alert.severity == c.incident.severity) return tree_->match(alert);
  }
  Alert alert;
  alert.labels = c.incident.labels;
  alert.severity = c.incident.severity;
  alert.category = c.incident.category;
  if (!c.incident.service_name.empty() && !alert.labels.has("service"))
    alert.labels.set("service", c.incident.service_name);
  return tree_->match(alert);
}

}  // namespace tocsin::incidents
