// Times, durations and sizes as people write them, and a few things every room does with text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::base {

/// "250ms", "30s", "5m", "1h30m", "7d", "1w"; "0" alone is zero. Units: ns us ms s m h d w.
Result<Duration> parse_duration(std::string_view text);
/// The shortest form parse_duration() reads back: "1h30m".
std::string format_duration(Duration d);

/// "10MB" (1000s), "64KiB" (1024s), "512" (bytes).
Result<std::uint64_t> parse_size(std::string_view text);

/// RFC 3339, any offset, up to nanoseconds. "0001-01-01T00:00:00Z" gives no_time.
Result<Time> parse_rfc3339(std::string_view text);
/// RFC 3339 in UTC with as many decimals as needed (none, 3, 6 or 9). no_time gives "0001-01-01T00:00:00Z".
std::string format_rfc3339(Time t);
/// Seconds, milliseconds or nanoseconds since 1970, told apart by magnitude; fractions of a second are kept.
Result<Time> time_from_number(double value);

/// What `tocsin` accepts for --from, --to, --at: RFC 3339, "2026-11-20 03:00" (UTC), a Unix number, "now", "-1h", "1h
/// ago".
Result<Time> parse_instant(std::string_view text, Time now);

bool valid_utf8(std::string_view text);
std::string lower(std::string_view text);
bool equal_without_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);
/// The parts between separators, empty ones too; an empty text is one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);
/// The candidate closest to `word` by edit distance, empty if none is near enough to be meant.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
/// JSON string literal with quotes; invalid UTF-8 becomes U+FFFD.
std::string json_quote(std::string_view text);
/// A number as people read it: "5", "0.05", "12.5"; up to 6 significant digits after the integer part.
std::string format_number(double value);

}  // namespace tocsin::base
