// How many messages one recipient gets by one kind of channel within a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::model {

struct Limit {
  std::uint32_t count = 0;
  base::Duration within{};
  bool operator==(const Limit&) const = default;
};

/// "5/15m": five within fifteen minutes.
base::Result<Limit> parse_limit(std::string_view text);
/// "5/15m 11/1h".
std::string text_of(const std::vector<Limit>& limits);
/// What holds for a plugin without limits of its own: a phone is for waking people, not for flooding them. GoAlert's
/// figures: calls 3 in 15 min, 7 in 1 h, 15 in 3 h; SMS 5, 11, 21; none for what people read when they like.
std::vector<Limit> usual_limits(std::string_view plugin);

}  // namespace tocsin::model
