// What people decide: status, owner, and incidents made by hand.
#include <algorithm>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::IncidentStatus;

constexpr base::Duration longest_ack = std::chrono::hours(24 * 30);

std::string listed(const std::vector<IncidentStatus>& statuses) {
  std::vector<std::string> words;
  for (IncidentStatus status : statuses) words.push_back(status_text(status));
  return joined(words);
}

/// An acknowledgement that expires may be given again, to last longer, shorter or for good.
bool renews(const model::Incident& incident, const StatusChange& change) {
  return change.to == IncidentStatus::acknowledged && incident.status == IncidentStatus::acknowledged &&
         (change.lasts != base::Duration::zero() || incident.ack_expires_at != base::no_time);
}

base::Result<void> check_transition(const model::Incident& incident, const StatusChange& change) {
  if (!model::valid_transition(incident.status, change.to) && !renews(incident, change)) {
    return base::fail(Fault::conflict, name_of(incident) + " is " + status_text(incident.status) +
                                           " and cannot become " + status_text(change.to) +
                                           "; from here it can become " +
                                           listed(model::next_statuses(incident.status)));
  }
  if (change.to == IncidentStatus::resolved && base::trim(change.notes).empty()) {
    return base::fail(Fault::invalid, "resolving " + name_of(incident) + " needs notes: say what mended it");
  }
  if (change.to == IncidentStatus::closed && base::trim(change.reason).empty()) {
    return base::fail(Fault::invalid, "closing " + name_of(incident) + " needs a reason");
  }
  if (change.lasts == base::Duration::zero()) return {};
  if (change.to != IncidentStatus::acknowledged) {
    return base::fail(Fault::invalid, "only an acknowledgement lasts for a time; " + status_text(change.to) + " holds");
  }
  if (change.lasts < base::Duration::zero() || change.lasts > longest_ack) {
    return base::fail(Fault::invalid,
                      "an acknowledgement lasts between 1ns and 30d, not " + base::format_duration(change.lasts));
  }
  return {};
}

}  // namespace

std::string status_text(IncidentStatus status) {
  return std::string(model::to_string(status));
}

std::string name_of(const model::Incident& incident) {
  return incident.number != 0 ? "incident " + std::to_string(incident.number) : "incident " + incident.correlation_id;
}

std::string somebody(const std::string& actor) {
  return actor.empty() ? "somebody" : actor;
}

std::string until_text(base::Time until) {
  return until == base::no_time ? std::string() : "until " + base::format_rfc3339(until);
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : between).append(word);
  return out;
}

base::Result<Case*> Desk::Impl::wanted(const std::string& id) {
  Case* c = find(id);
  if (!c) return base::fail(Fault::not_found, "there is no incident " + id);
  return c;
}

base::Result<model::Changes> Desk::set_status(const std::string& id, const StatusChange& change, base::Time now) {
  TRY(Case * c, impl_->wanted(id));
  TRY_VOID(check_transition(c->incident, change));
  TRY_VOID(impl_->apply_status(*c, change, now));
  return impl_->finish(now);
}

