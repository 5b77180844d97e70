// Configuration for tests: from JSON text, from the TOML text of a declared default, completed as the host would.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/config.hpp"

namespace tsn::testing {

/// `{"paths": ["/tmp/a"], "every": "5s"}`. Throws std::invalid_argument with the parser's position.
Value from_json(std::string_view text);

/// One TOML value as tsn_option.fallback has it: `"end"`, `5`, `true`, `["a", "b"]`, `{ a = 1 }`.
Value from_toml(std::string_view text);

/// A deep copy of a value that a plugin handed over.
Value copy(const tsn_value& value);

/// What create() gets: defaults filled in, "5m" and "64KiB" turned into numbers. Throws std::invalid_argument for a
/// missing REQUIRED option, an unknown key or a wrong type.
Value completed(const Value& config, const tsn_type& type);

/// The same for a rule's `query` table, by the source's query_options.
Value completed_query(const Value& query, const tsn_type& type);

/// "1h30m" in nanoseconds; "64KiB" in bytes. Throws std::invalid_argument.
std::int64_t parse_duration(std::string_view text);
std::int64_t parse_size(std::string_view text);

}  // namespace tsn::testing
