// Timestamps as they come in from outside, to nanoseconds since 1970. Nothing here allocates or throws.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tocsin_plugins {

constexpr std::int64_t day_seconds = 86'400;

/// The quotient rounded down, also below 0.
constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0);
}

/// Days since 1970-01-01 of a civil date (proleptic Gregorian); after Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", days_from_civil.
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto of_era = static_cast<unsigned>(year - era * 400);
  const unsigned of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
  const unsigned day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

/// The civil date of a day since 1970-01-01; the inverse, after the same source.
struct CivilDate {
  std::int64_t year;
  unsigned month, day;
};
constexpr CivilDate civil_from_days(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2), month,
          day_of_year - (153 * shifted + 2) / 5 + 1};
}

constexpr unsigned days_in_month(std::int64_t year, unsigned month) {
  constexpr unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

namespace detail {
/// Reads exactly `count` digits at the front of `text`; -1 where there are fewer.
constexpr int take_digits(std::string_view& text, unsigned count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}
constexpr bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}
}  // namespace detail

/// RFC 3339 (`2026-11-20T10:00:00.5+03:00`, a space or lower case letters allowed as its section 5.6 does); years 1970
/// to 2261. A leap second counts as the last second of its minute.
constexpr std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  using detail::take;
  using detail::take_digits;
  const int year = take_digits(text, 4);
  if (year < 1970 || year > 2261 || !take(text, '-')) return std::nullopt;
  const int month = take_digits(text, 2);
  if (month < 1 || month > 12 || !take(text, '-')) return std::nullopt;
  const int day = take_digits(text, 2);
  if (day < 1 || day > static_cast<int>(days_in_month(year, static_cast<unsigned>(month)))) return std::nullopt;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return std::nullopt;
  const int second = take_digits(text, 2);
  if (second < 0 || second > 60) return std::nullopt;
  std::int64_t fraction = 0;
  if (take(text, '.')) {
    std::int64_t unit = 100'000'000;
    const std::size_t before = text.size();
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      fraction += unit * (text.front() - '0');
      unit /= 10;
      text.remove_prefix(1);
    }
    if (text.size() == before) return std::nullopt;
  }
  int offset = 0;
  if (!take(text, 'Z') && !take(text, 'z')) {
    const bool west = take(text, '-');
    if (!west && !take(text, '+')) return std::nullopt;
    const int hours = take_digits(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ':')) return std::nullopt;
    const int minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    offset = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
  }
  if (!text.empty()) return std::nullopt;
  const std::int64_t days = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  const std::int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + (second == 60 ? 59 : second) - offset;
  return seconds * 1'000'000'000 + fraction;
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by magnitude: below 10^11
/// seconds (year 5138), below 10^14 milliseconds, below 10^17 microseconds.
constexpr std::optional<std::int64_t> time_from_integer(std::int64_t value) {
  if (value < 0) return std::nullopt;
  if (value < 9'223'372'036) return value * 1'000'000'000;
  if (value < 100'000'000'000) return std::nullopt;
  if (value < 9'223'372'036'854) return value * 1'000'000;
  if (value < 100'000'000'000'000) return std::nullopt;
  if (value < 9'223'372'036'854'775) return value * 1'000;
  if (value < 100'000'000'000'000'000) return std::nullopt;
  return value;
}

/// As time_from_integer; a fraction of a second is kept as far as a double holds it.
inline std::optional<std::int64_t> time_from_number(double value) {
  if (!std::isfinite(value) || value < 0 || value >= 9.2e18) return std::nullopt;
  if (value >= 1e11) return time_from_integer(static_cast<std::int64_t>(value));
  if (value >= 9'223'372'036.0) return std::nullopt;
  const double whole = std::floor(value);
  return static_cast<std::int64_t>(whole) * 1'000'000'000 + std::llround((value - whole) * 1e9);
}

}  // namespace tocsin_plugins
