// The desk's calls about time and alerts, and what a start continues with. What people decide is in decide_*.cpp.
#include "incidents/desk.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

// Later than this, a due entry was missed (suspended machine, stopped process) rather than merely late.
constexpr base::Duration missed_after = std::chrono::minutes(1);

}  // namespace

Desk::Impl::Impl(model::Routing routing)
    : routing_(std::move(routing)), tree_(std::make_unique<Tree>(routing_)), holds_(make_holds()) {
  silences_.configure(routing_.silences, routing_.severity);
  storms_.configure(routing_.storm);
  roster_.configure(routing_);
}

model::Changes Desk::Impl::finish(base::Time now) {
  schedule_received();
  forget_old(now);
  forget_loose(now);
  if (!joined_.empty()) verdicts_of_joined(now);
  for (const std::string& id : touched_cases_) {
    if (auto it = cases_.find(id); it != cases_.end()) out_.incidents.push_back(it->second.incident);
  }
  for (const std::string& id : touched_climbs_) {
    auto it = cases_.find(id);
    if (it == cases_.end() || !it->second.climb.worth_keeping()) continue;
    model::Ladder row = it->second.climb.to_row();
    row.correlation_id = id;
    out_.ladders.push_back(std::move(row));
  }
  for (const std::string& key : touched_groups_) {
    auto it = groups_.find(key);
    if (it == groups_.end()) continue;
    for (auto& row : it->second.take_rows(false)) out_.groups.push_back(std::move(row));
  }
  touched_cases_.clear();
  touched_climbs_.clear();
  touched_groups_.clear();
  return std::exchange(out_, {});
}

void Desk::Impl::log(const Case& c, base::Time at, std::string actor, std::string what, std::string from,
                     std::string to, std::string text) {
  out_.timeline.push_back({c.incident.correlation_id, at, std::move(actor), std::move(what), std::move(from),
                           std::move(to), std::move(text)});
}

Case* Desk::Impl::find(const std::string& id) {
  if (auto it = cases_.find(id); it != cases_.end()) return &it->second;
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) return nullptr;
  auto it = numbers_.find(number);
  return it == numbers_.end() ? nullptr : &cases_.at(it->second);
}

void Desk::Impl::run_due(base::Time now) {
  silences_.advance(now, out_.silences);
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto [due, key] = *due_.begin();
    const base::Time at = now - due > missed_after ? now : due;
    if (key.front() == 'r') {
      expire_received(at);
      continue;
    }
    if (key.front() == 'p') {
      end_pause("tocsin", at);
      continue;
    }
    if (key.front() == 'd') {
      due_.erase(due_.begin());
      look_at_digest(key.substr(1), at);
      continue;
    }
    if (key.front() == 'f') {
      look_at_flaps(key.substr(1), at);
      continue;
    }
    if (key.front() == 'g') {
      flush(groups_.at(key.substr(1)), at);
      continue;
    }
    Case& c = cases_.at(key.substr(1));
    if (key.front() == 's') {
      wake(c, "tocsin", "the snooze is over", at);
    } else if (key.front() == 'a') {
      expire_ack(c, at);
    } else if (key.front() == 't') {
      open_held_tickets(c, at);
    } else if (key.front() == 'n') {
      take_follow_ups(c, at);
    } else if (key.front() == 'x') {
      end_drill(c, at);
    } else {
      schedule(c, base::no_time);
      take_steps(c, at);
    }
  }
}

