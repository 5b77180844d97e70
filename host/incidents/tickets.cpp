// What trackers are told, and tickets that wait: one is opened for people to work on, so the filters that hold an
// incident's ladder hold its opening too, inhibition and silences. Hours are a route's and a tracker is on none: a
// ticket wakes nobody. What follows an open ticket (status, notes, its end) is never held.
#include <algorithm>

#include "base/text.hpp"
#include "incidents/decisions.hpp"
#include "model/ticket.hpp"

namespace tocsin::incidents {
namespace {

// What ends without a known time is looked at when it changes, and after this in any case.
constexpr base::Duration longest_look = std::chrono::hours(1);

}  // namespace

/// What a tracker is told of the incident, as it is now.
model::Delivery Desk::Impl::ticket_delivery(Case& c, const std::string& instance, TicketChange what,
                                            const std::string& actor, const std::string& note, base::Time at) const {
  using model::MessageKind;
  const auto ticket = c.tickets.find(instance);
  const bool known = ticket != c.tickets.end();
  model::Delivery d;
  d.instance = d.target = instance;
  d.tracker = true;
  d.change = static_cast<std::uint32_t>(what);
  d.kind = what == TicketChange::opened     ? MessageKind::firing
           : what == TicketChange::resolved ? MessageKind::resolved
                                            : MessageKind::update;
  d.correlation_id = c.incident.correlation_id;
  d.key = d.correlation_id + ":t" + std::to_string(d.change) + ":" + std::to_string(base::to_ns(at)) +
          cause_suffix(c, at) + ":" + hashed(instance);
  d.address = mailbox_of(c.incident.owner);
  d.reason = "ticket";
  d.incident = c.incident;
  d.incident.ticket_key = known ? ticket->second.key : "";
  d.incident.ticket_url = known ? ticket->second.url : "";
  d.alerts = c.alerts();
  d.title = c.incident.title;
  d.text = summary(c.incident, d.kind);
  d.note = note;
  d.note_author = note.empty() ? std::string() : actor;
  d.shadow = c.incident.shadow;
  d.created_at = d.next_attempt_at = at;
  return d;
}

/// Of the contact that the owner is; empty: none is known.
std::string Desk::Impl::mailbox_of(const std::string& owner) const {
  if (owner.empty()) return {};
  if (const auto contact = routing_.contacts.find(owner); contact != routing_.contacts.end()) {
    return contact->second.email;
  }
  for (const auto& [name, contact] : routing_.contacts) {
    if (base::equal_without_case(owner, name) || base::equal_without_case(owner, contact.email)) return contact.email;
  }
  return {};
}

void Desk::Impl::sync_tickets(Case& c, TicketChange change, const std::string& actor, const std::string& note,
                              base::Time at) {
  if (change == TicketChange::resolved) forget_held_tickets(c, at);
  if (c.climb.drill.until != base::no_time && !c.climb.drill.tickets) return;
  for (const auto& [instance, channel] : routing_.channels) {
    if (channel.tracker && instance != actor) sync_ticket(c, channel, change, actor, note, at);
  }
}

void Desk::Impl::sync_ticket(Case& c, const model::Channel& tracker, TicketChange change, const std::string& actor,
                             const std::string& note, base::Time at) {
  const auto ticket = c.tickets.find(tracker.instance);
  const bool known = ticket != c.tickets.end();
  if (known && ticket->second.intent == model::ticket_unlinked) return;
  if (known && engaged(ticket->second)) {
    if (change != TicketChange::opened)
      out_.deliveries.push_back(ticket_delivery(c, tracker.instance, change, actor, note, at));
    return;
  }
  // A ticket is opened while the incident is worked on, never because it ended.
  const std::vector<model::Severity> usual = {model::Severity::critical, model::Severity::high};
  const auto& open_for = tracker.open_for.empty() ? usual : tracker.open_for;
  const bool due = std::ranges::find(open_for, c.incident.severity) != open_for.end();
  const bool begins =
      change == TicketChange::opened || change == TicketChange::reopened || change == TicketChange::updated;
  if (!due || !begins || !c.live() || hold_ticket(c, tracker.instance, at)) return;
  // An earlier create that was given up may have succeeded all the same: search before another.
  ask_for_ticket(c, tracker.instance, known && ticket->second.intent != ticket_held, actor, note, at);
}

void Desk::Impl::ask_for_ticket(Case& c, const std::string& instance, bool search_first, const std::string& actor,
                                const std::string& note, base::Time at) {
  model::TicketRef& ref = c.tickets[instance];
  ref = {c.incident.correlation_id, instance, "", "", "", "create", at};
  model::Delivery d = ticket_delivery(c, instance, TicketChange::opened, actor, note, at);
  d.outcome_unknown = search_first;
  if (!d.shadow) out_.tickets.push_back(ref);
  out_.deliveries.push_back(std::move(d));
}

/// What holds every alert of it back that fires; `until` is the first end that is known. Nothing: it is free, or
/// nothing fires.
std::optional<Held> Desk::Impl::ticket_hold(const Case& c, base::Time at) const {
  std::optional<Held> first;
  for (const auto& [fingerprint, alert] : c.members) {
    if (alert.state != model::AlertState::firing) continue;
    const std::optional<Held> held = holds_->of(alert, at);
    if (!held) return std::nullopt;
    if (!first)
      first = held;
    else if (held->until != base::no_time)
      first->until = first->until == base::no_time ? held->until : std::min(first->until, held->until);
  }
  return first;
}

/// Keeps the opening of a ticket back; false: it may be opened.
bool Desk::Impl::hold_ticket(Case& c, const std::string& instance, base::Time at) {
  if (c.incident.shadow) return false;
  const std::optional<Held> held = ticket_hold(c, at);
  if (!held) return false;
  model::TicketRef& ref = c.tickets[instance];
  if (ref.intent != ticket_held) {
    ref = {c.incident.correlation_id, instance, "", "", "", ticket_held, at};
    out_.tickets.push_back(ref);
    log(c, at, "tocsin", "ticket", "", instance, "waits: " + text_of(*held));
  }
  look_at_tickets(c, held->until > at ? held->until : at + longest_look);
  return true;
}

void Desk::Impl::look_at_tickets(Case& c, base::Time then) {
  const std::string& id = c.incident.correlation_id;
  due_.erase({c.tickets_look, "t" + id});
  c.tickets_look = then;
  if (then == base::no_time) {
    held_tickets_.erase(id);
    return;
  }
  due_.insert({then, "t" + id});
  held_tickets_.insert(id);
}

/// The incident ended first: none is opened.
void Desk::Impl::forget_held_tickets(Case& c, base::Time at) {
  look_at_tickets(c, base::no_time);
  for (auto& [instance, ref] : c.tickets) {
    if (ref.intent != ticket_held) continue;
    ref.intent.clear();
    ref.synced_at = at;
    out_.tickets.push_back(ref);
  }
}

void Desk::Impl::open_held_tickets(Case& c, base::Time at) {
  look_at_tickets(c, base::no_time);
  if (c.live()) sync_tickets(c, TicketChange::opened, "", "", at);
}

}  // namespace tocsin::incidents
