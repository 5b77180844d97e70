#include "model/verdict.hpp"

#include <array>

namespace tocsin::model {

std::string_view to_string(VerdictKind kind) {
  static constexpr std::array<std::string_view, 19> words = {"",
                                                             "told",
                                                             "inhibited",
                                                             "outside_active",
                                                             "muted",
                                                             "silenced",
                                                             "cooldown",
                                                             "group_wait",
                                                             "group_interval",
                                                             "repeat_interval",
                                                             "in_flight",
                                                             "below_open_after",
                                                             "no_receiver",
                                                             "shadow",
                                                             "acknowledged",
                                                             "deduplicated",
                                                             "flapping",
                                                             "storm",
                                                             "failed"};
  const auto at = static_cast<std::size_t>(kind);
  return at < words.size() ? words[at] : std::string_view();
}

}  // namespace tocsin::model
