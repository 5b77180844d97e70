#include "timestamp/time_format.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "timestamp/timestamp.hpp"

namespace tocsin_plugins {
namespace {

using detail::take;
using detail::take_digits;

constexpr std::int64_t second = 1'000'000'000;
constexpr int unset = -1;

/// What a timestamp says of itself.
struct Fields {
  int year = unset, month = unset, day = unset, day_of_year = unset;
  int hour = 0, minute = 0, seconds = 0;
  bool twelve_hours = false, afternoon = false;
  std::int64_t fraction = 0;           ///< ns
  std::optional<std::int32_t> offset;  ///< seconds east of UTC
  std::optional<std::int64_t> epoch;   ///< seconds; the rest is ignored
};

constexpr std::array<std::string_view, 12> months = {"january",   "february", "march",    "april",
                                                     "may",       "june",     "july",     "august",
                                                     "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> weekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                      "thursday", "friday", "saturday"};

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr bool digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

bool begins_with(std::string_view text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i)
    if (lower(text[i]) != lower_case[i]) return false;
  return true;
}

/// The index of a name or its first three letters.
template <std::size_t N>
int take_name(std::string_view& text, const std::array<std::string_view, N>& names) {
  for (std::size_t i = 0; i < N; ++i) {
    if (!begins_with(text, names[i].substr(0, 3))) continue;
    text.remove_prefix(begins_with(text, names[i]) ? names[i].size() : 3);
    return static_cast<int>(i);
  }
  return unset;
}

/// One to `most` digits.
bool take_up_to(std::string_view& text, unsigned most, int& out) {
  unsigned count = 0;
  while (count < most && count < text.size() && digit(text[count])) ++count;
  return count > 0 && (out = take_digits(text, count)) >= 0;
}
bool take_two(std::string_view& text, int& out) {
  return (out = take_digits(text, 2)) >= 0;
}
/// A day or hour: one or two digits, padded with a space or not.
bool take_padded(std::string_view& text, int& out) {
  take(text, ' ');
  return take_up_to(text, 2, out);
}

/// Digits after a point, to nanoseconds; finer ones are dropped.
bool take_fraction(std::string_view& text, std::int64_t& out) {
  out = 0;
  std::int64_t unit = second / 10;
  const auto before = text.size();
  for (; !text.empty() && digit(text.front()); text.remove_prefix(1), unit /= 10) out += unit * (text.front() - '0');
  return text.size() < before;
}

/// Z, +hh, +hhmm, +hh:mm.
bool take_offset(std::string_view& text, Fields& out) {
  if (take(text, 'Z') || take(text, 'z')) return out.offset = 0, true;
  const bool west = take(text, '-');
  if (!west && !take(text, '+')) return false;
  int hours = 0, minutes = 0;
  if (!take_two(text, hours)) return false;
  if (take(text, ':')) {
    if (!take_two(text, minutes)) return false;
  } else if (!text.empty() && digit(text.front()) && !take_two(text, minutes)) {
    return false;
  }
  if (hours > 23 || minutes > 59) return false;
  out.offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
  return true;
}

bool take_clock(std::string_view& text, Fields& out) {
  return take_two(text, out.hour) && take(text, ':') && take_two(text, out.minute) && take(text, ':') &&
         take_two(text, out.seconds);
}

/// A fraction after "." or ","; a point that no digit follows is the text's own.
void take_point_fraction(std::string_view& text, Fields& out) {
  if (text.size() < 2 || (text[0] != '.' && text[0] != ',') || !digit(text[1])) return;
  text.remove_prefix(1);
  take_fraction(text, out.fraction);
}

bool take_rfc3164(std::string_view& text, Fields& out) {
  if (take(text, '<')) {
    int priority = 0;
    if (!take_up_to(text, 3, priority) || !take(text, '>')) return false;
  }
  const int month = take_name(text, months);
  if (month == unset || !take(text, ' ')) return false;
  out.month = month + 1;
  if (!take_padded(text, out.day) || !take(text, ' ') || !take_clock(text, out)) return false;
  take_point_fraction(text, out);
  return true;
}

bool take_iso8601(std::string_view& text, Fields& out, bool offset_required) {
  if (!((out.year = take_digits(text, 4)) >= 0)) return false;
  const bool extended = take(text, '-');
  if (offset_required && !extended) return false;
  if (!take_two(text, out.month) || (extended && !take(text, '-')) || !take_two(text, out.day)) return false;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return false;
  if (extended) {
    if (!take_clock(text, out)) return false;
  } else if (!take_two(text, out.hour) || !take_two(text, out.minute) || !take_two(text, out.seconds)) {
    return false;
  }
  take_point_fraction(text, out);
  auto after = text;
  if (!offset_required && !after.empty() && after.front() == ' ') after.remove_prefix(1);  // "10:00:00 +0300"
  const bool whole_offset = after.size() >= 5 && (after[0] == '+' || after[0] == '-') && digit(after[1]) &&
                            digit(after[2]) && (after[3] == ':' || (digit(after[3]) && digit(after[4])));
  if (!whole_offset) after = text;  // "10:00:00 -12 items" has none
  if (take_offset(after, out)) return text = after, true;
  return !offset_required;
}

bool take_clf(std::string_view& text, Fields& out) {
  if (!take_two(text, out.day) || !take(text, '/')) return false;
  const int month = take_name(text, months);
  if (month == unset || !take(text, '/')) return false;
  out.month = month + 1;
  return (out.year = take_digits(text, 4)) >= 0 && take(text, ':') && take_clock(text, out) && take(text, ' ') &&
         take_offset(text, out);
}

/// Seconds or, with `divisor` 1000, milliseconds; up to 18 digits and a fraction.
std::optional<std::int64_t> take_epoch(std::string_view& text, std::int64_t divisor) {
  std::int64_t whole = 0, fraction = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digits < 18 && digit(text[digits])) whole = whole * 10 + (text[digits++] - '0');
  if (digits == 0 || whole / divisor >= 9'223'372'036) return std::nullopt;
  text.remove_prefix(digits);
  if (text.size() >= 2 && text[0] == '.' && digit(text[1])) {
    text.remove_prefix(1);
    take_fraction(text, fraction);
  }
  if (!text.empty() && (digit(text.front()) || letter(text.front()))) return std::nullopt;
  return whole / divisor * second + whole % divisor * (second / divisor) + fraction / divisor;
}

bool take_by_pattern(std::string_view& text, std::string_view pattern, Fields& out);

bool take_conversion(std::string_view& text, char conversion, Fields& out) {
  int number = 0;
  switch (conversion) {
    case 'Y':
      return (out.year = take_digits(text, 4)) >= 0;
    case 'y':
      if (!take_two(text, number)) return false;
      return out.year = number + (number < 69 ? 2000 : 1900), true;
    case 'm':
      return take_up_to(text, 2, out.month);
    case 'b':
    case 'B':
    case 'h':
      return (number = take_name(text, months)) != unset && (out.month = number + 1, true);
    case 'a':
    case 'A':
      return take_name(text, weekdays) != unset;
    case 'd':
    case 'e':
      return take_padded(text, out.day);
    case 'j':
      return take_up_to(text, 3, out.day_of_year);
    case 'H':
    case 'k':
      return take_padded(text, out.hour);
    case 'I':
    case 'l':
      return out.twelve_hours = true, take_padded(text, out.hour);
    case 'p':
      if (!begins_with(text, "am") && !begins_with(text, "pm")) return false;
      out.afternoon = lower(text.front()) == 'p';
      return text.remove_prefix(2), true;
    case 'M':
      return take_up_to(text, 2, out.minute);
    case 'S':
      return take_up_to(text, 2, out.seconds);
    case 'f':
      return take_fraction(text, out.fraction);
    case 'z':
      return take_offset(text, out);
    case 'Z':
      if (begins_with(text, "utc") || begins_with(text, "gmt")) out.offset = 0;
      number = static_cast<int>(text.size());
      while (!text.empty() && letter(text.front())) text.remove_prefix(1);
      return static_cast<int>(text.size()) < number;
    case 's': {
      const auto epoch = take_epoch(text, 1);
      return epoch && (out.epoch = *epoch / second, out.fraction = *epoch % second, true);
    }
    case 'T':
      return take_by_pattern(text, "%H:%M:%S", out);
    case 'R':
      return take_by_pattern(text, "%H:%M", out);
    case 'F':
      return take_by_pattern(text, "%Y-%m-%d", out);
    case 'D':
      return take_by_pattern(text, "%m/%d/%y", out);
    default:
      return take(text, conversion);  // make() let only %% through
  }
}

bool take_by_pattern(std::string_view& text, std::string_view pattern, Fields& out) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool conversion = pattern[i] == '%' && i + 1 < pattern.size();
    if (pattern[i] == ' ' || (conversion && (pattern[i + 1] == 'n' || pattern[i + 1] == 't'))) {
      i += conversion;
      while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    } else if (conversion) {
      if (!take_conversion(text, pattern[++i], out)) return false;
    } else if (!take(text, pattern[i])) {
      return false;
    }
  }
  return true;
}

