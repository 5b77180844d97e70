#include "alertmanager/times.hpp"

#include <array>
#include <charconv>
#include <filesystem>
#include <functional>
#include <optional>

#include "alertmanager/words.hpp"
#include "base/text.hpp"

namespace tocsin::alertmanager {
namespace {

using base::fail;
using base::Fault;
using base::Result;
using base::Value;

constexpr std::array<std::string_view, 7> weekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                      "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 12> months = {"january",   "february", "march",    "april",
                                                     "may",       "june",     "july",     "august",
                                                     "september", "october",  "november", "december"};

std::optional<int> number_of(std::string_view text) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Names>
std::optional<int> index_of(const Names& names, std::string_view word) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == word) return static_cast<int>(i);
  }
  return std::nullopt;
}

struct Range {
  int begin = 0, end = 0;
};

/// "a" or "a:b" of what `member` reads.
Result<Range> range_of(std::string_view text, std::string_view what,
                       const std::function<std::optional<int>(std::string_view)>& member) {
  const std::string small = base::lower(text);
  const auto parts = base::split(small, ':');
  const auto begin = member(parts.front()), end = member(parts.back());
  if (parts.size() > 2 || !begin || !end)
    return fail(Fault::invalid, "\"" + std::string(text) + "\" is no " + std::string(what) + " and no range of them");
  return Range{*begin, *end};
}

std::string range_text(const Range& range) {
  return range.begin == range.end ? std::to_string(range.begin)
                                  : std::to_string(range.begin) + ":" + std::to_string(range.end);
}

Result<std::string> backwards(std::string_view text) {
  return fail(Fault::invalid, "\"" + std::string(text) + "\" ends before it begins; write two ranges");
}

std::optional<int> minutes_of(std::string_view text) {
  if (text == "24:00") return 24 * 60;
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number_of(text.substr(0, 2)), minute = number_of(text.substr(3));
  if (!hour || !minute || *hour < 0 || *hour > 23 || *minute < 0 || *minute > 59) return std::nullopt;
  return *hour * 60 + *minute;
}

bool zone_is_known(const std::string& zone) {
  const std::filesystem::path database = "/usr/share/zoneinfo";
  std::error_code problem;
  if (zone.starts_with('/') || zone.find("..") != zone.npos) return false;
  if (zone.empty() || zone == "UTC" || zone == "Local") return true;
  return !std::filesystem::is_directory(database, problem) ||
         std::filesystem::is_regular_file(database / zone, problem);
}

using Parse = Result<std::string> (*)(std::string_view);
constexpr std::array<std::pair<const char*, Parse>, 4> fields = {std::pair{"weekdays", &weekday_range},
                                                                 {"days_of_month", &day_of_month_range},
                                                                 {"months", &month_range},
                                                                 {"years", &year_range}};

}  // namespace

Result<std::string> weekday_range(std::string_view text) {
  TRY(const Range range, range_of(text, "weekday", [](std::string_view word) { return index_of(weekdays, word); }));
  if (range.begin > range.end) return backwards(text);
  const std::string begin(weekdays[static_cast<std::size_t>(range.begin)]);
  const std::string end(weekdays[static_cast<std::size_t>(range.end)]);
  return begin == end ? begin : begin + ":" + end;
}

Result<std::string> day_of_month_range(std::string_view text) {
  TRY(const Range range, range_of(text, "day of the month", number_of));
  for (int day : {range.begin, range.end}) {
    if (day == 0 || day < -31 || day > 31)
      return fail(Fault::invalid, "\"" + std::string(text) + "\": days are 1 to 31, or -1 to -31 from the end");
  }
  if (range.begin < 0 && range.end > 0)
    return fail(Fault::invalid, "\"" + std::string(text) + "\" begins counted from the end, so it must end so too");
  // Counted from the end, a day is at the earliest where the shortest month has it.
  const auto earliest = [](int day) { return day < 0 ? 28 + day : day; };
  if (earliest(range.begin) > earliest(range.end)) return backwards(text);
  return range_text(range);
}

Result<std::string> month_range(std::string_view text) {
  TRY(const Range range, range_of(text, "month", [](std::string_view word) -> std::optional<int> {
        if (const auto index = index_of(months, word)) return *index + 1;
        const auto number = number_of(word);
        return number && *number >= 1 && *number <= 12 ? number : std::nullopt;
      }));
  if (range.begin > range.end) return backwards(text);
  return range_text(range);
}

Result<std::string> year_range(std::string_view text) {
  TRY(const Range range, range_of(text, "year", number_of));
  if (range.begin > range.end) return backwards(text);
  return range_text(range);
}

Result<std::string> time_range(const Value& table) {
  const std::string start = text_of(table, "start_time"), end = text_of(table, "end_time");
  if (start.empty() || end.empty()) return fail(Fault::invalid, "start_time and end_time are both needed");
  const auto from = minutes_of(start), to = minutes_of(end);
  for (const auto& [text, minutes] : {std::pair(start, from), std::pair(end, to)}) {
    if (!minutes)
      return fail(Fault::invalid, "\"" + text + "\" is no time of day: expected 00:00 to 24:00, two digits each");
  }
  if (*from >= *to) return fail(Fault::invalid, "start_time " + start + " is not before end_time " + end);
  return start + "-" + end;
}

void check_span(const Value& span, const std::string& path, config::Diagnostics& diagnostics) {
  const auto report = [&](const Value& item, const std::string& key, std::size_t i, const Result<std::string>& parsed) {
    if (!parsed)
      config::error_at(diagnostics, item.place,
                       path + "." + key + "[" + std::to_string(i) + "]: " + parsed.error().message());
  };
  for (const auto& [key, parse] : fields) {
    const Value* list = span.find(key);
    for (std::size_t i = 0; list && list->array() && i < list->array()->size(); ++i) {
      const Value& item = (*list->array())[i];
      if (item.string()) report(item, key, i, parse(*item.string()));
    }
  }
  const auto times = objects_of(span, "times");
  for (std::size_t i = 0; i < times.size(); ++i) report(*times[i], "times", i, time_range(*times[i]));
  if (const std::string zone = text_of(span, "location"); !zone_is_known(zone))
    config::error_at(diagnostics, place_of(span, "location"),
                     path + ".location: there is no time zone \"" + zone + "\"");
}

Value span_table(const Value& span) {
  Value out{Value::Table()};
  out.place = span.place;
  const auto list = [&](const char* key, Value::Array items) {
    if (!items.empty()) put(out, key, Value(std::move(items)), place_of(span, key));
  };
  const auto text = [&](std::string said, const Value& from) {
    Value value(std::move(said));
    value.place = from.place;
    return value;
  };
  Value::Array times;
  for (const Value* each : objects_of(span, "times")) {
    if (auto range = time_range(*each)) times.push_back(text(std::move(*range), *each));
  }
  list("times", std::move(times));
  for (const auto& [key, parse] : fields) {
    Value::Array ranges;
    const Value* items = span.find(key);
    for (std::size_t i = 0; items && items->array() && i < items->array()->size(); ++i) {
      const Value& item = (*items->array())[i];
      if (!item.string()) continue;
      if (auto range = parse(*item.string())) ranges.push_back(text(std::move(*range), item));
    }
    list(key, std::move(ranges));
  }
  // "Local" and "" are what Go's time package calls the machine's zone and UTC.
  if (const std::string zone = text_of(span, "location"); !zone.empty() && zone != "Local")
    put(out, "zone", zone, place_of(span, "location"));
  return out;
}

}  // namespace tocsin::alertmanager
