// Words of Delivery::reason that others go by.
#pragma once

#include <string_view>

namespace tocsin::incidents {

/// Begins the reason of every message that a ladder's step sent: "ladder step 2, round 1".
constexpr std::string_view ladder_step = "ladder step ";

}  // namespace tocsin::incidents
