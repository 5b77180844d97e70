// The timestamp of a line: where it stands, and how it is read.
#pragma once

#include <optional>
#include <string_view>

#include "log_match/pattern.hpp"
#include "timestamp/time_format.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

class LineTime {
 public:
  /// The option `timestamp`: `format`, `zone`, `pattern`. Throws tsn::Failure (invalid).
  explicit LineTime(const tsn::Config& timestamp);
  /// Nothing: the line has none. `now` decides on the year where the line has none.
  std::optional<tsn::Time> find(std::string_view line, tsn::Time now);

 private:
  static std::optional<TimeFormat> make_format(const tsn::Config& timestamp);

  std::optional<TimeFormat> format_;  ///< none: lines are stamped when they are read
  std::optional<log_match::Pattern> where_;
  int group_ = 0;
};

}  // namespace tocsin_plugins::logtail
