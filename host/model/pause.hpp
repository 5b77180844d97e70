// A maintenance pause: for a while nobody is told, and nothing is forgotten.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace tocsin::model {

/// Holds over [from, until).
struct Pause {
  base::Time from{}, until{};
  std::string by, reason;
  bool except_critical = false;  ///< what is CRITICAL is told all the same

  bool at(base::Time time) const { return from <= time && time < until; }
};

/// No pause lasts longer: what was forgotten ends by itself.
constexpr base::Duration longest_pause = std::chrono::hours(24);

}  // namespace tocsin::model
