// JSON that a user wrote, as text or as a TOML table, and the JSON text that is sent.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/config.hpp"

namespace tocsin_plugins::elasticsearch {

/// One line of JSON for a table, or for a text that holds a JSON object; keys keep no order. `where` begins the error:
/// the text's line and column are in it. Throws tsn::Failure (invalid) also for a script in it, unless `scripts`.
std::string json_of(const tsn::Config& value, const std::string& where, bool scripts);

/// Throws tsn::Failure (invalid): "WHERE: WHY".
[[noreturn]] void refuse(const std::string& where, const std::string& why);

/// The text in quotes, as JSON has it; bytes that are not UTF-8 are replaced.
std::string json_string(std::string_view text);

/// The shortest text that reads back as the same number.
std::string number_text(double number);

}  // namespace tocsin_plugins::elasticsearch
