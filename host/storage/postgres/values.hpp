// Values as PostgreSQL's text protocol writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/sql/database.hpp"

namespace tocsin::storage::postgres {

/// Nothing: NULL. Bytes that are no UTF-8, and NUL, become U+FFFD: a text column takes neither.
std::optional<std::string> text_of(const sql::Param& param);
std::string number_text(double v);
/// "2026-11-20 10:00:00.123456+00"; no_time if it is not of that form.
base::Time parse_timestamp(std::string_view text);
/// "\x00ff".
std::string parse_bytes(std::string_view text);
/// Whole microseconds, rounded: what a timestamptz keeps of nanoseconds.
std::int64_t microseconds(std::int64_t ns);

}  // namespace tocsin::storage::postgres
