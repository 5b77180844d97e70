// What comes back from outside: messages that never arrive, people who ask for everything, tickets that changed.
#include <algorithm>
#include <string_view>

#include "base/text.hpp"
#include "incidents/decisions.hpp"
#include "model/ticket.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;

void line(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.append("\n").append(name).append(": ").append(value);
}

/// The whole of it, one thing a line, for a reader without the console at hand.
std::string whole_text(const Case& c) {
  const model::Incident& i = c.incident;
  std::string out = "[" + severity_text(i.severity) + "] " + name_of(i) + ": " + i.title;
  line(out, "status", status_text(i.status));
  line(out, "acknowledged by", i.acknowledged_by);
  line(out, "owner", i.owner);
  line(out, "service", i.service_name);
  line(out, "component", i.affected_component);
  line(out, "detected", base::format_rfc3339(i.detected_at));
  if (i.description != i.title) line(out, "description", i.description);
  line(out, "impact", i.impact);
  line(out, "suggestion", i.suggestion);
  line(out, "runbook", i.runbook_url);
  line(out, "ticket", i.ticket_url.empty() ? i.ticket_key : i.ticket_url);
  line(out, "notes", i.resolution_notes);
  for (const auto& [fingerprint, alert] : c.members) {
    line(out, "alert", alert.title + " " + alert.labels.text());
  }
  return out;
}

/// The contact through the first notifier of this plugin that has its address.
std::string target_through(const model::Routing& routing, const model::Contact& contact, std::string_view plugin) {
  for (const auto& [name, channel] : routing.channels) {
    if (channel.tracker || channel.plugin != plugin || address_of(contact, channel.address_field).empty()) continue;
    return name + ":contact." + contact.name;
  }
  return {};
}

}  // namespace

model::Changes Desk::on_lost(const std::string& correlation_id, const std::string& key, const std::string& who,
                             const std::string& detail, base::Time now) {
  Case* c = impl_->find(correlation_id);
  if (!c) return {};
  impl_->log(*c, now, "tocsin", "notified", "", who,
             "did not arrive: " + (detail.empty() ? "its provider does not say why" : detail));
  impl_->ladder_message_lost(*c, key, now);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::tell_details(const std::string& id, const std::string& contact, base::Time now) {
  TRY(Case * c, impl_->wanted(id));
  const auto who = impl_->routing_.contacts.find(contact);
  if (who == impl_->routing_.contacts.end()) {
    return base::fail(Fault::invalid, "the details go to a contact, and none is " +
                                          (contact.empty() ? "named" : "called " + base::json_quote(contact)));
  }
  std::vector<std::string> targets;
  for (const std::string_view plugin : {"sms", "email"}) {
    std::string target = target_through(impl_->routing_, who->second, plugin);
    if (!target.empty()) targets.push_back(std::move(target));
  }
  if (targets.empty()) {
    return base::fail(Fault::invalid, "contact " + base::json_quote(contact) +
                                          " has no address that an sms or email notifier here takes");
  }
  Impl::Telling telling;
  telling.kind = model::MessageKind::update;
  telling.reason = "details asked for by " + contact;
  telling.cause = "d:" + std::to_string(base::to_ns(now));
  telling.text = whole_text(*c);
  telling.at_once = true;
  impl_->log(*c, now, contact, "paged", "", joined(targets), "asked for the details");
  impl_->tell(*c, targets, telling, now);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::ticket_is(const std::string& id, model::TicketRef ticket, base::Time now) {
  TRY(Case * c, impl_->wanted(id));
  const auto known = c->tickets.find(ticket.instance);
  if (known != c->tickets.end()) {
    const bool other = !ticket.key.empty() && ticket.key != known->second.key;
    if (known->second.intent == model::ticket_unlinked || (known->second.intent == ticket_linked && other)) {
      return model::Changes{};  // a person took that ticket away meanwhile
    }
    if (ticket.key.empty()) ticket.key = known->second.key;
    if (ticket.url.empty()) ticket.url = known->second.url;
    if (ticket.status.empty()) ticket.status = known->second.status;
  }
  if (ticket.key.empty()) {
    return base::fail(Fault::not_found,
                      name_of(c->incident) + " has no ticket of " + base::json_quote(ticket.instance));
  }
  ticket.correlation_id = c->incident.correlation_id;
  ticket.synced_at = now;
  const bool shown = c->incident.ticket_key == ticket.key && c->incident.ticket_url != ticket.url;
  if (shown) {
    c->incident.ticket_url = ticket.url;
    c->incident.updated_at = now;
    impl_->touch(*c);
  }
  return on_ticket(ticket, now);
}

}  // namespace tocsin::incidents
