#include "model/verdict.hpp"

#include <algorithm>

#include "model/words.hpp"

namespace tocsin::model {
namespace {

constexpr std::array words = std::to_array<std::string_view>({"told",
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
                                                              "failed",
                                                              "paused",
                                                              "limited"});

}  // namespace

std::string_view to_string(VerdictKind kind) {
  const auto at = static_cast<std::size_t>(kind) - 1;
  return at < words.size() ? words[at] : std::string_view();
}

base::Result<VerdictKind> parse_verdict_kind(std::string_view text) {
  return parse_word<VerdictKind>(text, words, 1, "a kind of verdict");
}

bool Verdict::about(std::uint64_t alert) const {
  if (fingerprint != 0) return fingerprint == alert;
  return std::ranges::binary_search(fingerprints, alert);
}

}  // namespace tocsin::model
