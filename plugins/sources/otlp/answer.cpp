#include "answer.hpp"

#include "protobuf_wire/wire.hpp"
#include "value_text.hpp"

namespace tocsin_plugins::otlp {
namespace {

std::string_view rejected_member(Signal signal) {
  return signal == Signal::metrics ? "rejectedDataPoints"
         : signal == Signal::logs  ? "rejectedLogRecords"
                                   : "rejectedSpans";
}

}  // namespace

std::string status_body(Encoding encoding, std::uint32_t code, std::string_view message) {
  std::string out;
  if (encoding == Encoding::json) {
    out = "{\"code\":" + std::to_string(code) + ",\"message\":";
    append_quoted(out, message);
    return out + "}";
  }
  protobuf::put_number(out, 1, code);
  protobuf::put_bytes(out, 2, message);
  return out;
}

std::string response_body(Encoding encoding, Signal signal, std::uint32_t rejected, std::string_view message) {
  const bool json = encoding == Encoding::json;
  std::string out;
  if (rejected == 0) return json ? "{}" : "";
  if (json) {
    out.append("{\"partialSuccess\":{\"").append(rejected_member(signal));
    out.append("\":\"").append(std::to_string(rejected)).append("\",\"errorMessage\":");
    append_quoted(out, message);
    return out + "}}";
  }
  std::string partial;
  protobuf::put_number(partial, 1, rejected);
  protobuf::put_bytes(partial, 2, message);
  protobuf::put_bytes(out, 1, partial);
  return out;
}

}  // namespace tocsin_plugins::otlp
