// Who is on call, by turns: a rotation as configured, and what people changed about it for a while.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"

namespace tocsin::model {

struct Rotation {
  std::string name;
  std::vector<std::string> members;                   ///< contacts, in turn
  base::Duration shift = std::chrono::hours(24 * 7);  ///< by the wall clock of the zone
  std::string handover = "00:00";                     ///< "sun 09:00", or "09:00": when shifts begin
  std::string zone;                                   ///< IANA name; empty: UTC
  std::string starts;    ///< "2026-01-04", local: the first shift begins at the first hand-over from then on
  std::string fallback;  ///< the contact for when it yields nobody; empty: none
  std::string active;    ///< a time interval outside of which it yields nobody; empty: always
};

/// Somebody stands in from `from` until `until`. Of several at one time the one made last counts.
struct OncallOverride {
  std::string id;  ///< UUID; later-made ones sort after earlier ones
  std::string rotation, contact;
  base::Time from{}, until{}, created_at{};
  std::string created_by;
  bool gone = false;  ///< delete the row
};

}  // namespace tocsin::model
