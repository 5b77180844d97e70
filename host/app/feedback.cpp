#include "app/feedback.hpp"

#include <algorithm>
#include <memory>

#include "app/adoption.hpp"
#include "app/answering.hpp"
#include "base/text.hpp"
#include "incidents/people.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

using base::Fault;
using base::Result;

// A provider may call back before the attempt it took is in the log. Asked for longer than this, a message is none.
constexpr base::Duration early_for = std::chrono::minutes(1);
constexpr std::size_t most_early = 1000;

std::string seen_name(const std::string& instance) {
  return "fleet/feedback/" + instance;
}

std::string digits(std::string_view text) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c >= '0' && c <= '9'; });
  return out;
}

/// "sms" of "notifier.sms".
std::string name_in_section(const std::string& instance) {
  return instance.substr(instance.find('.') + 1);
}

/// "jira" of "tracker.jira"; empty: it is none.
std::string tracker_of(const std::string& instance) {
  return instance.starts_with("tracker.") ? name_in_section(instance) : std::string();
}

/// Only its own messages are a notifier's business; what else takes callbacks may do so for others.
std::string whose_messages(const std::string& instance) {
  return instance.starts_with("notifier.") ? name_in_section(instance) : std::string();
}

bool same_address(const std::string& field, const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  if (field != "phone") return base::equal_without_case(a, b);
  const std::string number = digits(a);
  return !number.empty() && number == digits(b);
}

}  // namespace

SeenAnswers::SeenAnswers(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    add(text.substr(at, end - at));
    at = end + 1;
  }
}

void SeenAnswers::add(const std::string& id) {
  if (id.empty() || !ids_.insert(id).second) return;
  order_.push_back(id);
  if (order_.size() <= most) return;
  ids_.erase(order_.front());
  order_.pop_front();
}

void SeenAnswers::remove(const std::string& id) {
  if (ids_.erase(id) > 0) std::erase(order_, id);
}

std::string SeenAnswers::text() const {
  std::string out;
  for (const auto& id : order_) out.append(out.empty() ? "" : "\n").append(id);
  return out;
}

const model::Contact* contact_with(const model::Routing& routing, const std::string& instance,
                                   const std::string& address) {
  const auto channel = routing.channels.find(name_in_section(instance));
  std::vector<std::string> fields{"phone", "email", "slack"};
  if (channel != routing.channels.end() && !channel->second.address_field.empty()) {
    fields = {channel->second.address_field};
  }
  for (const auto& [name, contact] : routing.contacts) {
    for (const auto& field : fields) {
      if (same_address(field, incidents::address_of(contact, field), address)) return &contact;
    }
  }
  return nullptr;
}

// --- receipts --------------------------------------------------------------------------------------------------------

Result<void> Feedback::receipt(const std::string& instance, model::Receipt receipt) {
  TRY(const auto rows, attempts(instance, receipt.key, receipt.provider_id));
  if (rows.empty()) {
    return base::fail(unknown_message(receipt.key.empty() ? instance + "\n" + receipt.provider_id : receipt.key));
  }
  const auto row = std::ranges::find(rows, "SENT", &model::Attempt::status);
  if (row == rows.end()) {
    if (rows.front().status == "RETRYING")
      return base::fail(Fault::unavailable, "the message is on its way again: what came of it is not known yet");
    return {};  // it is final already
  }
  if (receipt.at == base::no_time) receipt.at = parts_.clock->now();
  receipt.instance = row->instance;
  model::Changes changes;
  changes.receipts.push_back(receipt);
  const bool lost = receipt.state == model::ReceiptState::failed && !row->correlation_id.empty();
  if (!lost) return parts_.pipeline->keep(std::move(changes));
  TRY_VOID(decides_here());
  const std::string who = row->recipient.empty() ? row->instance : row->instance + " to " + row->recipient;
  return parts_.pipeline->decide(
      [changes, id = row->correlation_id, key = row->delivery_key, who, detail = receipt.detail](
          incidents::Desk& desk, base::Time now) -> Result<model::Changes> {
        auto all = desk.on_lost(id, key, who, detail, now);
        all.append(model::Changes(changes));
        return all;
      });
}

