// Values as texts: a scalar plainly, what is within a list or map as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin_plugins::otlp {

void append_quoted(std::string& out, std::string_view text);
void append_number(std::string& out, std::int64_t value);
/// NaN and infinities in quotes within JSON, which has no numbers for them.
void append_number(std::string& out, double value, bool json);
/// RFC 4648, as JSON has bytes.
std::string to_base64(std::string_view bytes);
std::string to_hex(std::string_view bytes);

}  // namespace tocsin_plugins::otlp
