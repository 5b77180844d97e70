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

}  // namespace tocsin::model