/// Rows into memory; timers that came due meanwhile are due now.
void Desk::Impl::learn(Known known, base::Time now) {
  for (model::Incident& incident : known.incidents) {
    const std::string id = incident.correlation_id;
    Case& c = cases_[id];
    c.incident = std::move(incident);
    const std::string in_group = c.incident.group_key.substr(0, c.incident.group_key.rfind(':'));
    c.base = make_group_key(c.incident.route, in_group, c.incident.shadow);
    index(c);
    learn_merged(c);
    learn_timers(c, now);
  }
  for (model::IncidentAlert& row : known.incident_alerts) {
    auto it = cases_.find(row.correlation_id);
    if (it == cases_.end()) continue;
    model::Alert& kept = it->second.members[row.alert.fingerprint];
    if (kept.id.empty() || event_time(row.alert) >= event_time(kept)) kept = std::move(row.alert);
  }
  for (auto& [id, c] : cases_) index_members(c);
  for (model::TicketRef& ticket : known.tickets) {
    auto it = cases_.find(ticket.correlation_id);
    if (it == cases_.end()) continue;
    Case& c = it->second;
    // The ticket is kept with its delivery; a crash may have come before the incident was told of it.
    if (c.incident.ticket_key.empty() && !ticket.key.empty()) {
      c.incident.ticket_key = ticket.key;
      c.incident.ticket_url = ticket.url;
      touch(c);
    }
    if (ticket.intent == ticket_held && c.live()) look_at_tickets(c, now);
    c.tickets[ticket.instance] = std::move(ticket);
  }
  for (model::Ladder& row : known.ladders) {
    auto it = cases_.find(row.correlation_id);
    if (it == cases_.end() || row.done) continue;
    Case& c = it->second;
    const base::Time next = row.next_at;
    c.climb = Climb::from_row(std::move(row));
    c.climb.row.next_at = base::no_time;
    if (next != base::no_time)
      due_.insert({c.climb.row.next_at = std::max(next, now), "c" + c.incident.correlation_id});
    arm_follow_ups(c);
    if (c.live() && c.climb.drill.until != base::no_time) arm_drill(c, std::max(c.climb.drill.until, now));
  }
}

void Desk::Impl::learn_groups(std::vector<model::GroupState> rows, base::Time now) {
  std::ranges::sort(rows, {}, &model::GroupState::key);
  for (model::GroupState& row : rows) {
    const auto parts = base::split(row.key, '\n');
    if (parts.size() == 1) learn_pause(row);
    if (parts.size() == 2) learn_reports(row, now);
    if (parts.size() < 3 || row.gone) continue;
    const std::string key = make_group_key(std::string(parts[0]), std::string(parts[1]), !parts[2].empty());
    const auto learn_member = [&](Group& group, model::Alert&& alert) {
      groups_of_[alert.id].insert(key);
      group.members[alert.fingerprint] = std::move(alert);
    };
    if (parts.size() == 3) {
      Group& group = groups_[key];
      group.key = key;
      group.path = parts[0];
      group.group_key = parts[1];
      group.shadow = !parts[2].empty();
      group.labels = row.labels;
      group.last_flush = row.last_notified;
      group_by_hash_[base::hex16(base::Fnv1a().add(key).value())] = key;
      // A row with members was written before they had rows of their own: they get them when the group next changes.
      for (model::Alert& alert : row.members) {
        group.unsaved.insert(alert.fingerprint);
        learn_member(group, std::move(alert));
      }
      schedule(group, std::max(row.next_flush, now));
    } else if (auto it = groups_.find(key); it != groups_.end()) {
      if (parts[3].empty()) {
        for (model::Alert& alert : row.members) learn_member(it->second, std::move(alert));
        continue;
      }
      Record& record = it->second.records[std::string(parts[3])];
      record.firing = {row.told_firing.begin(), row.told_firing.end()};
      record.resolved = {row.told_resolved.begin(), row.told_resolved.end()};
      record.owed = {row.owed.begin(), row.owed.end()};
      record.flapping = {row.told_flapping.begin(), row.told_flapping.end()};
      record.notified = record.quiet_said = row.last_notified;
    }
  }
}

/// Of several incidents that had an alert, the one it belongs to: open before ended, firing before over, then the
/// newest.
void Desk::Impl::index_members(Case& c) {
  for (const auto& [fingerprint, alert] : c.members) {
    std::string& holder = by_fingerprint_[fingerprint];
    const auto other = cases_.find(holder);
    if (other != cases_.end() && other->second.members.contains(fingerprint)) {
      const auto rank = [&](const Case& one) {
        const model::Alert& member = one.members.at(fingerprint);
        return std::tuple(one.live(), member.state == model::AlertState::firing, event_time(member),
                          one.incident.created_at);
      };
      if (rank(other->second) > rank(c)) continue;
    }
    holder = c.incident.correlation_id;
    by_alert_[alert.id] = holder;
  }
}

