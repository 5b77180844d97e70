#include "settings/dates.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <set>

#include "base/text.hpp"

namespace tocsin::settings {
namespace {

using base::Fault;
using base::Result;
using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;
using std::chrono::years;

constexpr days longest_event{366};
constexpr years followed{10};
constexpr std::size_t most_dates = 20'000;

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "2026-11-20", or with `separator` 0 "20261120".
std::optional<sys_days> date(std::string_view text, char separator) {
  const std::size_t gap = separator ? 1 : 0;
  if (text.size() != 8 + 2 * gap || (gap && (text[4] != separator || text[7] != separator))) return std::nullopt;
  const auto y = whole_number(text.substr(0, 4)), m = whole_number(text.substr(4 + gap, 2)),
             d = whole_number(text.substr(6 + 2 * gap, 2));
  if (!y || !m || !d || *y < 1 || *m < 1 || *d < 1) return std::nullopt;
  const year_month_day day(std::chrono::year(*y), std::chrono::month(static_cast<unsigned>(*m)),
                           std::chrono::day(static_cast<unsigned>(*d)));
  return day.ok() ? std::optional(sys_days(day)) : std::nullopt;
}

std::string written(sys_days day) {
  const year_month_day ymd(day);
  char out[40];
  std::snprintf(out, sizeof out, "%04d-%02u-%02u", static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                static_cast<unsigned>(ymd.day()));
  return out;
}

std::vector<std::string> listed(const std::set<sys_days>& found) {
  std::vector<std::string> out;
  for (const sys_days day : found) out.push_back(written(day));
  return out;
}

std::string_view without_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

Result<std::vector<std::string>> plain(std::string_view text) {
  std::set<sys_days> found;
  int number = 0;
  for (std::string_view line : base::split(text, '\n')) {
    ++number;
    line = base::trim(without_return(line));
    if (line.empty() || line.front() == '#') continue;
    const auto day = date(line.substr(0, line.find_first_of(" \t")), '-');
    if (!day) {
      return base::fail(Fault::invalid, "line " + std::to_string(number) + " \"" + std::string(line.substr(0, 40)) +
                                            "\" does not begin with a date; expected one such as 2026-09-23");
    }
    found.insert(*day);
  }
  return listed(found);
}

/// The events of an iCalendar text, one after the other.
class Calendar {
 public:
  explicit Calendar(base::Time now)
      : first_(std::chrono::floor<days>(now) - days(366)),
        last_(std::chrono::floor<days>(now) + std::chrono::floor<days>(followed)) {}

  Result<std::vector<std::string>> read(std::string_view text) {
    bool in_event = false;
    for (const std::string& line : unfolded(text)) {
      if (line == "BEGIN:VEVENT") {
        in_event = true;
        event_.clear();
      } else if (line == "END:VEVENT") {
        in_event = false;
        TRY_VOID(add_event());
      } else if (in_event) {
        const std::size_t colon = line.find(':');
        if (colon != line.npos) event_[line.substr(0, std::min(colon, line.find(';')))] = line.substr(colon + 1);
      }
    }
    return listed(found_);
  }

 private:
  /// RFC 5545, 3.1: a line that begins with a space continues the one before.
  static std::vector<std::string> unfolded(std::string_view text) {
    std::vector<std::string> lines;
    for (std::string_view line : base::split(text, '\n')) {
      line = without_return(line);
      if (!lines.empty() && !line.empty() && (line.front() == ' ' || line.front() == '\t'))
        lines.back() += line.substr(1);
      else
        lines.emplace_back(line);
    }
    return lines;
  }

  std::unexpected<base::Error> bad(const std::string& why) const {
    const auto summary = event_.find("SUMMARY");
    return base::fail(Fault::invalid,
                      "event \"" + (summary == event_.end() ? std::string() : summary->second) + "\": " + why);
  }

  Result<void> add_event() {
    if (const auto status = event_.find("STATUS"); status != event_.end() && status->second == "CANCELLED") return {};
    const std::string& start = event_["DTSTART"];
    const auto first = date(std::string_view(start).substr(0, 8), 0);
    if (!first) return bad("DTSTART \"" + start + "\" is no date");
    TRY(const days length, length_of(*first));
    TRY(const std::vector<sys_days> starts, starts_of(*first));
    for (const sys_days begin : starts) {
      for (days i{0}; i < length; ++i) found_.insert(begin + i);
    }
    if (found_.size() > most_dates) return bad("more than " + std::to_string(most_dates) + " dates");
    return {};
  }

  Result<days> length_of(sys_days first) {
    days length{1};
    if (const std::string& end = event_["DTEND"]; !end.empty()) {
      const auto last = date(std::string_view(end).substr(0, 8), 0);
      if (!last) return bad("DTEND \"" + end + "\" is no date");
      // Exclusive, unless it ends within its last day.
      const bool within = end.size() > 8 && end.substr(8, 7) != "T000000";
      length = *last - first + days(within ? 1 : 0);
    } else if (const std::string& duration = event_["DURATION"]; duration.starts_with('P') && duration.size() > 2) {
      const auto count = whole_number(std::string_view(duration).substr(1, duration.size() - 2));
      if (count && *count <= longest_event.count() && (duration.back() == 'D' || duration.back() == 'W'))
        length = days(duration.back() == 'W' ? *count * 7 : *count);
    }
    if (length > longest_event) return bad("lasts longer than a year");
    return std::max(length, days(1));
  }

  Result<std::vector<sys_days>> starts_of(sys_days first) {
    const std::string& rule = event_["RRULE"];
    if (rule.empty()) return std::vector{first};
    std::map<std::string, std::string, std::less<>> parts;
    for (const std::string_view part : base::split(rule, ';')) {
      const std::size_t equals = part.find('=');
      if (equals != part.npos) parts[std::string(part.substr(0, equals))] = part.substr(equals + 1);
    }
    const int every = parts.contains("INTERVAL") ? whole_number(parts["INTERVAL"]).value_or(0) : 1;
    int count = parts.contains("COUNT") ? whole_number(parts["COUNT"]).value_or(0) : 1'000;
    const bool known = std::ranges::all_of(parts, [](const auto& part) {
      return part.first == "FREQ" || part.first == "INTERVAL" || part.first == "COUNT" || part.first == "UNTIL" ||
             part.first == "WKST" || part.first == "BYMONTH" || part.first == "BYMONTHDAY";
    });
    if (parts["FREQ"] != "YEARLY" || !known || every < 1 || every > 1'000)
      return bad("RRULE \"" + rule + "\" is not followed here: only yearly dates are; write its dates out");
    const auto until = date(std::string_view(parts["UNTIL"]).substr(0, 8), 0);
    std::vector<sys_days> out;
    year_month_day day(first);
    const auto last_year = year_month_day(last_).year();
    for (; count > 0 && day.year() <= last_year; day += years(every)) {
      if (!day.ok()) continue;  // 29 February
      if (until && sys_days(day) > *until) break;
      if (sys_days(day) >= first_) out.push_back(sys_days(day));
      --count;
    }
    return out;
  }

  sys_days first_, last_;                                  ///< of what recurs
  std::map<std::string, std::string, std::less<>> event_;  ///< name → value, parameters left out
  std::set<sys_days> found_;
};

}  // namespace

bool is_date(std::string_view text) {
  return date(text, '-').has_value();
}

Result<std::vector<std::string>> parse_dates(std::string_view text, base::Time now) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text.starts_with("BEGIN:VCALENDAR") ? Calendar(now).read(text) : plain(text);
}

}  // namespace tocsin::settings
