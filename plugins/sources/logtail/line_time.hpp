// The timestamp of a line: where it stands, and how it is read.
#pragma once

#include <optional>
#include <string_view>

#include "log_match/fields.hpp"
#include "log_match/pattern.hpp"
#include "timestamp/time_format.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

class LineTime {
 public:
  /// The option `timestamp`: `format`, `zone`, `pattern`, `field`. Throws tsn::Failure (invalid).
  explicit LineTime(const tsn::Config& timestamp);
  /// Nothing: the line has none. `now` decides on the year where the line has none. `fields`: of the record that the
  /// line is, or null.
  std::optional<tsn::Time> find(std::string_view line, tsn::Time now, log_match::Fields* fields = nullptr);
  /// The option says something: it counts before the time at which a container's line was written.
  bool configured() const noexcept { return configured_; }
  /// Lines are stamped when they are read.
  bool none() const noexcept { return !format_; }

 private:
  static std::optional<TimeFormat> make_format(const tsn::Config& timestamp);
  std::optional<tsn::Time> read_field(const log_match::FieldValue& value, tsn::Time now) const;

  bool configured_, by_magnitude_;
  std::optional<TimeFormat> format_;  ///< none: lines are stamped when they are read
  std::optional<log_match::Pattern> where_;
  int group_ = 0;
  std::vector<log_match::FieldName> fields_;
};

}  // namespace tocsin_plugins::logtail
