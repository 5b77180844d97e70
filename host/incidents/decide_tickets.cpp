// Tickets by hand: a person says which ticket an incident has, or that it has none, and asks for what is owed.
#include <algorithm>

#include "base/text.hpp"
#include "incidents/decisions.hpp"
#include "model/ticket.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;

constexpr std::size_t longest_key = 64, longest_address = 512;

bool has_blank_or_control(const std::string& text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
  });
}

base::Result<void> check_ticket(const model::TicketRef& ticket) {
  if (ticket.key.empty() || ticket.key.size() > longest_key) {
    return base::fail(Fault::invalid, "a ticket's key has 1 to 64 bytes, such as OPS-17");
  }
  if (has_blank_or_control(ticket.key) || !base::valid_utf8(ticket.key)) {
    return base::fail(Fault::invalid, "a ticket's key holds no blanks and no control characters");
  }
  if (ticket.url.empty()) return {};
  const std::string scheme = base::lower(ticket.url.substr(0, 8));
  if (!scheme.starts_with("http://") && !scheme.starts_with("https://")) {
    return base::fail(Fault::invalid, "the ticket's address is no http:// or https:// address");
  }
  if (ticket.url.size() > longest_address || has_blank_or_control(ticket.url) || !base::valid_utf8(ticket.url)) {
    return base::fail(Fault::invalid, "a ticket's address has at most 512 bytes and no blanks");
  }
  return {};
}

const model::TicketRef* ticket_in(const Case& c, const std::string& instance) {
  const auto found = c.tickets.find(instance);
  return found == c.tickets.end() ? nullptr : &found->second;
}

}  // namespace

base::Result<const model::Channel*> Desk::Impl::tracker_named(const std::string& instance) const {
  std::vector<std::string> names;
  for (const auto& [name, channel] : routing_.channels) {
    if (channel.tracker) names.push_back(name);
  }
  if (names.empty()) return base::fail(Fault::invalid, "no [tracker.*] is configured");
  if (instance.empty() && names.size() > 1) {
    return base::fail(Fault::invalid, "there are several trackers; name one of " + joined(names));
  }
  const auto found = routing_.channels.find(instance.empty() ? names.front() : instance);
  if (found != routing_.channels.end() && found->second.tracker) return &found->second;
  const std::string near = base::nearest(instance, names);
  return base::fail(Fault::not_found, "there is no [tracker." + instance + "]" +
                                          (near.empty() ? "" : "; did you mean " + base::json_quote(near) + "?"));
}

/// The tracker whose ticket is meant: the one that is named, else the only one the incident has a mapping of. A mapping
/// may be left of a tracker that is configured no more.
base::Result<std::string> Desk::Impl::ticket_of(const Case& c, const std::string& instance) const {
  if (!instance.empty()) {
    if (ticket_in(c, instance) == nullptr) TRY_VOID(tracker_named(instance));
    return instance;
  }
  if (c.tickets.size() == 1) return c.tickets.begin()->first;
  TRY(const model::Channel* only, tracker_named(""));
  return only->instance;
}

base::Result<void> Desk::Impl::check_free(const Case& c, const model::TicketRef& wanted) const {
  for (const auto& [id, other] : cases_) {
    if (&other == &c || !other.live()) continue;
    const model::TicketRef* ticket = ticket_in(other, wanted.instance);
    if (ticket == nullptr || !base::equal_without_case(ticket->key, wanted.key)) continue;
    return base::fail(Fault::conflict, wanted.key + " is the ticket of " + name_of(other.incident) +
                                           ", which is open; unlink it there first");
  }
  return {};
}

/// Where the tracker's other tickets end in their keys, this one does too. Empty: not known until the tracker says it.
std::string Desk::Impl::address_like_others(const std::string& instance, const std::string& key) const {
  for (const auto& [id, c] : cases_) {
    const model::TicketRef* ticket = ticket_in(c, instance);
    if (ticket == nullptr || ticket->key.empty() || !ticket->url.ends_with("/" + ticket->key)) continue;
    return ticket->url.substr(0, ticket->url.size() - ticket->key.size()) + key;
  }
  return {};
}

/// The incident shows one ticket: the one that changed where it showed that before, or none; else it stays.
void Desk::Impl::show_ticket(Case& c, const std::string& instead_of, base::Time now) {
  if (c.incident.ticket_key.empty() || c.incident.ticket_key == instead_of) {
    c.incident.ticket_key.clear();
    c.incident.ticket_url.clear();
    for (const auto& [instance, ticket] : c.tickets) {
      if (ticket.key.empty()) continue;
      c.incident.ticket_key = ticket.key;
      c.incident.ticket_url = ticket.url;
      break;
    }
  }
  c.incident.updated_at = now;
  touch(c);
}

