// Points in time as text and as numbers. RFC 3339 by hand: the compiler's library has no chrono parsing.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "base/text.hpp"

namespace tocsin::base {
namespace {

std::unexpected<Error> bad_time(std::string_view text, std::string_view why) {
  return fail(Fault::invalid, "\"" + std::string(text) + "\" is not a time: " + std::string(why));
}

/// Takes what a date is made of from the front of a text; stays failed once something was missing.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= rest_.size() || rest_[i] < '0' || rest_[i] > '9') return failed();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  void one_of(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == characters.npos)
      failed();
    else
      rest_.remove_prefix(1);
  }
  bool skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Nanoseconds of ".123"; digits past the ninth are dropped.
  std::int64_t fraction() {
    if (!skip('.') && !skip(',')) return 0;
    std::int64_t value = 0, scale = 100'000'000;
    std::size_t count = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; ++count, scale /= 10) {
      value += (rest_.front() - '0') * scale;
      rest_.remove_prefix(1);
    }
    return count > 0 ? value : failed();
  }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  int failed() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

struct Civil {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t nanos = 0;
  int offset_minutes = 0;
};

bool in_range(const Civil& c) {
  std::chrono::year_month_day date(std::chrono::year(c.year), std::chrono::month(static_cast<unsigned>(c.month)),
                                   std::chrono::day(static_cast<unsigned>(c.day)));
  return date.ok() && c.hour < 24 && c.minute < 60 && c.second <= 60;  // 60: a leap second, taken as the next second
}

Result<Time> to_time(const Civil& c, std::string_view text) {
  if (!in_range(c)) return bad_time(text, "a part of it is out of range");
  if (c.year == 1 && c.month == 1 && c.day == 1) return no_time;  // Go's zero time: how Alertmanager says "not given"
  std::chrono::sys_days days = std::chrono::year(c.year) / c.month / c.day;
  std::int64_t seconds = std::int64_t{days.time_since_epoch().count()} * 86'400 + c.hour * 3'600 + c.minute * 60 +
                         c.second - std::int64_t{c.offset_minutes} * 60;
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(seconds, std::int64_t{1'000'000'000}, &ns) || __builtin_add_overflow(ns, c.nanos, &ns)) {
    return bad_time(text, "only the years 1678 to 2261 can be told");
  }
  return from_ns(ns);
}

void scan_date(Scanner& scan, Civil& c) {
  c.year = scan.digits(4);
  scan.one_of("-");
  c.month = scan.digits(2);
  scan.one_of("-");
  c.day = scan.digits(2);
}

void scan_offset(Scanner& scan, Civil& c) {
  if (scan.skip('Z') || scan.skip('z')) return;
  int sign = scan.skip('-') ? -1 : 1;
  if (sign > 0) scan.one_of("+");
  int hours = scan.digits(2);
  scan.one_of(":");
  int minutes = scan.digits(2);
  if (hours > 23 || minutes > 59) scan.one_of("");  // fails: no such offset
  c.offset_minutes = sign * (hours * 60 + minutes);
}

std::optional<double> as_number(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "2026-11-20", "2026-11-20 03:00", "2026-11-20 03:00:05", all UTC.
Result<Time> parse_plain(std::string_view text) {
  Scanner scan(text);
  Civil c;
  scan_date(scan, c);
  if (scan.ok() && !scan.at_end()) {
    scan.one_of(" T");
    c.hour = scan.digits(2);
    scan.one_of(":");
    c.minute = scan.digits(2);
    if (scan.skip(':')) c.second = scan.digits(2);
  }
  if (!scan.ok() || !scan.at_end()) {
    return bad_time(
        text, "write it as 2026-11-20T03:00:00Z, \"2026-11-20 03:00\" (UTC), a Unix time, now, -1h or \"1h ago\"");
  }
  return to_time(c, text);
}

Result<Time> moved(Time now, std::string_view text, int sign) {
  TRY(Duration by, parse_duration(text));
  std::int64_t ns = 0;
  if (__builtin_add_overflow(to_ns(now), sign * by.count(), &ns)) return bad_time(text, "it is too far away");
  return from_ns(ns);
}

}  // namespace

Result<Time> parse_rfc3339(std::string_view text) {
  Scanner scan(text);
  Civil c;
  scan_date(scan, c);
  scan.one_of("Tt ");
  c.hour = scan.digits(2);
  scan.one_of(":");
  c.minute = scan.digits(2);
  scan.one_of(":");
  c.second = scan.digits(2);
  c.nanos = scan.fraction();
  scan_offset(scan, c);
  if (!scan.ok() || !scan.at_end()) {
    return bad_time(text, "RFC 3339 is expected, as 2026-11-20T03:00:00Z or 2026-11-20T06:00:00.123+03:00");
  }
  return to_time(c, text);
}

std::string format_rfc3339(Time t) {
  if (t == no_time) return "0001-01-01T00:00:00Z";
  // By hand: the first day of what nanoseconds can tell began before it, and chrono's difference would overflow.
  std::int64_t since_1970 = to_ns(t) / 1'000'000'000, nanos = to_ns(t) % 1'000'000'000;
  if (nanos < 0) --since_1970, nanos += 1'000'000'000;
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(since_1970)));
  const std::chrono::year_month_day date(days);
  const std::int64_t seconds = since_1970 - std::chrono::seconds(days.time_since_epoch()).count();
  char buffer[48];
  int length = std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                             static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                             static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                             static_cast<int>(seconds % 60));
  std::string text(buffer, static_cast<std::size_t>(length));
  if (nanos != 0) {
    bool whole_ms = nanos % 1'000'000 == 0, whole_us = nanos % 1'000 == 0;
    int digits = whole_ms ? 3 : whole_us ? 6 : 9;
    std::int64_t shown = whole_ms ? nanos / 1'000'000 : whole_us ? nanos / 1'000 : nanos;
    length = std::snprintf(buffer, sizeof buffer, ".%0*lld", digits, static_cast<long long>(shown));
    text.append(buffer, static_cast<std::size_t>(length));
  }
  return text += 'Z';
}

