// What is told to whom: outbox rows, their attempts, and the groups' notification state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/alert.hpp"
#include "model/incident.hpp"

namespace tocsin::model {

/// Same numbers as tsn_message_kind.
enum class MessageKind : std::uint8_t { firing = 1, resolved = 2, update = 3, test = 4 };
std::string_view to_string(MessageKind kind);

enum class DeliveryState : std::uint8_t { pending, sent, dead, suppressed, shadow };
std::string_view to_string(DeliveryState state);  ///< "PENDING", "SENT", "DEAD", "SUPPRESSED", "SHADOW"

/// One notification, or one change for a tracker, on its way. The payload is a copy of what was true when it was
/// decided, so that a restart sends the same thing.
struct Delivery {
  std::string key;       ///< idempotency key; the identity; derives from what caused it
  std::string instance;  ///< "mail" of [notifier.mail]
  bool tracker = false;
  MessageKind kind = MessageKind::firing;
  std::uint32_t change = 0;    ///< tracker: tsn_change_kind
  std::string correlation_id;  ///< incident; empty: a group flush without an incident
  std::string target;          ///< as written
  std::string recipient;       ///< name
  std::string address;         ///< the recipient's; a tracker's: the mailbox of the incident's owner
  std::string reason;          ///< "ladder step 1", "group flush", "ticket", "test"
  // Group flush (Alertmanager's view); empty group_key: none.
  std::string receiver, group_key;
  Labels group_labels;
  Incident incident;  ///< as it was
  std::vector<Alert> alerts;
  std::string title, text, note, note_author;
  bool shadow = false;
  bool proof = false;  ///< of the watchdog: nobody's message, and in no log; not kept
  DeliveryState state = DeliveryState::pending;
  std::uint32_t attempts = 0;
  bool outcome_unknown = false;  ///< set durably before an attempt whose answer may be lost
  base::Time created_at{}, next_attempt_at{}, deadline{};
  std::string last_error;
  /// Key of the digest that tells it in a storm; empty: it leaves by itself. It stays pending until the digest ends.
  std::string digest;
};

/// The same without the incident and the alerts.
Delivery without_copies(const Delivery& delivery);

/// A row of notification_log: one attempt.
struct Attempt {
  std::string delivery_key, correlation_id, instance, type, recipient;
  std::string status;  ///< SENT, FAILED, RETRYING, DEAD, SHADOW; by a receipt DELIVERED
  base::Time sent_at{}, delivered_at{};
  std::string provider_id, error;
  std::uint32_t attempt = 1;
};

/// What an instance knows its message to a recipient about an incident by (a Slack ts, a Message-ID).
struct ProviderRef {
  std::string instance, recipient, correlation_id, provider_id;
};

struct TicketRef {
  std::string correlation_id, instance, key, url, status;
  std::string intent;  ///< "create" is on its way, "held" waits with its alerts, ticket_unlinked; empty: settled
  base::Time synced_at{};
};

struct DeadLetter {
  std::uint64_t id = 0;
  base::Time at{};
  std::string what;  ///< "delivery", "batch"
  std::string key, instance, cause;
  Delivery delivery;
};

/// The notification record of one (route, group, receiver): Alertmanager's nflog entry and the group's timers.
struct GroupState {
  std::string key;  ///< route path and group key
  Labels labels;
  base::Time next_flush{};  ///< no_time: idle
  base::Time last_notified{};
  std::vector<std::uint64_t> told_firing, told_resolved;  ///< fingerprints
  std::vector<Alert> members;
  bool gone = false;                ///< delete it
  std::vector<std::uint64_t> owed;  ///< told firing before, then held back while others were told: their end is owed
  std::vector<std::uint64_t> told_flapping;  ///< fingerprints of which it was told that they flap
  std::vector<std::uint64_t> reports;        ///< of an alert on a route, for flap damping (incidents/reports.hpp)
};

/// A ladder on its way. The steps are a copy: the chain is taken as it was when it began.
struct Ladder {
  std::string correlation_id;
  std::vector<std::vector<std::string>> steps;  ///< targets
  std::vector<base::Duration> waits;
  std::uint32_t next_step = 0;
  std::uint32_t round = 0;
  int repeat = 0;
  std::vector<std::string> on_exhausted;
  base::Time next_at{};
  bool done = false;  ///< delete it
};

}  // namespace tocsin::model
