#include "app/answering.hpp"

#include "base/text.hpp"

namespace tocsin::app {
namespace {

using base::Fault;
using base::Result;
using incidents::Desk;
using model::AnswerKind;
using model::Changes;
using model::Incident;
using model::IncidentStatus;

std::string number_of(const Incident& incident) {
  return incident.number != 0 ? std::to_string(incident.number) : incident.correlation_id;
}

/// What a status needs is said for those who cannot say it: a digit on a phone has no notes.
incidents::StatusChange change_to(IncidentStatus to, const Answering& a) {
  incidents::StatusChange change;
  change.to = to;
  change.actor = a.who;
  change.notes = a.answer.text;
  if (to == IncidentStatus::resolved && base::trim(change.notes).empty()) {
    change.notes = "resolved by " + (a.answer.way.empty() ? a.who : a.answer.way);
  }
  if (to == IncidentStatus::closed) {
    change.reason = base::trim(a.answer.text).empty() ? "closed by " + (a.answer.way.empty() ? a.who : a.answer.way)
                                                      : a.answer.text;
  }
  if (to == IncidentStatus::acknowledged) change.lasts = a.answer.lasts;
  return change;
}

/// A sentence for what is so already; empty: it is to be done.
std::string so_already(const Incident& incident, IncidentStatus to, base::Duration lasts) {
  const std::string name = number_of(incident);
  const bool worked_on =
      incident.status == IncidentStatus::acknowledged || incident.status == IncidentStatus::in_progress;
  if (to == IncidentStatus::acknowledged && worked_on && lasts == base::Duration::zero()) {
    return name + " was acknowledged before" +
           (incident.acknowledged_by.empty() ? "" : " by " + incident.acknowledged_by);
  }
  if (incident.status == to && lasts == base::Duration::zero()) {
    return name + " is " + std::string(model::to_string(to)) + " already";
  }
  return {};
}

Result<Changes> set_status(Desk& desk, const Incident& incident, IncidentStatus to, const Answering& a, base::Time now,
                           std::string& text) {
  text = so_already(incident, to, a.answer.lasts);
  if (!text.empty()) return Changes{};
  text = number_of(incident) + " " + base::lower(model::to_string(to)) + " by " + a.who;
  return desk.set_status(incident.correlation_id, change_to(to, a), now);
}

Result<Changes> assign(Desk& desk, const Incident& incident, const Answering& a, base::Time now, std::string& text) {
  const std::string& owner = a.answer.text;
  text = number_of(incident) + ": owner is " + (owner.empty() ? "nobody" : owner);
  return desk.assign(incident.correlation_id, owner, a.who, now);
}

Result<Changes> snooze(Desk& desk, const Incident& incident, const Answering& a, base::Time now, std::string& text) {
  if (a.answer.lasts == base::Duration::zero()) {
    return base::fail(Fault::invalid, "a snooze needs to last for some time, up to 30d");
  }
  text = number_of(incident) + " snoozed for " + base::format_duration(a.answer.lasts) + " by " + a.who;
  return desk.snooze(incident.correlation_id, now + a.answer.lasts, a.who, now);
}

Result<Changes> step(Desk& desk, const Incident& incident, const Answering& a, base::Time now, std::string& text) {
  const std::string& id = incident.correlation_id;
  switch (a.answer.kind) {
    case AnswerKind::acknowledge:
      return set_status(desk, incident, IncidentStatus::acknowledged, a, now, text);
    case AnswerKind::resolve:
      return set_status(desk, incident, IncidentStatus::resolved, a, now, text);
    case AnswerKind::status:
      return set_status(desk, incident, a.answer.status, a, now, text);
    case AnswerKind::escalate:
      text = number_of(incident) + " escalated by " + a.who;
      return desk.escalate(id, a.who, now);
    case AnswerKind::note:
      text = "noted on " + number_of(incident);
      return desk.note(id, a.answer.text, a.who, now);
    case AnswerKind::details:
      text = "the details of " + number_of(incident) + " are on their way to " + a.contact;
      return desk.tell_details(id, a.contact, now);
    case AnswerKind::assign:
      return assign(desk, incident, a, now, text);
    case AnswerKind::snooze:
      return snooze(desk, incident, a, now, text);
    case AnswerKind::ticket:
      text = "the ticket of " + number_of(incident) + " is " +
             (a.answer.ticket_status.empty() ? "known" : a.answer.ticket_status);
      return Changes{};
  }
  return base::fail(Fault::invalid, "an answer of a kind that is not known");
}

/// How it was done stands with who did it.
void tell_way(Changes& changes, const Answering& a) {
  if (a.answer.way.empty()) return;
  for (model::TimelineEntry& entry : changes.timeline) {
    if (entry.actor == a.who) entry.actor += " by " + a.answer.way;
  }
}

/// A tracker that tells of a note would be handed it back, and tell of it again.
void tell_back_nothing(Changes& changes, const std::string& from) {
  if (from.empty()) return;
  std::erase_if(changes.deliveries, [&](const model::Delivery& d) {
    return d.tracker && d.instance == from && d.kind != model::MessageKind::firing;  // that one opens a ticket
  });
}

}  // namespace

Result<Changes> act(Desk& desk, const std::string& correlation_id, const Answering& a, base::Time now,
                    model::Answered& became) {
  const auto incident = desk.find(correlation_id);
  if (!incident) return base::fail(Fault::not_found, "there is no incident " + correlation_id);
  TRY(Changes changes, step(desk, *incident, a, now, became.text));
  tell_way(changes, a);
  tell_back_nothing(changes, a.from);
  // After the step, which may be refused, and before nothing that may be.
  if (!a.tracker.empty()) {
    model::TicketRef ticket;
    ticket.instance = a.tracker;
    ticket.key = a.answer.ticket;
    ticket.url = a.answer.ticket_url;
    ticket.status = a.answer.ticket_status;
    TRY(auto known, desk.ticket_is(correlation_id, std::move(ticket), now));
    changes.append(std::move(known));
  }
  became.changed = !changes.empty();
  const auto after = desk.find(correlation_id);
  became.status = after ? after->status : incident->status;
  became.number = incident->number;
  return changes;
}

}  // namespace tocsin::app
