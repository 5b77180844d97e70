// What people decide about when others are told: snoozes, acknowledgements that expire, the next step now, a page.
#include <algorithm>

#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::IncidentStatus;

constexpr base::Duration longest_snooze = std::chrono::hours(24 * 30);

base::Result<void> worked_on(const Case& c, const std::string& what) {
  if (c.live()) return {};
  return base::fail(Fault::conflict, name_of(c.incident) + " is " + status_text(c.incident.status) +
                                         "; only one that is " + "OPEN, ACKNOWLEDGED or IN_PROGRESS can be " + what +
                                         " (reopen it first)");
}

}  // namespace

// --- timers ----------------------------------------------------------------------------------------------------------

/// The ladder keeps the time it had left: its next step is moved by as much as it pauses.
void Desk::Impl::set_snooze(Case& c, base::Time until, base::Time now) {
  base::Time& slot = c.incident.snoozed_until;
  if (slot == until) return;
  const base::Time stood = stands_until(c, now);
  slot = until;
  shift(c, stood, stands_until(c, now));
  const std::string key = "s" + c.incident.correlation_id;
  due_.erase({c.wakes_at, key});
  c.wakes_at = until;
  if (until != base::no_time) due_.insert({until, key});
}

void Desk::Impl::wake(Case& c, const std::string& actor, const std::string& why, base::Time at) {
  const base::Time until = c.incident.snoozed_until;
  if (until == base::no_time) return;
  set_snooze(c, base::no_time, at);
  c.incident.updated_at = at;
  touch(c);
  log(c, at, actor, "snoozed", until_text(until), "", why);
  notice(c, "snooze", c.incident.title + ": " + why, actor == "tocsin" ? "" : actor, at);
}

void Desk::Impl::set_ack_end(Case& c, base::Time at) {
  const std::string key = "a" + c.incident.correlation_id;
  due_.erase({c.ack_ends_at, key});
  c.incident.ack_expires_at = c.ack_ends_at = at;
  if (at != base::no_time) due_.insert({at, key});
}

/// Back to OPEN, with a reminder to everybody who was told and to whoever acknowledged; the ladder goes on.
void Desk::Impl::expire_ack(Case& c, base::Time at) {
  model::Incident& incident = c.incident;
  set_ack_end(c, base::no_time);
  if (incident.status != IncidentStatus::acknowledged) return;
  const std::string by = std::exchange(incident.acknowledged_by, {});
  const std::string why = "the acknowledgement by " + somebody(by) + " expired";
  incident.status = IncidentStatus::open;
  incident.updated_at = at;
  touch(c);
  log(c, at, "tocsin", "status", status_text(IncidentStatus::acknowledged), status_text(IncidentStatus::open), why);
  std::vector<std::string> targets = c.climb.told;
  for (const auto& [name, contact] : routing_.contacts) {
    if (is_person(by, {.instance = "", .name = name, .address = "", .exact = ""}) && !was_told(c, name)) {
      targets.push_back("contact." + name);
    }
  }
  Telling telling;
  telling.reason = "acknowledgement expired";
  telling.cause = "e:" + std::to_string(base::to_ns(at));
  telling.text =
      "[" + severity_text(incident.severity) + "] " + incident.title + ": " + why + ", and it is not resolved";
  tell(c, targets, telling, at);
  resume_climb(c, at);
  sync_tickets(c, TicketChange::status, "", why, at);
}

void Desk::Impl::clear_timers(Case& c) {
  set_snooze(c, base::no_time, c.incident.updated_at);
  set_ack_end(c, base::no_time);
}

/// After a start; what came due meanwhile is due now.
void Desk::Impl::learn_timers(Case& c, base::Time now) {
  if (!c.live()) return;
  const std::string& id = c.incident.correlation_id;
  if (c.incident.snoozed_until != base::no_time)
    due_.insert({c.wakes_at = std::max(c.incident.snoozed_until, now), "s" + id});
  if (c.incident.ack_expires_at != base::no_time)
    due_.insert({c.ack_ends_at = std::max(c.incident.ack_expires_at, now), "a" + id});
}

// --- calls -----------------------------------------------------------------------------------------------------------

base::Result<model::Changes> Desk::snooze(const std::string& id, base::Time until, const std::string& actor,
                                          base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  TRY_VOID(worked_on(c, "snoozed"));
  const base::Time before = c.incident.snoozed_until;
  if (until == base::no_time) {
    if (before == base::no_time) return base::fail(Fault::conflict, name_of(c.incident) + " is not snoozed");
    impl_->wake(c, actor, "woken by " + somebody(actor), now);
    return impl_->finish(now);
  }
  if (until <= now || until > now + longest_snooze) {
    return base::fail(Fault::invalid,
                      "a snooze ends between now and in 30 days, not at " + base::format_rfc3339(until));
  }
  if (until == before) return model::Changes{};
  impl_->set_snooze(c, until, now);
  c.incident.updated_at = now;
  impl_->touch(c);
  impl_->log(c, now, actor, "snoozed", until_text(before), until_text(until));
  impl_->notice(c, "snooze", c.incident.title + ": snoozed " + until_text(until) + " by " + somebody(actor), actor,
                now);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::escalate(const std::string& id, const std::string& actor, base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  TRY_VOID(worked_on(c, "escalated"));
  TRY_VOID(impl_->force_step(c, somebody(actor), now));
  c.incident.updated_at = now;
  impl_->touch(c);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::page(const std::string& id, const std::vector<std::string>& targets,
                                        const std::string& text, const std::string& actor, base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  TRY_VOID(worked_on(c, "paged about"));
  if (targets.empty()) return base::fail(Fault::invalid, "a page needs a target, such as sms:contact.first");
  for (const std::string& target : targets) {
    const Found people = impl_->people_of(target, now);
    if (!people.recipients.empty()) continue;
    return base::fail(Fault::invalid, "the target \"" + target + "\" leads to nobody" +
                                          (people.problems.empty() ? "" : ": " + joined(people.problems, "; ")));
  }
  Impl::Telling telling;
  telling.reason = "paged by " + somebody(actor);
  telling.cause = "p:" + std::to_string(base::to_ns(now));
  telling.note = text;
  telling.note_author = text.empty() ? std::string() : somebody(actor);
  telling.at_once = true;
  telling.follows = true;
  impl_->log(c, now, actor, "paged", "", joined(targets), text);
  impl_->tell(c, targets, telling, now);
  c.incident.updated_at = now;
  impl_->touch(c);
  return impl_->finish(now);
}

}  // namespace tocsin::incidents
