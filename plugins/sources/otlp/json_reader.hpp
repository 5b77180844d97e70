// The same requests in OTLP's JSON: lowerCamelCase names, ids in hexadecimal, enums as numbers, 64-bit numbers as
// texts. Unknown members are passed over, null is as if it were not there.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "records.hpp"

namespace tocsin_plugins::otlp {

class JsonReader {
 public:
  JsonReader();
  ~JsonReader();

  /// `body` is followed by at least 64 readable bytes. A text says why the body is no such request, and what was taken
  /// by then is not to be kept; empty: it was read.
  std::string read(Signal signal, std::string_view body, Taker& taker);
  /// What was borrowed is done with: lets go of what a body of that many bytes made large.
  void shrink(std::size_t body);

 private:
  struct Parser;  ///< simdjson stays out of this header
  std::unique_ptr<Parser> parser_;
};

}  // namespace tocsin_plugins::otlp
