// Answers of OTLP/HTTP: Export…ServiceResponse and google.rpc.Status, in the encoding of the request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "records.hpp"

namespace tocsin_plugins::otlp {

enum class Encoding { protobuf, json };

constexpr std::string_view content_type(Encoding encoding) {
  return encoding == Encoding::json ? "application/json" : "application/x-protobuf";
}

/// Codes of google.rpc.Code.
constexpr std::uint32_t invalid_argument = 3, resource_exhausted = 8, unimplemented = 12, internal = 13,
                        unavailable = 14;

std::string status_body(Encoding encoding, std::uint32_t code, std::string_view message);
/// `rejected` 0: all was taken, and there is no partial_success.
std::string response_body(Encoding encoding, Signal signal, std::uint32_t rejected, std::string_view message);

}  // namespace tocsin_plugins::otlp
