// Digests: what is decided while a recipient's storm lasts is told in one message. Each gathered message stays a
// delivery: groups and ladders wait for it as for any other, and it ends as its digest does.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;
using model::Delivery;
using model::MessageKind;

constexpr std::size_t most_named = 5;

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// The newest state of each, firing ones first, the worst first among them.
std::vector<Alert> alerts_of(const Storms::Messages& messages) {
  std::map<std::uint64_t, Alert> newest;
  for (const Delivery& message : messages) {
    for (const Alert& alert : message.alerts) {
      auto [slot, fresh] = newest.try_emplace(alert.fingerprint, alert);
      if (!fresh && event_time(alert) >= event_time(slot->second)) slot->second = alert;
    }
  }
  std::vector<Alert> out;
  out.reserve(newest.size());
  for (auto& [fingerprint, alert] : newest) out.push_back(std::move(alert));
  const auto rank = [](const Alert& alert) {
    return std::tuple(alert.state != AlertState::firing, -static_cast<int>(alert.severity),
                      std::string_view(alert.title));
  };
  std::ranges::stable_sort(out, {}, rank);
  return out;
}

std::size_t groups_in(const Storms::Messages& messages) {
  std::set<std::tuple<std::string, std::string>> groups;
  for (const Delivery& message : messages) {
    if (!message.group_key.empty()) groups.insert({message.receiver, message.group_key});
  }
  return groups.size();
}

std::set<std::string> incidents_in(const Storms::Messages& messages) {
  std::set<std::string> incidents;
  for (const Delivery& message : messages) {
    if (!message.correlation_id.empty()) incidents.insert(message.correlation_id);
  }
  return incidents;
}

MessageKind kind_of(const Storms::Messages& messages, const std::vector<Alert>& alerts) {
  if (std::ranges::any_of(alerts, [](const Alert& a) { return a.state == AlertState::firing; }))
    return MessageKind::firing;
  const bool over = std::ranges::any_of(messages, [](const Delivery& d) { return d.kind == MessageKind::resolved; });
  return over ? MessageKind::resolved : MessageKind::update;
}

/// "HIGH disk full n1; HIGH disk full n2; and 30 more".
std::string names_of(const std::vector<Alert>& alerts) {
  std::string out;
  for (std::size_t i = 0; i < alerts.size() && i < most_named; ++i) {
    const Alert& alert = alerts[i];
    const bool firing = alert.state == AlertState::firing;
    out += (i ? "; " : "") + (firing ? severity_text(alert.severity) : "RESOLVED") + " " + alert.title;
  }
  if (alerts.size() > most_named) out += "; and " + std::to_string(alerts.size() - most_named) + " more";
  return out;
}

std::string told_in(std::size_t messages) {
  return "told in a digest of " + std::to_string(messages);
}

}  // namespace

/// Only what leaves counts: neither shadow nor what the dedup suppressed.
bool Desk::Impl::gather(Delivery& message, bool at_once, base::Time at, const model::Pause* pause) {
  if (message.shadow || message.state != model::DeliveryState::pending) return false;
  if (!storms_.gather(message, at_once, at, pause ? pause->until : base::no_time)) return false;
  due_.insert({message.next_attempt_at, "d" + message.digest});
  return true;
}

/// An alert among them is CRITICAL, and the target has not heard that it fires.
bool Desk::Impl::first_of_critical(const Record& record, const std::vector<Alert>& alerts) const {
  return std::ranges::any_of(alerts, [&](const Alert& alert) {
    return alert.state == AlertState::firing && !record.firing.contains(alert.fingerprint) &&
           !record.owed.contains(alert.fingerprint) && severity_of(routing_, alert) == model::Severity::critical;
  });
}

Said Desk::Impl::said_of_storm(const Delivery& message) const {
  const model::StormDigest& storm = storms_.settings();
  Said said{model::VerdictKind::storm, message.target, message.recipient};
  said.until = message.next_attempt_at;
  said.text = "more than " + counted(storm.after, "message") + " within " + base::format_duration(storm.window) +
              ": gathered into a digest";
  said.key = message.key;
  return said;
}

/// Where it is from: its group, or its incident.
void Desk::Impl::verdict_of_message(const Delivery& message, Said said, base::Time at) {
  About about;
  for (const Alert& alert : message.alerts) about.push_back(&alert);
  const auto hash = message.group_key.empty() ? group_by_hash_.end() : group_by_hash_.find(group_hash(message.key));
  if (hash != group_by_hash_.end()) return verdict(groups_.at(hash->second), about, std::move(said), at);
  if (const Case* c = find(message.correlation_id)) return verdict(*c, std::move(said), at);
  say(about, std::move(said), at).group_key = message.group_key;
}

