// A zone's rule as POSIX writes it ("CET-1CEST,M3.5.0,M10.5.0/3"): what a TZif file says of the time after its last
// transition. Format: POSIX.1-2017, Base Definitions 8.3 "TZ", with the wider hours of RFC 8536 section 3.3.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tocsin_plugins {

class PosixZone {
 public:
  static std::optional<PosixZone> parse(std::string_view text);
  /// Seconds east of UTC at an instant (seconds since 1970).
  std::int32_t offset_at(std::int64_t utc) const;

 private:
  /// When in a year the clock changes. Local time before the change.
  struct Change {
    enum class By { month_week_day, julian, day_of_year } by = By::month_week_day;
    unsigned month = 0, week = 0, weekday = 0;  ///< month_week_day
    unsigned day = 0;                           ///< julian: 1..365 without 29 February; day_of_year: 0..365
    std::int32_t time = 7200;                   ///< seconds after midnight, -167 h to 167 h

    std::int64_t local(std::int64_t year) const;
  };
  static bool take_change(std::string_view& text, Change& out);

  std::int32_t standard_ = 0, daylight_ = 0;
  bool has_daylight_ = false;
  Change begin_, end_;
};

}  // namespace tocsin_plugins
