// Deliveries: one row per recipient, with a copy of what was true when it was decided and a key made from its cause.
#include <algorithm>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Delivery;
using model::MessageKind;

std::string nanoseconds(base::Time t) {
  return std::to_string(base::to_ns(t));
}

std::string summary(const model::Incident& incident, MessageKind kind) {
  const std::string word = kind == MessageKind::resolved ? "RESOLVED" : severity_text(incident.severity);
  std::string text = "[" + word + "] " + incident.title;
  if (kind == MessageKind::resolved) {
    if (!incident.resolution_notes.empty()) text += ": " + incident.resolution_notes;
  } else if (!incident.description.empty() && incident.description != incident.title) {
    text += ": " + incident.description;
  }
  return text;
}

}  // namespace

std::string hashed(std::string_view text) {
  return base::hex16(base::Fnv1a().add(text).value());
}

std::string severity_text(model::Severity severity) {
  return std::string(model::to_string(severity));
}

bool Desk::Impl::is_person(const std::string& actor, const Recipient& recipient) const {
  if (actor.empty() || recipient.name.empty()) return false;
  if (base::equal_without_case(actor, recipient.name)) return true;
  auto contact = routing_.contacts.find(recipient.name);
  return contact != routing_.contacts.end() && base::equal_without_case(actor, contact->second.email);
}

/// Two tellings of one incident at one instant (a resolve and a re-fire in one batch) must not share their keys.
std::string Desk::Impl::cause_suffix(Case& c, base::Time at) {
  c.causes = at == c.last_cause ? c.causes + 1 : 0;
  c.last_cause = at;
  return c.causes == 0 ? std::string() : "." + std::to_string(c.causes);
}

std::set<std::string> Desk::Impl::tell(Case& c, const std::vector<std::string>& targets, const Telling& telling,
                                       base::Time at) {
  std::set<std::string> keys;
  const std::string cause = c.incident.correlation_id + ":" + telling.cause + cause_suffix(c, at) + ":";
  for (const std::string& target : targets) {
    const Found people = people_of(target, at);
    if (telling.follows && c.incident.status == model::IncidentStatus::open)
      expect_follow_ups(c, people.later, telling, at);
    for (const Recipient& recipient : people.recipients) {
      if (is_person(telling.actor, recipient)) continue;
      Delivery d;
      d.key = cause + hashed(recipient.exact);
      if (!keys.insert(d.key).second) continue;
      d.instance = recipient.instance;
      d.kind = telling.kind;
      d.correlation_id = c.incident.correlation_id;
      d.target = target;
      d.recipient = recipient.name;
      d.address = recipient.address;
      d.reason = telling.reason;
      d.incident = c.incident;
      d.alerts = c.alerts();
      d.title = c.incident.title;
      d.text = telling.text.empty() ? summary(c.incident, telling.kind) : telling.text;
      d.note = telling.note;
      d.note_author = telling.note_author;
      d.shadow = c.incident.shadow;
      d.created_at = d.next_attempt_at = at;
      base::Time again_from{};
      if (telling.dedup != base::Duration::zero()) {
        base::Time& last = c.notices[recipient.exact + "\n" + telling.notice];
        if (last != base::no_time && at < last + telling.dedup) {
          d.state = model::DeliveryState::suppressed;
          again_from = last + telling.dedup;
          d.last_error = "dedup: a notice of this kind went to the same recipient less than " +
                         base::format_duration(telling.dedup) + " ago";
        } else {
          last = at;
        }
      }
      const bool fresh = std::ranges::find(c.climb.told, recipient.exact) == c.climb.told.end();
      if (telling.kind == MessageKind::firing && fresh) {
        c.climb.told.push_back(recipient.exact);
        touch_climb(c);
      }
      const bool first = telling.kind == MessageKind::firing && (fresh || telling.first_step);
      const bool urgent = c.incident.severity == model::Severity::critical && (first || telling.notice == "severity");
      const model::Pause* pause = telling.at_once ? nullptr : pause_of(c.incident.severity, at);
      const bool at_once =
          urgent || telling.at_once || !telling.actor.empty() || exempt_from_pause(c.incident.severity, at);
      if (gather(d, at_once && !pause, at, pause))
        verdict(c, pause ? said_of_pause(d) : said_of_storm(d), at);
      else
        verdict_told(c, d, again_from, at);
      out_.deliveries.push_back(std::move(d));
    }
  }
  return keys;
}

