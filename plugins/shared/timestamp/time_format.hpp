// The time formats of log lines. A format reads a timestamp at the front of a text; it allocates nothing once made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "timestamp/zone.hpp"

namespace tocsin_plugins {

class TimeFormat {
 public:
  /// `format`:
  ///   auto      iso8601, else rfc3164
  ///   rfc3164   "Nov 20 10:00:00", after an optional "<34>"; RFC 3164, 4.1.2. It has no year, see read()
  ///   rfc3339   "2026-11-20T10:00:00.5+03:00"; RFC 3339
  ///   iso8601   the same, also without offset (then in `zone`), with a comma, or "20261120T100000Z"
  ///   epoch     seconds since 1970, "1795168800" or "1795168800.25"
  ///   epoch_ms  milliseconds
  ///   clf       "20/Nov/2026:10:00:00 +0300", as in the Common Log Format
  ///   a strptime pattern: %Y %y %m %b %B %h %d %e %j %H %I %p %M %S %f (fraction) %z %Z %s %a %A %T %R %F %D %n %t %%
  /// Names of months and days are English. Nothing: it is none of these; `error` says why.
  static std::optional<TimeFormat> make(std::string_view format, Zone zone, std::string& error);

  /// Nanoseconds since 1970, or nothing where `text` does not begin with this format. Leap seconds count as the last
  /// second of their minute. A timestamp without a year gets the newest one that does not put it more than a day after
  /// `now`. Years 1970 to 2261. `rest`, if given, becomes what follows.
  std::optional<std::int64_t> read(std::string_view text, std::int64_t now, std::string_view* rest = nullptr) const;
  bool is_clf() const noexcept { return kind_ == Kind::clf; }
  bool is_pattern() const noexcept { return kind_ == Kind::pattern; }

 private:
  enum class Kind { autodetect, rfc3164, rfc3339, iso8601, epoch, epoch_ms, clf, pattern };
  Kind kind_ = Kind::autodetect;
  std::string pattern_;
  Zone zone_;
};

}  // namespace tocsin_plugins