Result<Time> time_from_number(double value) {
  // Seconds reach 1e11 in the year 5138, milliseconds 1e14 in the same year, and so on: no two scales overlap in use.
  // A double holds a present Unix time to a quarter of a microsecond, so finer digits are noise and are rounded away.
  if (!(value >= 0)) return fail(Fault::invalid, "a Unix time is a number of at least 0");
  if (value < 1e11) {
    double whole = std::floor(value);
    if (whole > 9'223'372'035.0) return fail(Fault::invalid, "a Unix time past the year 2261 cannot be told");
    return from_ns(static_cast<std::int64_t>(whole) * 1'000'000'000 + std::llround((value - whole) * 1e6) * 1'000);
  }
  if (value < 1e14) {
    if (value > 9'223'372'035'000.0) return fail(Fault::invalid, "a Unix time past the year 2261 cannot be told");
    return from_ns(std::llround(value * 1e3) * 1'000);
  }
  if (value < 9.3e15) return from_ns(std::llround(value) * 1'000);  // microseconds
  if (value > 9.2e18) return fail(Fault::invalid, "a Unix time past the year 2261 cannot be told");
  return from_ns(std::llround(value));
}

Result<Time> parse_instant(std::string_view text, Time now) {
  std::string_view word = trim(text);
  if (word == "now") return now;
  if (word.starts_with("now-")) return moved(now, word.substr(4), -1);
  if (word.starts_with("now+")) return moved(now, word.substr(4), 1);
  if (word.starts_with('-')) return moved(now, word.substr(1), -1);
  if (word.starts_with('+')) return moved(now, word.substr(1), 1);
  if (word.ends_with(" ago")) return moved(now, word.substr(0, word.size() - 4), -1);
  if (std::optional<double> number = as_number(word)) return time_from_number(*number);
  if (Result<Time> exact = parse_rfc3339(word)) return exact;
  return parse_plain(word);
}

}  // namespace tocsin::base
