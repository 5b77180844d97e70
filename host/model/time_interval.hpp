// A named set of times of the week, month and year, in a zone: when a route is active or mute.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace tocsin::model {

/// One of Alertmanager's time_intervals entries: each list that is not empty must hold the instant. Bounds as written
/// there: minutes of a day [begin, end), the others inclusive; days of the month may count from the end (-1).
struct TimeSpan {
  using Range = std::pair<int, int>;
  using Ranges = std::vector<Range>;
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

/// "09:00-17:00", "00:00-24:00"; "22:00-06:00" wraps midnight.
base::Result<TimeSpan::Range> parse_times(std::string_view text);
/// "monday", "monday:friday", "fri:mon"; names in full or their first three letters, without case.
base::Result<TimeSpan::Range> parse_weekdays(std::string_view text);
/// "15", "1:5", "-3:-1", "20:-1".
base::Result<TimeSpan::Range> parse_days_of_month(std::string_view text);
/// "december", "1:3", "nov:feb".
base::Result<TimeSpan::Range> parse_months(std::string_view text);
/// "2026", "2026:2028".
base::Result<TimeSpan::Range> parse_years(std::string_view text);

}  // namespace tocsin::model
