#include "model/time_interval.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "base/text.hpp"

namespace tocsin::model {
namespace {

using base::Fault;
using base::Result;
using Range = TimeSpan::Range;

constexpr std::array<std::string_view, 7> weekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                      "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 12> months = {"january",   "february", "march",    "april",
                                                     "may",       "june",     "july",     "august",
                                                     "september", "october",  "november", "december"};

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Index of a name, or of its first three letters.
std::optional<int> named(std::string_view word, std::span<const std::string_view> names) {
  const std::string small = base::lower(word);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (small == names[i] || small == names[i].substr(0, 3)) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::unexpected<base::Error> bad(std::string_view text, const std::string& expected) {
  return base::fail(Fault::invalid, "\"" + std::string(text) + "\" is not understood; expected " + expected);
}

/// `FIRST`, or `FIRST:LAST`, each read by `one`.
template <class One>
std::optional<Range> range(std::string_view text, One one) {
  const std::size_t colon = text.find(':');
  const std::optional<int> first = one(base::trim(text.substr(0, colon)));
  const std::optional<int> last = colon == text.npos ? first : one(base::trim(text.substr(colon + 1)));
  if (!first || !last) return std::nullopt;
  return Range{*first, *last};
}

/// Minutes since midnight of "09:30" or "24:00".
std::optional<int> minutes(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (const std::size_t i : {0u, 1u, 3u, 4u}) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  const int hour = (text[0] - '0') * 10 + (text[1] - '0'), minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (minute > 59 || hour * 60 + minute > 24 * 60) return std::nullopt;
  return hour * 60 + minute;
}

}  // namespace

Result<Range> parse_times(std::string_view text) {
  const std::string expected = "\"09:00-17:00\" (24:00 is the end of the day, \"22:00-06:00\" wraps midnight)";
  const std::size_t dash = text.find('-');
  if (dash == text.npos) return bad(text, expected);
  const auto begin = minutes(base::trim(text.substr(0, dash))), end = minutes(base::trim(text.substr(dash + 1)));
  if (!begin || !end || *begin == 24 * 60) return bad(text, expected);
  if (*begin == *end) return bad(text, "an end other than its beginning; the whole day is \"00:00-24:00\"");
  return Range{*begin, *end};
}

Result<Range> parse_weekdays(std::string_view text) {
  const auto found = range(text, [](std::string_view word) { return named(word, weekdays); });
  if (!found) return bad(text, "a day of the week or a range of them, \"monday\" or \"sunday:thursday\"");
  return *found;
}

Result<Range> parse_days_of_month(std::string_view text) {
  const auto found = range(text, number);
  const auto valid = [](int day) { return day != 0 && day >= -31 && day <= 31; };
  if (!found || !valid(found->first) || !valid(found->second))
    return bad(text,
               "a day from 1 to 31, or from -31 to -1 counted from the end, or a range such as \"1:5\" or \"-3:-1\"");
  const auto [begin, end] = *found;
  if (begin < 0 && end > 0) return bad(text, "an end that counts from the month's end as its beginning does");
  const auto of_31 = [](int day) { return day < 0 ? 32 + day : day; };
  if (of_31(begin) > of_31(end)) return bad(text, "an end that is not before its beginning");
  return *found;
}

Result<Range> parse_months(std::string_view text) {
  const auto found = range(text, [](std::string_view word) -> std::optional<int> {
    if (const auto name = named(word, months)) return *name + 1;
    const auto month = number(word);
    return month && *month >= 1 && *month <= 12 ? month : std::nullopt;
  });
  if (!found) return bad(text, "a month or a range of them, \"december\", \"1:3\" or \"november:february\"");
  return *found;
}

Result<Range> parse_years(std::string_view text) {
  const auto found = range(text, number);
  if (!found || found->first < 1 || found->second > 9999)
    return bad(text, "a year or a range of them, \"2026\" or \"2026:2028\"");
  if (found->first > found->second) return bad(text, "an end that is not before its beginning");
  return *found;
}

}  // namespace tocsin::model