base::Result<void> Desk::Impl::apply_status(Case& c, const StatusChange& change, base::Time now) {
  model::Incident& incident = c.incident;
  if (change.to == IncidentStatus::resolved || change.to == IncidentStatus::closed) {
    end(c, change.to, change.actor, change.to == IncidentStatus::resolved ? change.notes : change.reason, now);
    return {};
  }
  if (change.to == IncidentStatus::open) {
    if (c.climb.drill.until != base::no_time)
      return base::fail(Fault::conflict, name_of(incident) + " was a drill and is over; start another one");
    if (!incident.merged_into.empty()) {
      const Case* into = find(incident.merged_into);
      return base::fail(Fault::conflict, name_of(incident) + " was merged into " +
                                             (into ? name_of(into->incident) : "incident " + incident.merged_into) +
                                             "; reopen that one");
    }
    for (const auto& [fingerprint, alert] : c.members) {
      auto holder = by_fingerprint_.find(fingerprint);
      if (holder == by_fingerprint_.end() || holder->second == incident.correlation_id) continue;
      const Case& other = cases_.at(holder->second);
      if (!other.live()) continue;
      return base::fail(Fault::conflict, name_of(incident) + " cannot be reopened: its alert \"" + alert.title +
                                             "\" is already in " + name_of(other.incident) + ", which is open");
    }
    reopen(c, nodes_of(c), now, change.actor, change.notes.empty() ? change.reason : change.notes, now);
    return {};
  }
  const IncidentStatus from = incident.status;
  const base::Time held_until = incident.ack_expires_at;
  incident.status = change.to;
  if (incident.acknowledged_at == base::no_time) incident.acknowledged_at = now;
  if (change.to == IncidentStatus::acknowledged || incident.acknowledged_by.empty()) {
    incident.acknowledged_by = change.actor;
  }
  incident.updated_at = now;
  touch(c);
  const bool again = from == change.to;
  if (!again) log(c, now, change.actor, "status", status_text(from), status_text(change.to), change.notes);
  clear_timers(c);
  if (c.climb.running()) verdict_acknowledged(c, change.actor, "the ladder has stopped", now);
  stop_climb(c);
  if (change.lasts > base::Duration::zero()) set_ack_end(c, now + change.lasts);
  if (incident.ack_expires_at != held_until) {
    log(c, now, change.actor, "acknowledgement", until_text(held_until), until_text(incident.ack_expires_at),
        again ? change.notes : "");
  }
  if (again) return {};
  // That a drill is over is told at once.
  if (c.climb.drill.until != base::no_time) {
    arm_drill(c, now);
    return {};
  }
  notice(c, "status", incident.title + ": " + status_text(change.to) + " by " + somebody(change.actor), change.actor,
         now, change.notes);
  sync_tickets(c, TicketChange::status, change.actor, change.notes, now);
  return {};
}

base::Result<model::Changes> Desk::assign(const std::string& id, const std::string& owner, const std::string& actor,
                                          base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  if (c.incident.owner == owner) return model::Changes{};
  const std::string from = std::exchange(c.incident.owner, owner);
  c.incident.updated_at = now;
  impl_->touch(c);
  impl_->log(c, now, actor, "owner", from, owner);
  const std::string text = c.incident.title + ": owner is now " + (owner.empty() ? "nobody" : owner);
  impl_->notice(c, "owner", text, actor, now);
  // Who gets the work hears of it, told before or not.
  if (impl_->routing_.contacts.contains(owner) && !impl_->was_told(c, owner)) {
    Impl::Telling telling;
    telling.kind = model::MessageKind::update;
    telling.reason = "assigned";
    telling.cause = "a:" + std::to_string(base::to_ns(now));
    telling.text = "assigned to you: " + c.incident.title;
    telling.actor = actor;
    impl_->tell(c, {"contact." + owner}, telling, now);
  }
  impl_->sync_tickets(c, TicketChange::updated, actor, "", now);
  return impl_->finish(now);
}

bool Desk::Impl::was_told(const Case& c, const std::string& contact) const {
  return std::ranges::any_of(c.climb.told,
                             [&](const std::string& exact) { return exact.ends_with(":contact." + contact); });
}

base::Result<model::Changes> Desk::create(model::Incident incident, const std::string& actor, base::Time now) {
  if (base::trim(incident.title).empty()) return base::fail(Fault::invalid, "an incident needs a title");
  if (incident.severity == model::Severity::none) {
    return base::fail(Fault::invalid, "an incident needs a severity: CRITICAL, HIGH, MEDIUM or LOW");
  }
  TRY_VOID(check_tags_and_links(incident));
  incident.number = 0;
  incident.correlation_id = base::uuid_v7(now);
  incident.status = IncidentStatus::open;
  incident.created_at = incident.updated_at = now;
  if (incident.detected_at == base::no_time) incident.detected_at = now;
  const std::string id = incident.correlation_id;
  Case& c = impl_->cases_[id];
  c.incident = std::move(incident);
  const Nodes nodes = impl_->nodes_of(c);
  const model::Route& route = *nodes.front()->route;
  c.incident.route = route.path;
  // A group of its own: alerts do not join what a person opened by hand.
  c.incident.group_key = "manual/" + id + ":" + severity_text(c.incident.severity);
  c.incident.shadow = impl_->routing_.shadow || route.shadow;
  c.base = make_group_key(route.path, "manual/" + id, c.incident.shadow);
  impl_->index(c);
  impl_->touch(c);
  impl_->log(c, now, actor, "opened", "", severity_text(c.incident.severity), c.incident.title);
  impl_->start_climb(c, nodes, now, now);
  impl_->sync_tickets(c, TicketChange::opened, "", "", now);
  return impl_->finish(now);
}

}  // namespace tocsin::incidents
