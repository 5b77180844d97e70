// Tickets that wait: one is opened for people to work on, so the filters that hold an incident's ladder hold its
// opening too, inhibition and silences. Hours are a route's and a tracker is on none: a ticket wakes nobody. What
// follows an open ticket (status, notes, its end) is never held.
#include <algorithm>

#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

// What ends without a known time is looked at when it changes, and after this in any case.
constexpr base::Duration longest_look = std::chrono::hours(1);

}  // namespace

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
