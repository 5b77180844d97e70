// A line of a file, between the part that finds lines (tailed_file) and the part that makes signals of them
// (row_writer). A format that wraps lines (a container's log, a record over several lines) is a LineSink before another
// one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tocsin/context.hpp"

namespace tocsin_plugins::logtail {

struct Line {
  std::string_view text;                ///< without its end of line; any bytes; valid during the call
  const std::string& file;              ///< as found
  std::uint64_t offset = 0;             ///< of its first byte
  std::uint64_t number = 0;             ///< from 1; 0: unknown, because reading began in the middle of the file
  std::optional<tsn::Time>& last_time;  ///< the file's: what a line without a timestamp inherits
};

class LineSink {
 public:
  virtual ~LineSink() = default;
  /// False: not now; nothing of the line was taken, it comes again.
  virtual bool take(const Line& line) = 0;
};

}  // namespace tocsin_plugins::logtail