/// A telephone rings for what is to be answered, not to say that somebody else has done something.
bool Desk::Impl::rings(const std::string& exact) const {
  const auto channel = routing_.channels.find(exact.substr(0, exact.find(':')));
  return channel != routing_.channels.end() && channel->second.plugin == "ivr";
}

void Desk::Impl::notify_told(Case& c, Telling telling, base::Time at) {
  std::vector<std::string> targets = c.climb.told;
  if (telling.kind == MessageKind::update && telling.notice != "severity")
    std::erase_if(targets, [&](const std::string& exact) { return rings(exact); });
  tell(c, targets, telling, at);
}

void Desk::Impl::notice(Case& c, const std::string& what, const std::string& text, const std::string& actor,
                        base::Time at, const std::string& note) {
  Telling telling;
  telling.kind = MessageKind::update;
  telling.reason = "incident changed: " + what;
  telling.cause = "u" + what + ":" + nanoseconds(at);
  telling.text = text;
  telling.note = note;
  telling.note_author = note.empty() ? std::string() : actor;
  telling.actor = actor;
  if (what != "severity") telling.dedup = notice_dedup;  // a rise always passes
  telling.notice = what;
  notify_told(c, std::move(telling), at);
}

void Desk::Impl::sync_tickets(Case& c, TicketChange change, const std::string& actor, const std::string& note,
                              base::Time at) {
  if (change == TicketChange::resolved) forget_held_tickets(c, at);
  if (c.climb.drill.until != base::no_time && !c.climb.drill.tickets) return;
  for (const auto& [instance, channel] : routing_.channels) {
    if (!channel.tracker || instance == actor) continue;
    auto ticket = c.tickets.find(instance);
    TicketChange what = change;
    const bool asked = ticket != c.tickets.end() && ticket->second.intent != ticket_held;
    if (!asked || !engaged(ticket->second)) {
      // A ticket is opened while the incident is worked on, never because it ended.
      const std::vector<model::Severity> usual = {model::Severity::critical, model::Severity::high};
      const auto& open_for = channel.open_for.empty() ? usual : channel.open_for;
      const bool due = std::ranges::find(open_for, c.incident.severity) != open_for.end();
      const bool begins =
          change == TicketChange::opened || change == TicketChange::reopened || change == TicketChange::updated;
      if (!due || !begins || !c.live() || hold_ticket(c, instance, at)) continue;
      what = TicketChange::opened;
    } else if (change == TicketChange::opened) {
      continue;
    }
    Delivery d;
    d.instance = d.target = instance;
    d.tracker = true;
    d.change = static_cast<std::uint32_t>(what);
    d.kind = what == TicketChange::opened     ? MessageKind::firing
             : what == TicketChange::resolved ? MessageKind::resolved
                                              : MessageKind::update;
    d.correlation_id = c.incident.correlation_id;
    d.key = d.correlation_id + ":t" + std::to_string(d.change) + ":" + nanoseconds(at) + cause_suffix(c, at) + ":" +
            hashed(instance);
    d.reason = "ticket";
    d.incident = c.incident;
    d.incident.ticket_key = asked ? ticket->second.key : "";
    d.incident.ticket_url = asked ? ticket->second.url : "";
    d.alerts = c.alerts();
    d.title = c.incident.title;
    d.text = summary(c.incident, d.kind);
    d.note = note;
    d.note_author = note.empty() ? std::string() : actor;
    d.shadow = c.incident.shadow;
    d.created_at = d.next_attempt_at = at;
    if (what == TicketChange::opened) {
      // An earlier create that was given up may have succeeded all the same: search before another.
      d.outcome_unknown = asked;
      model::TicketRef& ref = c.tickets[instance];
      ref = {d.correlation_id, instance, "", "", "", "create", at};
      if (!d.shadow) out_.tickets.push_back(ref);
    }
    out_.deliveries.push_back(std::move(d));
  }
}

}  // namespace tocsin::incidents