/// What the incident is and how far it has come; a ticket in its first state has nothing to be moved to.
void Desk::Impl::tell_where_it_stands(Case& c, const model::Channel& tracker, const std::string& actor,
                                      base::Time now) {
  const auto tell_of = [&](TicketChange change) {
    out_.deliveries.push_back(ticket_delivery(c, tracker.instance, change, actor, "", now));
  };
  using model::IncidentStatus;
  if (c.live()) tell_of(TicketChange::updated);
  if (c.incident.status == IncidentStatus::resolved)
    tell_of(TicketChange::resolved);
  else if (c.incident.status != IncidentStatus::open)
    tell_of(TicketChange::status);
}

base::Result<model::Changes> Desk::link_ticket(const std::string& id, model::TicketRef wanted, const std::string& actor,
                                               base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  TRY(const model::Channel* tracker, impl_->tracker_named(wanted.instance));
  wanted.instance = tracker->instance;
  TRY_VOID(check_ticket(wanted));
  if (c.incident.shadow) {
    return base::fail(Fault::conflict, name_of(c.incident) +
                                           " is in shadow and has no ticket; `mode` of its pack, its "
                                           "route or [delivery] says so");
  }
  TRY_VOID(impl_->check_free(c, wanted));
  const model::TicketRef* before = ticket_in(c, wanted.instance);
  const std::string old_key = before != nullptr ? before->key : std::string();
  const bool same_address = before != nullptr && (wanted.url.empty() || wanted.url == before->url);
  if (old_key == wanted.key && same_address) return model::Changes{};
  if (wanted.url.empty()) wanted.url = impl_->address_like_others(wanted.instance, wanted.key);
  wanted.correlation_id = c.incident.correlation_id;
  wanted.status.clear();
  wanted.intent = ticket_linked;
  wanted.synced_at = now;
  c.tickets[wanted.instance] = wanted;
  impl_->out_.tickets.push_back(wanted);
  impl_->show_ticket(c, old_key, now);
  impl_->log(c, now, actor, "ticket", old_key, wanted.key, "linked to " + wanted.instance + " by hand");
  if (c.live()) impl_->tell_where_it_stands(c, *tracker, actor, now);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::unlink_ticket(const std::string& id, const std::string& instance,
                                                 const std::string& actor, base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  TRY(const std::string tracker, impl_->ticket_of(c, instance));
  const model::TicketRef* before = ticket_in(c, tracker);
  if (before == nullptr) {
    return base::fail(Fault::not_found, name_of(c.incident) + " has no ticket of " + base::json_quote(tracker));
  }
  if (before->intent == model::ticket_unlinked) return model::Changes{};
  const std::string old_key = before->key;
  const model::TicketRef none{c.incident.correlation_id, tracker, "", "", "", std::string(model::ticket_unlinked), now};
  c.tickets[tracker] = none;
  impl_->out_.tickets.push_back(none);
  impl_->show_ticket(c, old_key, now);
  impl_->log(c, now, actor, "ticket", old_key, "", "unlinked from " + tracker + "; none is opened until asked for");
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::open_ticket(const std::string& id, const std::string& instance,
                                               const std::string& actor, base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  TRY(const model::Channel* tracker, impl_->tracker_named(instance));
  const model::TicketRef* before = ticket_in(c, tracker->instance);
  if (before != nullptr && !before->key.empty()) {
    return base::fail(Fault::conflict, name_of(c.incident) + " has the ticket " + before->key + "; unlink it first");
  }
  if (!c.live()) {
    return base::fail(Fault::conflict, name_of(c.incident) + " is " + status_text(c.incident.status) +
                                           "; a ticket is opened while an incident is worked on");
  }
  if (before != nullptr && before->intent == "create") return model::Changes{};  // on its way
  // One that was given up may be there all the same; one that was unlinked is not to be found again.
  const bool search_first = before != nullptr && before->intent.empty();
  impl_->ask_for_ticket(c, tracker->instance, search_first, actor, "", now);
  c.incident.updated_at = now;
  impl_->touch(c);
  impl_->log(c, now, actor, "ticket", "", tracker->instance, "a new one was asked for");
  return impl_->finish(now);
}

/// A letter that says something a ticket should have: a note goes out again as it was, the rest as the incident is now.
/// False: nobody is owed it any more.
bool Desk::Impl::owe_again(const model::DeadLetter& letter, std::set<std::pair<std::string, std::string>>& behind,
                           base::Time now) {
  Case* c = find(letter.delivery.correlation_id);
  const model::TicketRef* ticket = c != nullptr ? ticket_in(*c, letter.delivery.instance) : nullptr;
  if (ticket == nullptr || ticket->intent == model::ticket_unlinked) return false;
  if (ticket->key.empty() && !c->live()) return false;  // no ticket is opened for what ended
  behind.emplace(c->incident.correlation_id, ticket->instance);
  if (letter.delivery.note.empty() || ticket->key.empty()) return true;
  model::Delivery again = letter.delivery;
  again.change = static_cast<std::uint32_t>(TicketChange::note);
  again.kind = model::MessageKind::update;
  again.incident = c->incident;
  again.incident.ticket_key = ticket->key;
  again.incident.ticket_url = ticket->url;
  again.state = model::DeliveryState::pending;
  again.attempts = 0;
  again.created_at = again.next_attempt_at = now;
  again.deadline = base::no_time;
  again.last_error.clear();
  out_.deliveries.push_back(std::move(again));
  return true;
}

model::Changes Desk::bring_tickets_in_step(const std::set<std::string>& trackers,
                                           const std::vector<model::DeadLetter>& dead, base::Time now,
                                           std::size_t* incidents) {
  std::set<std::pair<std::string, std::string>> behind;
  std::set<std::string> moved;
  for (auto letter = dead.rbegin(); letter != dead.rend(); ++letter) {  // in the order they were said
    if (!letter->delivery.tracker || !trackers.contains(letter->delivery.instance)) continue;
    if (impl_->owe_again(*letter, behind, now)) impl_->out_.dead_letters_replayed.push_back(letter->id);
  }
  for (auto& [id, c] : impl_->cases_) {
    if (c.incident.shadow) continue;
    for (const auto& [instance, channel] : impl_->routing_.channels) {
      if (!channel.tracker || !trackers.contains(instance)) continue;
      const std::size_t before = impl_->out_.deliveries.size();
      const model::TicketRef* ticket = ticket_in(c, instance);
      if (ticket == nullptr || ticket->key.empty())
        impl_->sync_ticket(c, channel, TicketChange::opened, "", "", now);
      else if (behind.contains({id, instance}))
        impl_->tell_where_it_stands(c, channel, "", now);
      if (impl_->out_.deliveries.size() > before) moved.insert(id);
    }
  }
  if (incidents != nullptr) *incidents = moved.size();
  return impl_->finish(now);
}

base::Result<model::Delivery> Desk::ticket_preview(const std::string& id, const std::string& instance,
                                                   base::Time now) const {
  TRY(const Case* found, impl_->wanted(id));
  TRY(const model::Channel* tracker, impl_->tracker_named(instance));
  Case as_if = *found;
  const model::TicketRef* ticket = ticket_in(as_if, tracker->instance);
  const bool there = ticket != nullptr && !ticket->key.empty();
  model::Delivery out = impl_->ticket_delivery(as_if, tracker->instance,
                                               there ? TicketChange::updated : TicketChange::opened, "", "", now);
  if (there) return out;
  const auto& open_for = tracker->open_for;
  const bool usual = as_if.incident.severity >= model::Severity::high;
  if (ticket != nullptr && ticket->intent == model::ticket_unlinked)
    out.last_error = "the incident was unlinked: nothing is sent until it is linked, or a new ticket is asked for";
  else if (!as_if.live())
    out.last_error = "the incident is " + status_text(as_if.incident.status) + ": no ticket is opened for it";
  else if (open_for.empty() ? !usual : std::ranges::find(open_for, as_if.incident.severity) == open_for.end())
    out.last_error = "no ticket is opened by itself for " + severity_text(as_if.incident.severity) + " (open_for)";
  return out;
}

model::Changes Desk::on_ticket(const model::Delivery& delivery, const model::TicketRef& ticket, base::Time now) {
  const Case* c = impl_->find(delivery.correlation_id);
  const model::TicketRef* known = c != nullptr ? ticket_in(*c, ticket.instance) : nullptr;
  const bool by_hand = known != nullptr && (known->intent == model::ticket_unlinked || known->intent == ticket_linked);
  if (!by_hand) return on_ticket(ticket, now);
  // An issue that was moved has another key: the tracker says so when it is told of the one the incident has.
  if (!known->key.empty() && (ticket.key == known->key || delivery.incident.ticket_key == known->key)) {
    model::Changes changes = on_ticket(ticket, now);
    if (changes.tickets.empty()) changes.tickets.push_back(*known);
    return changes;
  }
  if (ticket.key != known->key) {
    impl_->log(*c, now, ticket.instance, "ticket", "", ticket.key,
               "answered too late: it is the incident's no more and gets no further change");
  }
  impl_->out_.tickets.push_back(*known);
  return impl_->finish(now);
}

}  // namespace tocsin::incidents
