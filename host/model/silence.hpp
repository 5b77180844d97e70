// A silence: alerts that match it are not told of. Alertmanager's, and further: recurring, until resolved, exceptions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/matcher.hpp"

namespace tocsin::model {

enum class SilenceState : std::uint8_t { pending, active, expired };
std::string_view to_string(SilenceState state);  ///< "pending", "active", "expired": Alertmanager's words

/// "fri 22:00", or "22:00" for every day: when a silence that repeats begins.
struct Recurrence {
  std::string every;        ///< as written; empty: does not repeat
  base::Duration length{};  ///< how long each lasts
  std::string zone;         ///< IANA name; empty: UTC
};

/// The end of a silence that has none: a time every client can read.
constexpr base::Time no_end = base::from_ns(7'258'118'400'000'000'000);  // 2200-01-01T00:00:00Z
/// How long an expired silence is kept, as in Alertmanager.
constexpr base::Duration silence_retention = std::chrono::hours(120);

struct Silence {
  std::string id;     ///< UUID
  Matchers matchers;  ///< ANDed
  Matchers except;    ///< an alert that matches one of these is told all the same; empty: none
  base::Time starts_at{}, ends_at{}, updated_at{};
  std::string created_by, comment;
  std::map<std::string, std::string> annotations;
  Recurrence recurrence;        ///< within starts_at and ends_at
  bool until_resolved = false;  ///< ends by itself when no firing alert matches any more
  bool configured = false;      ///< of [silence.NAME]: read-only in the API; its id derives from the name
  std::string ended_by;         ///< who expired it before its time; "tocsin": it was until_resolved
  bool elsewhere = false;       ///< another agent of the database set it, and ends it when it is until_resolved
  bool gone = false;            ///< delete the row
  /// By starts_at and ends_at alone; a recurrence's pauses are `holds`' affair.
  SilenceState state(base::Time now) const;
};

}  // namespace tocsin::model
