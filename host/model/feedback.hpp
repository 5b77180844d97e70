// What comes back from outside about what was told: receipts of providers and answers of people (service
// "tsn.feedback/1" of the ABI, whose words these are).
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "model/incident.hpp"

namespace tocsin::model {

/// Same numbers as tsn_receipt_state.
enum class ReceiptState : std::uint8_t { on_its_way = 1, delivered = 2, failed = 3 };

/// What a provider says later of a message it took. It is taken into the message's row of the notification log once: a
/// final state (delivered, failed) stays, whatever is said after it.
struct Receipt {
  ReceiptState state = ReceiptState::delivered;
  std::string instance;     ///< whose message it is, as in the log ("sms"); empty: anybody's
  std::string key;          ///< of the delivery; empty: provider_id names the message
  std::string provider_id;  ///< bytes of the provider's
  std::string detail;       ///< its own word: "UNDELIV"
  base::Time at{};          ///< when it became so
};

/// Same numbers as tsn_answer_kind.
enum class AnswerKind : std::uint8_t {
  acknowledge = 1,
  escalate,
  resolve,
  note,
  details,
  status,
  assign,
  snooze,
  ticket,
};

/// What a person did about an incident somewhere outside. `incident`, `key`, `provider_id` or `ticket` names it; the
/// first of them that is not empty counts.
struct Answer {
  AnswerKind kind = AnswerKind::acknowledge;
  bool whole_service = false;
  IncidentStatus status = IncidentStatus::open;  ///< AnswerKind::status
  std::string id;                                ///< the provider's own; the same id again changes nothing; empty: none
  std::string incident;                          ///< correlation id or number
  std::string key, provider_id;                  ///< of the message that was answered
  std::string ticket, ticket_url, ticket_status;
  std::string address, actor, way, text;
  base::Duration lasts{};
  base::Time at{};
};

/// What became of an answer.
struct Answered {
  IncidentStatus status = IncidentStatus::open;  ///< of the incident now
  std::uint64_t number = 0;
  bool changed = false;
  std::string text;  ///< a sentence for the one who answered
};

}  // namespace tocsin::model