/// The instant that the fields mean in one year.
std::optional<std::int64_t> instant(const Fields& f, int year, const Zone& zone) {
  if (year < 1970 || year > 2261) return std::nullopt;
  std::int64_t days = 0;
  if (f.day_of_year != unset) {
    if (f.day_of_year < 1 || f.day_of_year > 365 + (days_in_month(year, 2) == 29)) return std::nullopt;
    days = days_from_civil(year, 1, 1) + f.day_of_year - 1;
  } else {
    if (f.month < 1 || f.month > 12 || f.day < 1 ||
        f.day > static_cast<int>(days_in_month(year, static_cast<unsigned>(f.month))))
      return std::nullopt;
    days = days_from_civil(year, static_cast<unsigned>(f.month), static_cast<unsigned>(f.day));
  }
  const std::int64_t local = days * 86400 + f.hour * 3600 + f.minute * 60 + std::min(f.seconds, 59);
  const auto utc = f.offset ? local - *f.offset : zone.to_utc(local);
  return utc < 0 ? std::nullopt : std::optional(utc * second + f.fraction);
}

std::optional<std::int64_t> instant(Fields f, const Zone& zone, std::int64_t now) {
  if (f.epoch) return *f.epoch * second + f.fraction;
  if (f.twelve_hours) {
    if (f.hour < 1 || f.hour > 12) return std::nullopt;
    f.hour = f.hour % 12 + (f.afternoon ? 12 : 0);
  }
  if (f.hour > 23 || f.minute > 59 || f.seconds > 60) return std::nullopt;
  if (f.year != unset) return instant(f, f.year, zone);
  constexpr std::int64_t day = 86400 * second;
  const auto newest = static_cast<int>(civil_from_days(now / day + 2).year);
  for (int year = newest; year > newest - 13; --year)  // 29 February may be eight years away
    if (const auto at = instant(f, year, zone); at && *at <= now + day) return at;
  return std::nullopt;
}

