#include "incidents/calendar.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "timestamp/timestamp.hpp"
#include "timestamp/zone.hpp"

namespace tocsin::incidents {
namespace {

using model::TimeSpan;
using tocsin_plugins::day_seconds;
using tocsin_plugins::floor_div;
using tocsin_plugins::Zone;

constexpr int day_minutes = 1'440;

Zone zone_named(const std::string& name) {
  std::string error;
  return name.empty() ? Zone() : Zone::find(name, error).value_or(Zone());
}

/// Days since 1970 of "2026-11-20".
std::optional<std::int64_t> day_of(std::string_view date) {
  using tocsin_plugins::detail::take;
  using tocsin_plugins::detail::take_digits;
  const int year = take_digits(date, 4);
  const bool dash = take(date, '-');
  const int month = take_digits(date, 2);
  const bool second_dash = take(date, '-');
  const int day = take_digits(date, 2);
  if (!dash || !second_dash || year < 0 || month < 1 || month > 12 || day < 1) return std::nullopt;
  return tocsin_plugins::days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
}

/// A local time of day.
struct Moment {
  std::int64_t day;  ///< since 1970
  int minute;
};

Moment local(const Zone& zone, std::int64_t utc) {
  const std::int64_t seconds = utc + zone.offset_at(utc);
  const std::int64_t day = floor_div(seconds, day_seconds);
  return {day, static_cast<int>((seconds - day * day_seconds) / 60)};
}

bool in_ranges(const TimeSpan::Ranges& ranges, int value) {
  return ranges.empty() || std::ranges::any_of(ranges, [value](const auto& range) {
           const auto [begin, end] = range;
           return begin <= end ? value >= begin && value <= end : value >= begin || value <= end;
         });
}

/// Days from the end (-1 is the last) are counted in the month at hand; a range is cut where the month ends, and one
/// that begins after its end holds on no day.
bool in_days_of_month(const TimeSpan::Ranges& ranges, int day, int days) {
  return ranges.empty() || std::ranges::any_of(ranges, [day, days](const auto& range) {
           const int begin = range.first < 0 ? days + range.first + 1 : range.first;
           const int end = range.second < 0 ? days + range.second + 1 : range.second;
           return begin <= days && day >= begin && day <= std::min(end, days);
         });
}

/// The instant within (from, to] from which the zone has another offset.
std::int64_t change_within(const Zone& zone, std::int64_t from, std::int64_t to) {
  const std::int32_t before = zone.offset_at(from);
  while (to - from > 1) {
    const std::int64_t middle = from + (to - from) / 2;
    (zone.offset_at(middle) == before ? from : to) = middle;
  }
  return to;
}

struct Span {
  TimeSpan rules;
  Zone zone;
  std::vector<int> marks;  ///< minutes of a day at which something may change

  Span(const TimeSpan& span, const std::string& zone_name) : rules(span), zone(zone_named(zone_name)), marks{0} {
    for (const auto& [begin, end] : span.times) {
      marks.push_back(begin);
      if (end < day_minutes) marks.push_back(end);
    }
  }

  bool fits_day(std::int64_t day, const std::vector<std::int64_t>& excluded) const {
    if (std::ranges::binary_search(excluded, day)) return false;
    const auto date = tocsin_plugins::civil_from_days(day);
    const auto weekday = static_cast<int>(day + 4 - floor_div(day + 4, 7) * 7);  // 1970-01-01 was a Thursday
    const auto days = static_cast<int>(tocsin_plugins::days_in_month(date.year, date.month));
    return in_days_of_month(rules.days_of_month, static_cast<int>(date.day), days) &&
           in_ranges(rules.months, static_cast<int>(date.month)) && in_ranges(rules.weekdays, weekday) &&
           in_ranges(rules.years, static_cast<int>(date.year));
  }

  bool holds(std::int64_t utc, const std::vector<std::int64_t>& excluded) const {
    const Moment now = local(zone, utc);
    if (rules.times.empty()) return fits_day(now.day, excluded);
    return std::ranges::any_of(rules.times, [&](const auto& range) {
      const auto [begin, end] = range;
      if (begin <= end) return now.minute >= begin && now.minute < end && fits_day(now.day, excluded);
      return (now.minute >= begin && fits_day(now.day, excluded)) ||
             (now.minute < end && fits_day(now.day - 1, excluded));
    });
  }

  /// Instants of the day from `from` on (and perhaps a few around it) at which holds() may change.
  void add_marks(std::int64_t from, std::vector<std::int64_t>& out) const {
    const std::int32_t before = zone.offset_at(from), after = zone.offset_at(from + day_seconds);
    if (before != after) out.push_back(change_within(zone, from, from + day_seconds));
    for (const std::int32_t offset : {before, after}) {
      const std::int64_t first = floor_div(from + offset, day_seconds);
      for (std::int64_t day = first; day <= first + 1; ++day) {
        for (const int mark : marks) out.push_back(day * day_seconds + mark * 60 - offset);
      }
      if (before == after) return;
    }
  }
};

}  // namespace

struct Interval::Rules {
  std::vector<Span> spans;
  std::vector<std::int64_t> excluded;  ///< days since 1970, ascending

  bool holds(std::int64_t utc) const {
    return std::ranges::any_of(spans, [&](const Span& span) { return span.holds(utc, excluded); });
  }
};

Interval::Interval(const model::TimeInterval& interval) {
  auto rules = std::make_shared<Rules>();
  for (const TimeSpan& span : interval.spans)
    rules->spans.emplace_back(span, span.zone.empty() ? interval.zone : span.zone);
  for (const std::string& date : interval.exclude_dates) {
    if (const auto day = day_of(date)) rules->excluded.push_back(*day);
  }
  std::ranges::sort(rules->excluded);
  rules_ = std::move(rules);
}

bool Interval::holds(base::Time at) const {
  if (at >= from_ && at < until_) return state_;
  return rules_->holds(floor_div(base::to_ns(at), 1'000'000'000));
}

base::Time Interval::next_change(base::Time at) const {
  if (at >= from_ && at < until_) return until_;
  const std::int64_t start = floor_div(base::to_ns(at), 1'000'000'000);
  const bool now = rules_->holds(start);
  const std::int64_t end = start + std::chrono::duration_cast<std::chrono::seconds>(horizon).count();
  std::optional<std::int64_t> found;
  std::vector<std::int64_t> marks;
  for (std::int64_t day = start; day < end && !found; day += day_seconds) {
    marks.clear();
    for (const Span& span : rules_->spans) span.add_marks(day, marks);
    std::erase_if(marks, [&](std::int64_t t) { return t <= start || t < day || t > day + day_seconds; });
    std::ranges::sort(marks);
    const auto change = std::ranges::find_if(marks, [&](std::int64_t t) { return rules_->holds(t) != now; });
    if (change != marks.end()) found = *change;
  }
  if (!found) return at + horizon;
  from_ = at;
  until_ = base::from_ns(*found * 1'000'000'000);
  state_ = now;
  return until_;
}

Calendar make_calendar(const std::map<std::string, model::TimeInterval>& intervals) {
  Calendar calendar;
  for (const auto& [name, interval] : intervals) calendar.emplace(name, Interval(interval));
  return calendar;
}

}  // namespace tocsin::incidents