/// What is on its way, of group flushes and of the step each ladder took last.
void Desk::Impl::learn_pending(const std::vector<model::Delivery>& pending, base::Time now) {
  for (const model::Delivery& delivery : pending) {
    if (delivery.state != model::DeliveryState::pending) continue;
    if (!delivery.group_key.empty()) expect_group_delivery(delivery);
    auto it = cases_.find(delivery.correlation_id);
    if (it == cases_.end() || it->second.climb.row.next_step == 0) continue;
    const model::Ladder& row = it->second.climb.row;
    const std::string step = ":s" + std::to_string(row.round) + "." + std::to_string(row.next_step - 1);
    const auto at = delivery.key.find(step);
    if (at == delivery.correlation_id.size()) it->second.climb.hopes.insert(delivery.key);
  }
  for (auto& [id, c] : cases_) {
    if (c.climb.hopes.empty()) continue;
    // Somebody of the step is not waited for any more: taken as reached, so the ladder waits as configured.
    std::size_t people = 0;
    for (const std::string& target : c.climb.row.steps[c.climb.row.next_step - 1]) {
      people += people_of(target, now).recipients.size();
    }
    c.climb.reached = c.climb.hopes.size() < people;
  }
}

/// Alerts below open_after stand in groups only; the settled ones stand nowhere.
void Desk::Impl::learn_loose(const std::vector<model::Alert>& committed) {
  for (const auto& [key, group] : groups_) {
    const Node* node = tree_->find(group.path);
    if (!node || node->route->open_after.alerts <= 1) continue;
    for (const auto& [fingerprint, member] : group.members) {
      model::Alert alert = member;
      alert.severity = severity_of(routing_, alert);
      if (in_case(alert) || tree_->match(alert).front() != node) continue;
      const std::string pool = group.key + "\n" + severity_text(alert.severity);
      loose_[pool][fingerprint] = alert;
      loose_of_[alert.id] = pool;
      if (alert.state != model::AlertState::firing) loose_resolved_.insert({alert.resolved_at, alert.id});
    }
  }
  for (const model::Alert& alert : committed) {
    if (alert.state != model::AlertState::firing || by_alert_.contains(alert.id) || loose_of_.contains(alert.id))
      continue;
    settled_.emplace(alert.id, alert);
  }
}

Desk::Desk(model::Routing routing) : impl_(std::make_unique<Impl>(std::move(routing))) {}
Desk::~Desk() = default;

void Desk::restore(Known known, base::Time now) {
  auto groups = std::move(known.groups);
  auto alerts = std::move(known.alerts);
  auto deliveries = std::move(known.deliveries);
  auto silences = std::move(known.silences);
  impl_->roster_.learn(std::move(known.overrides));
  impl_->learn(std::move(known), now);
  impl_->learn_groups(std::move(groups), now);
  impl_->learn_pending(deliveries, now);
  impl_->learn_gathered(deliveries, now);
  impl_->learn_loose(alerts);
  impl_->rebuild_sources();
  impl_->learn_silences(std::move(silences), alerts, now);
  for (const model::Alert& alert : alerts) impl_->note_own(alert);
  impl_->received_.restore(alerts, now, impl_->routing_.resolve_timeout);
  impl_->schedule_received();
}

void Desk::adopt(Known known, base::Time now) {
  std::erase_if(known.incidents, [&](const auto& i) { return impl_->cases_.contains(i.correlation_id); });
  auto fresh = [&](const std::string& id) {
    return std::ranges::any_of(known.incidents, [&](const auto& i) { return i.correlation_id == id; });
  };
  std::erase_if(known.incident_alerts, [&](const auto& row) { return !fresh(row.correlation_id); });
  std::erase_if(known.tickets, [&](const auto& row) { return !fresh(row.correlation_id); });
  std::erase_if(known.ladders, [&](const auto& row) { return !fresh(row.correlation_id); });
  impl_->learn(std::move(known), now);
}

void Desk::set_routing(model::Routing routing, base::Time now) {
  impl_->tree_.reset();
  impl_->holds_.reset();
  impl_->routing_ = std::move(routing);
  impl_->tree_ = std::make_unique<Tree>(impl_->routing_);
  impl_->silences_.configure(impl_->routing_.silences, impl_->routing_.severity);
  impl_->roster_.configure(impl_->routing_);
  impl_->holds_ = impl_->make_holds();
  impl_->rebuild_sources();
  impl_->storms_.configure(impl_->routing_.storm);
  impl_->forget_undamped(now);
  impl_->reroute_groups(now);
  if (impl_->routing_.reload_restarts_timers) impl_->restart_timers(now);
  impl_->look_again(now);
}

