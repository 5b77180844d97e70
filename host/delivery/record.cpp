#include "delivery/record.hpp"

#include <algorithm>

namespace tocsin::delivery {
namespace {

using model::DeliveryState;

std::string log_status(const model::Delivery& delivery, const Outcome& outcome) {
  switch (delivery.state) {
    case DeliveryState::sent:
      return "SENT";
    case DeliveryState::shadow:
      return "SHADOW";
    case DeliveryState::dead:
      return outcome.retry ? "DEAD" : "FAILED";
    default:
      return "RETRYING";
  }
}

}  // namespace

bool settle(model::Delivery& delivery, const Outcome& outcome, const OutboxSettings& settings, base::Time now,
            base::Time give_up_at, double random) {
  if (outcome.ok) {
    delivery.state = DeliveryState::sent;
    delivery.last_error.clear();
    return true;
  }
  delivery.last_error = outcome.error.empty() ? "failed without saying why" : outcome.error;
  const base::Duration delay =
      std::max(runtime::backoff_delay(settings.backoff, std::max(delivery.attempts, 1u), random), outcome.retry_after);
  delivery.next_attempt_at = now + delay;
  const bool attempts_left = settings.max_attempts == 0 || delivery.attempts < settings.max_attempts;
  if (outcome.retry && attempts_left && delivery.next_attempt_at < give_up_at) return false;
  delivery.state = DeliveryState::dead;
  return true;
}

model::Changes record(const model::Delivery& delivery, const Outcome& outcome, const Finished& finished) {
  model::Changes changes;
  if (delivery.proof) return changes;
  // What was told is not sent again: the copies it was made of have rows of their own.
  changes.deliveries.push_back(delivery.state == DeliveryState::sent ? model::without_copies(delivery) : delivery);
  model::Attempt row;
  row.delivery_key = delivery.key;
  row.correlation_id = delivery.correlation_id;
  row.instance = delivery.instance;
  row.type = finished.type.empty() ? delivery.instance : finished.type;
  row.recipient = delivery.recipient.empty() ? delivery.address : delivery.recipient;
  row.status = log_status(delivery, outcome);
  row.sent_at = finished.began;
  if (delivery.state == DeliveryState::sent) row.delivered_at = finished.ended;
  row.provider_id = outcome.provider_id;
  row.error = delivery.last_error;
  row.attempt = delivery.attempts;
  changes.attempts.push_back(std::move(row));
  if (delivery.state == DeliveryState::dead) {
    model::DeadLetter letter;
    letter.at = finished.ended;
    letter.what = "delivery";
    letter.key = delivery.key;
    letter.instance = delivery.instance;
    letter.cause = delivery.last_error;
    letter.delivery = delivery;
    changes.dead_letters.push_back(std::move(letter));
  }
  if (delivery.state != DeliveryState::sent) return changes;
  if (!delivery.tracker && !outcome.provider_id.empty() && !delivery.correlation_id.empty()) {
    changes.provider_refs.push_back(
        {delivery.instance, delivery.recipient, delivery.correlation_id, outcome.provider_id});
  }
  if (!outcome.ticket.key.empty()) {
    model::TicketRef ticket = outcome.ticket;
    ticket.intent.clear();
    if (ticket.synced_at == base::no_time) ticket.synced_at = finished.ended;
    changes.tickets.push_back(std::move(ticket));
  }
  return changes;
}

model::Verdict held_by_limits(const model::Delivery& delivery, const std::vector<model::Limit>& limits,
                              const std::string& type, base::Time free, base::Time now) {
  model::Verdict v;
  v.at = now;
  v.kind = model::VerdictKind::limited;
  v.target = delivery.target;
  v.who = delivery.recipient;
  v.until = free;
  v.correlation_id = delivery.correlation_id;
  v.route = delivery.incident.route.empty() ? delivery.receiver : delivery.incident.route;
  v.group_key = delivery.group_key;
  v.labels = delivery.incident.labels;
  v.delivery_key = delivery.key;
  v.by = model::text_of(limits);
  v.text =
      delivery.reason + ": the limits of " + (type.empty() ? delivery.instance : type) + " (" + v.by + ") are reached";
  v.alerts = static_cast<std::uint32_t>(delivery.alerts.size());
  if (delivery.alerts.size() == 1) {
    const model::Alert& alert = delivery.alerts.front();
    v.fingerprint = alert.fingerprint;
    v.alert_id = alert.id;
    v.rule = alert.rule;
    v.labels = alert.labels;
    return v;
  }
  for (const model::Alert& alert : delivery.alerts) v.fingerprints.push_back(alert.fingerprint);
  std::ranges::sort(v.fingerprints);
  return v;
}

}  // namespace tocsin::delivery