/// Why a strptime pattern cannot be used; empty: it can.
std::string flaw(std::string_view pattern) {
  constexpr std::string_view known = "YymbBhdejHkIlpMSfzZsaATRFDnt%";
  bool month = false, day = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    if (++i == pattern.size()) return "it ends with a single %";
    const char c = pattern[i];
    if (known.find(c) == known.npos) return std::string("it knows no %") + c;
    month |= std::string_view("mbBhjFDs").find(c) != std::string_view::npos;
    day |= std::string_view("dejFDs").find(c) != std::string_view::npos;
  }
  return month && day ? "" : "it has no date (%d and %m, %b or %j)";
}

}  // namespace

std::optional<TimeFormat> TimeFormat::make(std::string_view format, Zone zone, std::string& error) {
  constexpr std::pair<std::string_view, Kind> named[] = {
      {"auto", Kind::autodetect}, {"rfc3164", Kind::rfc3164},   {"rfc3339", Kind::rfc3339}, {"iso8601", Kind::iso8601},
      {"epoch", Kind::epoch},     {"epoch_ms", Kind::epoch_ms}, {"clf", Kind::clf}};
  TimeFormat made;
  made.zone_ = std::move(zone);
  for (const auto& [name, kind] : named)
    if (name == format) return made.kind_ = kind, made;
  if (format.find('%') == format.npos) {
    error = "\"" + std::string(format.substr(0, 64)) +
            "\" is no time format; expected auto, rfc3164, rfc3339, iso8601, epoch, epoch_ms, clf or a strptime "
            "pattern like \"%d.%m.%Y %H:%M:%S\"";
    return std::nullopt;
  }
  if (const auto why = flaw(format); !why.empty()) {
    error = "the time pattern \"" + std::string(format.substr(0, 64)) + "\" cannot be used: " + why;
    return std::nullopt;
  }
  made.kind_ = Kind::pattern;
  made.pattern_ = format;
  return made;
}

std::optional<std::int64_t> TimeFormat::read(std::string_view text, std::int64_t now, std::string_view* rest) const {
  Fields fields;
  bool there = false;
  const auto whole = text;
  if (kind_ == Kind::epoch || kind_ == Kind::epoch_ms) {
    const auto at = take_epoch(text, kind_ == Kind::epoch ? 1 : 1000);
    if (at && rest) *rest = text;
    return at;
  }
  switch (kind_) {
    case Kind::rfc3164:
      there = take_rfc3164(text, fields);
      break;
    case Kind::rfc3339:
      there = take_iso8601(text, fields, true);
      break;
    case Kind::iso8601:
      there = take_iso8601(text, fields, false);
      break;
    case Kind::clf:
      there = take_clf(text, fields);
      break;
    case Kind::pattern:
      there = take_by_pattern(text, pattern_, fields);
      break;
    default:
      there = take_iso8601(text, fields, false);
      if (!there) text = whole, fields = Fields{}, there = take_rfc3164(text, fields);
  }
  if (there && rest) *rest = text;
  return there ? instant(fields, zone_, now) : std::nullopt;
}

}  // namespace tocsin_plugins