/// Newest first.
Result<std::vector<model::Attempt>> Feedback::attempts(const std::string& instance, const std::string& key,
                                                       const std::string& provider_id) {
  storage::LogQuery query;
  query.instance = whose_messages(instance);
  query.key = key;
  if (key.empty()) query.provider_id = provider_id;
  query.page.limit = 20;
  TRY(auto found, parts_.pipeline->store().attempts(query));
  return std::move(found.items);
}

base::Error Feedback::unknown_message(const std::string& named) {
  const base::Time now = parts_.clock->now();
  const base::Error early(Fault::unavailable, "the message is not in the notification log yet; say it again");
  const std::lock_guard lock(mutex_);
  const auto [asked, first] = early_.try_emplace(named, now);
  if (first && early_.size() > most_early) {
    early_.erase(std::ranges::min_element(early_, {}, [](const auto& entry) { return entry.second; }));
    return early;
  }
  if (now - asked->second < early_for) return early;
  return base::Error(Fault::not_found, "the notification log has no such message of this instance");
}

// --- answers ---------------------------------------------------------------------------------------------------------

Result<void> Feedback::decides_here() const {
  if (parts_.pipeline->decides()) return {};
  const auto other = parts_.decider ? parts_.decider() : Result<std::string>(std::string());
  return base::fail(Fault::unavailable,
                    other && !other->empty()
                        ? "another agent decides, the one at " + *other + "; say it there, or again later"
                        : "another agent decides, or is about to; say it again later");
}

Result<std::string> Feedback::incident_of_message(const std::string& instance, const model::Answer& answer) {
  TRY(const auto rows, attempts(instance, answer.key, answer.provider_id));
  if (rows.empty()) {
    return base::fail(unknown_message(answer.key.empty() ? instance + "\n" + answer.provider_id : answer.key));
  }
  if (rows.front().correlation_id.empty())
    return base::fail(Fault::invalid, "the message belongs to no incident: there is nothing to answer");
  return rows.front().correlation_id;
}

/// Those open besides it.
Result<std::vector<std::string>> Feedback::others_of_service(const std::string& correlation_id) {
  using model::IncidentStatus;
  std::vector<std::string> others;
  TRY(const auto named, parts_.pipeline->store().incident(correlation_id));
  if (!named || named->service_name.empty()) return others;
  storage::IncidentQuery query;
  query.status = {IncidentStatus::open, IncidentStatus::acknowledged, IncidentStatus::in_progress};
  query.service = {named->service_name};
  query.page.limit = 1000;
  TRY(const auto found, parts_.pipeline->store().incidents(query));
  for (const auto& incident : found.items) {
    if (incident.correlation_id != correlation_id) others.push_back(incident.correlation_id);
  }
  return others;
}

Result<Feedback::Meant> Feedback::meant(const std::string& instance, const model::Answer& answer) {
  Meant out;
  std::string by_ticket;
  if (!answer.ticket.empty()) {
    TRY(const auto tickets, parts_.pipeline->store().tickets());
    const std::string own = tracker_of(instance);
    for (const auto& ticket : tickets) {
      if (ticket.key != answer.ticket || (!own.empty() && ticket.instance != own)) continue;
      by_ticket = ticket.correlation_id;
      out.tracker = ticket.instance;
    }
    if (out.tracker.empty()) out.tracker = own;
  }
  if (!answer.incident.empty()) {
    TRY(const auto found, parts_.pipeline->store().incident(answer.incident));
    if (!found) return base::fail(Fault::not_found, "there is no incident " + answer.incident);
    out.incident = found->correlation_id;
  } else if (!answer.key.empty() || !answer.provider_id.empty()) {
    TRY(out.incident, incident_of_message(instance, answer));
  } else {
    if (by_ticket.empty()) return base::fail(Fault::not_found, "no incident has the ticket " + answer.ticket);
    out.incident = by_ticket;
  }
  if (!by_ticket.empty() && by_ticket != out.incident) {
    return base::fail(Fault::conflict, "the ticket " + answer.ticket + " is another incident's");
  }
  if (answer.whole_service) {
    TRY(out.others, others_of_service(out.incident));
  }
  const auto routing = parts_.routing();
  if (const auto* contact = contact_with(routing, instance, answer.address)) out.contact = contact->name;
  out.who = !out.contact.empty()      ? out.contact
            : !answer.actor.empty()   ? answer.actor
            : !answer.address.empty() ? answer.address
                                      : "somebody";
  return out;
}