model::Changes Desk::on_alerts(const std::vector<model::Alert>& alerts, base::Time now) {
  impl_->learn_sources(alerts, now);
  for (const model::Alert& alert : alerts) impl_->take(alert, now);
  impl_->run_due(now);
  return impl_->finish(now);
}

model::Changes Desk::advance(base::Time now) {
  impl_->run_due(now);
  return impl_->finish(now);
}

std::optional<base::Time> Desk::next_due() const {
  std::optional<base::Time> due = impl_->silences_.next_due();
  if (!impl_->due_.empty()) due = std::min(due.value_or(base::Time::max()), impl_->due_.begin()->first);
  return due;
}

void Desk::numbered(const std::string& correlation_id, std::uint64_t number) {
  auto it = impl_->cases_.find(correlation_id);
  if (it == impl_->cases_.end() || number == 0) return;
  it->second.incident.number = number;
  impl_->numbers_[number] = correlation_id;
}

model::Changes Desk::on_delivery(const model::Delivery& delivery, base::Time now) {
  using model::DeliveryState;
  if (delivery.state == DeliveryState::pending || delivery.state == DeliveryState::suppressed) return {};
  if (!delivery.digest.empty()) return {};  // ends with its digest
  if (delivery.state == DeliveryState::dead) impl_->verdict_failed(delivery, now);
  impl_->delivery_ended(delivery, now);
  impl_->digest_ended(delivery, now);
  return impl_->finish(now);
}

void Desk::Impl::delivery_ended(const model::Delivery& delivery, base::Time now) {
  using model::DeliveryState;
  if (!delivery.group_key.empty()) group_delivery_ended(delivery, now);
  Case* c = find(delivery.correlation_id);
  if (c && delivery.tracker) {
    ticket_delivery_ended(*c, delivery, now);
  } else if (c) {
    const std::string to =
        delivery.recipient.empty() ? delivery.instance : delivery.instance + " to " + delivery.recipient;
    const std::string how = delivery.state == DeliveryState::dead     ? "could not be sent: " + delivery.last_error
                            : delivery.state == DeliveryState::shadow ? "recorded, not sent (shadow)"
                                                                      : delivery.reason;
    log(*c, now, "tocsin", "notified", "", to, how);
    if (delivery.group_key.empty()) ladder_delivery_ended(*c, delivery, now);
  }
}

void Desk::Impl::ticket_delivery_ended(Case& c, const model::Delivery& delivery, base::Time now) {
  if (delivery.state != model::DeliveryState::dead) return;
  log(c, now, "tocsin", "ticket", "", delivery.instance, "could not be brought about: " + delivery.last_error);
  auto ticket = c.tickets.find(delivery.instance);
  if (delivery.change != static_cast<std::uint32_t>(TicketChange::opened) || ticket == c.tickets.end()) return;
  if (!ticket->second.key.empty()) return;
  // No ticket, so nothing follows; a later opening searches first, because this one may have got through.
  ticket->second.intent.clear();
  ticket->second.synced_at = now;
  out_.tickets.push_back(ticket->second);
}

model::Changes Desk::on_ticket(const model::TicketRef& ticket, base::Time now) {
  Case* c = impl_->find(ticket.correlation_id);
  if (!c || ticket.key.empty()) return {};
  model::TicketRef& known = c->tickets[ticket.instance];
  const bool same = known.key == ticket.key && known.url == ticket.url && known.status == ticket.status;
  if (same) return {};
  const bool another = known.key != ticket.key;
  // What a person linked stays marked so, whatever is learnt of it.
  const std::string mark = known.intent == ticket_linked ? known.intent : std::string();
  known = ticket;
  known.intent = mark;
  if (known.synced_at == base::no_time) known.synced_at = now;
  impl_->out_.tickets.push_back(known);
  if (another) {
    // With several trackers the incident shows the first one's ticket.
    if (c->incident.ticket_key.empty() || c->tickets.size() == 1) {
      c->incident.ticket_key = ticket.key;
      c->incident.ticket_url = ticket.url;
    }
    c->incident.updated_at = now;
    impl_->touch(*c);
    impl_->log(*c, now, ticket.instance, "ticket", "", ticket.key, ticket.url);
  }
  return impl_->finish(now);
}

std::optional<model::Incident> Desk::find(const std::string& id) const {
  const Case* c = impl_->find(id);
  return c ? std::optional(c->incident) : std::nullopt;
}

}  // namespace tocsin::incidents
