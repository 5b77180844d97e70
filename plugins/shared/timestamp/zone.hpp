// A time zone: civil time to UTC and back. Read from TZif files (RFC 8536) of the machine's tzdata; immutable
// afterwards, so that any thread may use it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "timestamp/posix_zone.hpp"

namespace tocsin_plugins {

class Zone {
 public:
  Zone() = default;  ///< UTC

  /// "UTC", "Z", "+03:00", "local" (TZ, else /etc/localtime, else UTC) or a name of the tz database ("Asia/Riyadh").
  /// Nothing: there is none; `error` says why.
  static std::optional<Zone> find(std::string_view name, std::string& error);
  /// The content of a TZif file, versions 1 to 4.
  static std::optional<Zone> read(std::string_view tzif);
  static Zone fixed(std::int32_t offset);

  /// Seconds east of UTC at an instant (seconds since 1970).
  std::int32_t offset_at(std::int64_t utc) const;
  /// The instant of a civil time (its seconds since 1970 as though it were UTC). A time that comes twice is the earlier
  /// one; a time that is skipped counts by the offset before the change, so that 02:30 of a skipped hour is 03:30: what
  /// mktime() does with tm_isdst of the time before.
  std::int64_t to_utc(std::int64_t local) const;

 private:
  static std::optional<Zone> load(const std::string& path);

  std::vector<std::int64_t> changes_;  ///< ascending
  std::vector<std::int32_t> offsets_;  ///< from the change of the same index on
  std::int32_t first_ = 0;             ///< before the first change
  std::optional<PosixZone> later_;     ///< after the last change
};

}  // namespace tocsin_plugins
