// The severity that a record names, as OpenTelemetry's number.
#pragma once

#include <cstdint>
#include <string_view>

#include "log_match/fields.hpp"

namespace tocsin_plugins::logtail {

/// 1 (trace) to 24 (fatal), 0: unknown. Words in any case, and the numbers of bunyan and pino (10 to 60).
std::uint32_t severity_of(const log_match::FieldValue& level);

}  // namespace tocsin_plugins::logtail
