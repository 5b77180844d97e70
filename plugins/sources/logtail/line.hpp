// A line of a file, between the part that finds lines (tailed_file), the part that unwraps and joins them
// (record_joiner) and the part that makes signals of them (row_writer).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tocsin/context.hpp"

namespace tocsin_plugins::logtail {

struct LogOrigin;

struct Line {
  std::string_view text;                ///< without its end of line; any bytes; valid during the call
  const std::string& file;              ///< as found
  std::uint64_t offset = 0;             ///< of its first byte
  std::uint64_t number = 0;             ///< from 1; 0: unknown, because reading began in the middle of the file
  std::optional<tsn::Time>& last_time;  ///< the file's: what a line without a timestamp inherits
  std::optional<tsn::Time> written;     ///< when the container's runtime wrote it
  std::string_view stream;              ///< of a container: stdout or stderr
  LogOrigin* origin = nullptr;          ///< whose log it is; null: of no pod, and treated as the source says
};

class LineSink {
 public:
  virtual ~LineSink() = default;
  /// False: not now; nothing of the line was taken, it comes again.
  virtual bool take(const Line& line) = 0;
  /// The file was truncated: what comes now is no continuation.
  virtual void truncated() {}
};

}  // namespace tocsin_plugins::logtail
