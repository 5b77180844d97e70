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
  bool gone = false;            ///< delete the row
  /// By starts_at and ends_at alone; a recurrence's pauses are `holds`' affair.
  SilenceState state(base::Time now) const;
};

}  // namespace tocsin::model
