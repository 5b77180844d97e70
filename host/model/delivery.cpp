#include "model/delivery.hpp"

#include <array>

namespace tocsin::model {

std::string_view to_string(MessageKind kind) {
  static constexpr std::array<std::string_view, 4> words{"firing", "resolved", "update", "test"};
  return words[static_cast<std::size_t>(kind) - 1];
}

std::string_view to_string(DeliveryState state) {
  static constexpr std::array<std::string_view, 5> words{"PENDING", "SENT", "DEAD", "SUPPRESSED", "SHADOW"};
  return words[static_cast<std::size_t>(state)];
}

Delivery without_copies(const Delivery& delivery) {
  Delivery out;
  out.key = delivery.key;
  out.instance = delivery.instance;
  out.tracker = delivery.tracker;
  out.kind = delivery.kind;
  out.change = delivery.change;
  out.correlation_id = delivery.correlation_id;
  out.target = delivery.target;
  out.recipient = delivery.recipient;
  out.address = delivery.address;
  out.reason = delivery.reason;
  out.receiver = delivery.receiver;
  out.group_key = delivery.group_key;
  out.group_labels = delivery.group_labels;
  out.title = delivery.title;
  out.text = delivery.text;
  out.note = delivery.note;
  out.note_author = delivery.note_author;
  out.shadow = delivery.shadow;
  out.proof = delivery.proof;
  out.state = delivery.state;
  out.attempts = delivery.attempts;
  out.outcome_unknown = delivery.outcome_unknown;
  out.created_at = delivery.created_at;
  out.next_attempt_at = delivery.next_attempt_at;
  out.deadline = delivery.deadline;
  out.last_error = delivery.last_error;
  out.digest = delivery.digest;
  return out;
}

}  // namespace tocsin::model
