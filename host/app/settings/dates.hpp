// Lists of dates, holidays above all: a date a line, or an iCalendar file (RFC 5545).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::settings {

/// Whether `text` is a date that exists, written "2026-11-20".
bool is_date(std::string_view text);

/// The dates of a file's text, ascending, each once. Plain: "2026-11-20" first on its line, what follows after a space
/// is a remark; empty lines and lines that begin with # do not count. iCalendar (it begins with BEGIN:VCALENDAR): every
/// day of each VEVENT; one that recurs must be yearly and is followed from a year before `now` until ten years after
/// it.
base::Result<std::vector<std::string>> parse_dates(std::string_view text, base::Time now);

}  // namespace tocsin::settings