/// One of a storm that was gathered before a pause waits for its end.
void Desk::Impl::look_at_digest(const std::string& key, base::Time at) {
  if (!storms_.gathers(key)) return;  // a pause moved it, and it has left
  if (!pause_ || !pause_->at(at) || pause_->except_critical) return send_digest(key, at);
  storms_.move(key, pause_->until);
  due_.insert({pause_->until, "d" + key});
}

/// What was gathered alone leaves as it is.
void Desk::Impl::send_gathered(Delivery message, base::Time at) {
  storms_.ended(message.digest);
  message.digest.clear();
  message.next_attempt_at = at;
  Said said{model::VerdictKind::told, message.target, message.recipient};
  said.text = message.reason;
  said.key = message.key;
  verdict_of_message(message, std::move(said), at);
  out_.deliveries.push_back(std::move(message));
}

/// One message for all that was gathered, with every alert of it.
void Desk::Impl::send_digest(const std::string& key, base::Time at) {
  const Storms::Messages& messages = storms_.close(key);
  if (messages.size() == 1) return send_gathered(messages.front(), at);
  const Delivery& first = messages.front();
  const std::set<std::string> incidents = incidents_in(messages);
  Delivery d;
  d.key = key;
  d.instance = first.instance;
  d.target = first.target;
  d.recipient = first.recipient;
  d.address = first.address;
  d.reason = "storm digest";
  d.receiver = first.receiver;
  d.alerts = alerts_of(messages);
  d.kind = kind_of(messages, d.alerts);
  d.created_at = d.next_attempt_at = at;
  d.title = counted(messages.size(), "message") + " in one: " + counted(groups_in(messages), "group") + ", " +
            counted(incidents.size(), "incident") + ", " + counted(d.alerts.size(), "alert");
  std::string where = routing_.external_url.empty() ? "`tocsin incident list` and `tocsin alert list` have them all"
                                                    : "all of them: " + routing_.external_url;
  d.text = "[DIGEST:" + std::to_string(messages.size()) + "] " + d.title + ": " + names_of(d.alerts) + ". " + where;
  d.incident.title = d.title;
  d.incident.description = names_of(d.alerts);
  d.incident.suggestion = std::move(where);
  d.incident.status = d.kind == MessageKind::resolved ? model::IncidentStatus::resolved : model::IncidentStatus::open;
  d.incident.detected_at = first.created_at;
  d.incident.created_at = d.incident.updated_at = at;
  for (const Alert& alert : d.alerts) {
    if (alert.state == AlertState::firing || d.kind != MessageKind::firing)
      d.incident.severity = std::max(d.incident.severity, alert.severity);
  }
  for (const Delivery& message : messages) {
    Said said{model::VerdictKind::told, message.target, message.recipient};
    said.text = message.reason + ": " + told_in(messages.size());
    said.key = key;
    verdict_of_message(message, std::move(said), at);
  }
  out_.deliveries.push_back(std::move(d));
}

/// What it told is told, or none of it is.
void Desk::Impl::digest_ended(const Delivery& digest, base::Time now) {
  const Storms::Messages messages = storms_.ended(digest.key);
  for (Delivery message : messages) {
    const bool dead = digest.state == model::DeliveryState::dead;
    message.state = digest.state;
    message.reason += ": " + told_in(messages.size());
    message.last_error = digest.last_error;
    delivery_ended(message, now);
    message.state = model::DeliveryState::suppressed;
    message.last_error = dead ? "its digest could not be sent: " + digest.last_error : told_in(messages.size());
    out_.deliveries.push_back(std::move(message));
  }
}

void Desk::Impl::learn_gathered(const std::vector<Delivery>& pending, base::Time now) {
  std::set<std::string> on_their_way;
  for (const Delivery& delivery : pending) {
    if (delivery.digest.empty()) on_their_way.insert(delivery.key);
  }
  for (const Delivery& delivery : pending) {
    if (delivery.digest.empty() || delivery.state != model::DeliveryState::pending) continue;
    if (storms_.learn(delivery, on_their_way.contains(delivery.digest)))
      due_.insert({std::max(delivery.next_attempt_at, now), "d" + delivery.digest});
  }
}

}  // namespace tocsin::incidents
