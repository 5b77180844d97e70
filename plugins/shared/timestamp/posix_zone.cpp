#include "timestamp/posix_zone.hpp"

#include "timestamp/timestamp.hpp"

namespace tocsin_plugins {
namespace {

using detail::take;

bool take_number(std::string_view& text, unsigned most, unsigned& out) {
  std::size_t digits = 0;
  out = 0;
  while (digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9')
    out = out * 10 + static_cast<unsigned>(text[digits++] - '0');
  text.remove_prefix(digits);
  return digits > 0 && out <= most;
}

/// "AST" or "<+03>".
bool take_name(std::string_view& text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::size_t length = 0;
  if (take(text, '<')) {
    length = text.find('>');
    if (length == text.npos) return false;
    text.remove_prefix(length + 1);
  } else {
    while (length < text.size() && letter(text[length])) ++length;
    text.remove_prefix(length);
  }
  return length >= 3;
}

/// [+-]hh[:mm[:ss]] in seconds.
bool take_time(std::string_view& text, unsigned most_hours, std::int32_t& out) {
  const bool negative = take(text, '-');
  if (!negative) take(text, '+');
  unsigned hours = 0, minutes = 0, seconds = 0;
  if (!take_number(text, most_hours, hours)) return false;
  if (take(text, ':')) {
    if (!take_number(text, 59, minutes)) return false;
    if (take(text, ':') && !take_number(text, 59, seconds)) return false;
  }
  out = static_cast<std::int32_t>(hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
  return true;
}

}  // namespace

bool PosixZone::take_change(std::string_view& text, Change& out) {
  if (take(text, 'M')) {
    out.by = Change::By::month_week_day;
    if (!take_number(text, 12, out.month) || out.month < 1 || !take(text, '.')) return false;
    if (!take_number(text, 5, out.week) || out.week < 1 || !take(text, '.')) return false;
    if (!take_number(text, 6, out.weekday)) return false;
  } else if (take(text, 'J')) {
    out.by = Change::By::julian;
    if (!take_number(text, 365, out.day) || out.day < 1) return false;
  } else {
    out.by = Change::By::day_of_year;
    if (!take_number(text, 365, out.day)) return false;
  }
  return !take(text, '/') || take_time(text, 167, out.time);
}

std::optional<PosixZone> PosixZone::parse(std::string_view text) {
  PosixZone zone;
  std::int32_t west = 0;
  if (!take_name(text) || !take_time(text, 24, west)) return std::nullopt;
  zone.standard_ = -west;
  if (text.empty()) return zone;
  zone.has_daylight_ = true;
  zone.daylight_ = zone.standard_ + 3600;
  if (!take_name(text)) return std::nullopt;
  if (!text.empty() && text.front() != ',') {
    if (!take_time(text, 24, west)) return std::nullopt;
    zone.daylight_ = -west;
  }
  if (!take(text, ',') || !take_change(text, zone.begin_) || !take(text, ',') || !take_change(text, zone.end_))
    return std::nullopt;
  return text.empty() ? std::optional(zone) : std::nullopt;
}

std::int64_t PosixZone::Change::local(std::int64_t year) const {
  std::int64_t days = days_from_civil(year, 1, 1);
  switch (by) {
    case By::julian:
      days += day - 1 + (day >= 60 && days_in_month(year, 2) == 29);
      break;
    case By::day_of_year:
      days += day;
      break;
    case By::month_week_day: {
      days = days_from_civil(year, month, 1);
      const auto first = static_cast<unsigned>((days % 7 + 11) % 7);  // 1970-01-01 was a Thursday
      unsigned of_month = (weekday + 7 - first) % 7 + (week - 1) * 7;
      while (of_month >= days_in_month(year, month)) of_month -= 7;
      days += of_month;
    }
  }
  return days * 86400 + time;
}

std::int32_t PosixZone::offset_at(std::int64_t utc) const {
  if (!has_daylight_) return standard_;
  const auto year = civil_from_days(floor_div(utc + standard_, 86400)).year;
  const auto begin = begin_.local(year) - standard_, end = end_.local(year) - daylight_;
  const bool daylight = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
  return daylight ? daylight_ : standard_;
}

}  // namespace tocsin_plugins
