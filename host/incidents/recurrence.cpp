#include "incidents/recurrence.hpp"

#include <array>
#include <bitset>
#include <vector>

#include "base/text.hpp"
#include "timestamp/timestamp.hpp"
#include "timestamp/zone.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using tocsin_plugins::day_seconds;
using tocsin_plugins::floor_div;
using tocsin_plugins::Zone;

constexpr base::Duration longest = std::chrono::hours(24 * 7);
constexpr std::array<std::string_view, 7> day_names = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};

std::unexpected<base::Error> bad_every(const std::string& text, const std::string& why) {
  return base::fail(Fault::invalid,
                    "every: \"" + text + "\" does not say when: " + why +
                        "; write it as \"fri 22:00\", \"mon-fri 18:30\", \"sat,sun 00:00\" or \"22:00\"");
}

/// "fri" or "friday": 0 is Sunday.
std::optional<std::size_t> weekday_of(std::string_view word) {
  for (std::size_t i = 0; i < day_names.size(); ++i) {
    if (word == day_names[i] || word == day_names[i].substr(0, 3)) return i;
  }
  return std::nullopt;
}

/// "mon-fri,sun"; a range may run over the end of the week.
std::optional<std::bitset<7>> days_of(std::string_view text) {
  std::bitset<7> days;
  for (std::string_view part : base::split(text, ',')) {
    const std::size_t dash = part.find_first_of("-:");
    const auto first = weekday_of(part.substr(0, dash));
    const auto last = dash == part.npos ? first : weekday_of(part.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    for (std::size_t day = *first;; day = (day + 1) % 7) {
      days.set(day);
      if (day == *last) break;
    }
  }
  return days;
}

/// Seconds since midnight of "22:00".
std::optional<std::int64_t> time_of(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return std::nullopt;
  const int hour = (text[0] - '0') * 10 + (text[1] - '0'), minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return std::nullopt;
  return hour * 3600 + minute * 60;
}

base::Result<Zone> zone_of(const std::string& name) {
  if (name.empty()) return Zone();
  std::string error;
  auto zone = Zone::find(name, error);
  if (!zone) return base::fail(Fault::invalid, "zone: " + error);
  return *zone;
}

std::int64_t seconds_of(base::Time t) {
  return floor_div(base::to_ns(t), 1'000'000'000);
}

}  // namespace

struct Recurring::Rule {
  std::bitset<7> days;
  std::int64_t time = 0;  ///< seconds since midnight
  base::Duration length{};
  Zone zone;

  std::int64_t local_day(base::Time t) const {
    const std::int64_t utc = seconds_of(t);
    return floor_div(utc + zone.offset_at(utc), day_seconds);
  }
  /// Of the local day with this number since 1970, which began on a Thursday.
  std::optional<Span> on(std::int64_t day) const {
    if (!days.test(static_cast<std::size_t>((day % 7 + 11) % 7))) return std::nullopt;
    const base::Time from = base::Time(std::chrono::seconds(zone.to_utc(day * day_seconds + time)));
    return Span{from, from + length};
  }
};

base::Result<Recurring> Recurring::make(const model::Recurrence& recurrence) {
  auto rule = std::make_shared<Rule>();
  std::vector<std::string> words;
  const std::string every = base::lower(recurrence.every);
  for (std::string_view word : base::split(every, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  if (words.empty() || words.size() > 2) return bad_every(recurrence.every, "days and a time are expected");
  const auto time = time_of(words.back());
  if (!time) return bad_every(recurrence.every, "\"" + words.back() + "\" is no time of day");
  rule->time = *time;
  rule->days.set();
  if (words.size() == 2) {
    const auto days = days_of(words.front());
    if (!days) return bad_every(recurrence.every, "\"" + words.front() + "\" names no days");
    rule->days = *days;
  }
  if (recurrence.length <= base::Duration::zero() || recurrence.length > longest) {
    return base::fail(Fault::invalid, "for: how long each lasts must be above 0 and at most 7d, not " +
                                          base::format_duration(recurrence.length));
  }
  rule->length = recurrence.length;
  TRY(rule->zone, zone_of(recurrence.zone));
  Recurring out;
  out.rule_ = std::move(rule);
  return out;
}

std::optional<Recurring::Span> Recurring::at(base::Time t) const {
  const std::int64_t today = rule_->local_day(t), days = rule_->length / std::chrono::hours(24) + 2;
  for (std::int64_t day = today + 1; day >= today - days; --day) {
    const auto span = rule_->on(day);
    if (span && span->from <= t && t < span->to) return span;
  }
  return std::nullopt;
}

Recurring::Span Recurring::next(base::Time t) const {
  for (std::int64_t day = rule_->local_day(t) - 1;; ++day) {
    const auto span = rule_->on(day);
    if (span && span->from > t) return *span;
  }
}

base::Result<base::Time> parse_local_time(std::string_view text, const std::string& zone_name) {
  const std::string_view word = base::trim(text);
  if (auto exact = base::parse_rfc3339(word)) return *exact;
  const bool date = word.size() >= 10 && word[4] == '-' && word[7] == '-';
  const auto civil = date ? base::parse_instant(word, base::no_time) : base::Result<base::Time>(base::no_time);
  if (!date || !civil) {
    return base::fail(Fault::invalid, "\"" + std::string(text) +
                                          "\" is not a time; write it as 2026-11-20, \"2026-11-20 03:00\" or "
                                          "2026-11-20T03:00:00Z");
  }
  TRY(const Zone zone, zone_of(zone_name));
  return base::Time(std::chrono::seconds(zone.to_utc(seconds_of(*civil))));
}

}  // namespace tocsin::incidents
