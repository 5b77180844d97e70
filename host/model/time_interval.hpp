// A named set of times of the week, month and year, in a zone: when a route is active or mute.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace tocsin::model {

/// One of Alertmanager's time_intervals entries: each list that is not empty must hold the instant. Bounds as written
/// there: minutes of a day [begin, end), the others inclusive; days of the month may count from the end (-1).
struct TimeSpan {
  using Ranges = std::vector<std::pair<int, int>>;
  Ranges times;     ///< minutes since midnight, 0 to 1440; begin > end wraps midnight
  Ranges weekdays;  ///< 0 is Sunday; begin > end wraps the week
  Ranges days_of_month;
  Ranges months;  ///< 1 is January; begin > end wraps the year
  Ranges years;
  std::string zone;  ///< IANA name; empty: the interval's
};

struct TimeInterval {
  std::string name;
  std::vector<TimeSpan> spans;             ///< any of them
  std::string zone;                        ///< IANA name; empty: UTC
  std::vector<std::string> exclude_dates;  ///< "2026-11-20", local to the zone
};

}  // namespace tocsin::model