void Feedback::forget_seen() {
  const std::lock_guard lock(mutex_);
  seen_.clear();
}

Result<void> Feedback::load_seen(const std::string& instance) {
  {
    const std::lock_guard lock(mutex_);
    if (seen_.contains(instance)) return {};
  }
  TRY(const auto kept, parts_.pipeline->store().kv(seen_name(instance)));
  const std::lock_guard lock(mutex_);
  seen_.try_emplace(instance, kept.value_or(""));
  return {};
}

Result<model::Answered> Feedback::answer(const std::string& instance, model::Answer answer) {
  TRY_VOID(decides_here());
  TRY_VOID(load_seen(instance));
  TRY(auto what, meant(instance, answer));
  auto became = std::make_shared<model::Answered>();
  const std::string id = answer.id, incident = what.incident, who = what.who;
  // What the strand refers to is its own: it may run after this thread gave up.
  const auto shared = std::make_shared<const std::pair<model::Answer, Meant>>(std::move(answer), std::move(what));
  const auto decided = decide_adopting(*parts_.pipeline, incident,
                                       [this, instance, shared, became](incidents::Desk& desk, base::Time now) {
                                         return decide(instance, shared->first, shared->second, desk, now, *became);
                                       });
  if (!decided) {
    const std::lock_guard lock(mutex_);
    if (became->changed && !id.empty()) seen_[instance].remove(id);
    return base::fail(decided.error());
  }
  telemetry::log(telemetry::Level::info, "feedback", instance + ": " + became->text,
                 {{"correlation_id", incident}, {"who", who}});
  return *became;
}

/// On the control strand: answers are taken one after the other, so the same id twice is taken once. The second one
/// keeps what is kept already, so that it too returns when the first is durable.
Result<model::Changes> Feedback::decide(const std::string& instance, const model::Answer& answer, const Meant& meant,
                                        incidents::Desk& desk, base::Time now, model::Answered& became) {
  const auto kept = [&](model::Changes changes) {
    if (!answer.id.empty()) changes.kv.emplace_back(seen_name(instance), seen_[instance].text());
    return changes;
  };
  {
    const std::lock_guard lock(mutex_);
    if (!answer.id.empty() && seen_[instance].contains(answer.id)) {
      const auto incident = desk.find(meant.incident);
      if (!incident) return base::fail(Fault::not_found, "there is no incident " + meant.incident);
      became = {incident->status, incident->number, false, "this answer was taken before"};
      return kept({});
    }
  }
  const Answering answering{answer, meant.who, meant.contact, meant.tracker, tracker_of(instance)};
  TRY(auto changes, act(desk, meant.incident, answering, now, became));
  std::size_t more = 0;
  Answering other = answering;
  other.tracker.clear();
  for (const auto& id : meant.others) {
    model::Answered one;
    // One that cannot take the step (it ended meanwhile) does not keep the others from it.
    auto done = act(desk, id, other, now, one);
    if (!done) continue;
    more += one.changed ? 1 : 0;
    changes.append(std::move(*done));
  }
  if (more > 0) {
    became.changed = true;
    became.text += ", and " + std::to_string(more) + " more of the service";
  }
  const std::lock_guard lock(mutex_);
  seen_[instance].add(answer.id);
  return kept(std::move(changes));
}

}  // namespace tocsin::app
