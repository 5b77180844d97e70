// Why somebody was or was not told: what `tocsin explain` answers from. Kept 30 days.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "model/labels.hpp"

namespace tocsin::model {

/// What became of an alert at one instant, on one route. Stored by number: append only.
enum class VerdictKind : std::uint8_t {
  told = 1,          ///< a delivery was decided
  inhibited,         ///< by the firing alert named in `by`
  outside_active,    ///< none of the route's active_time_intervals holds
  muted,             ///< a mute_time_interval or maintenance window, named in `by`
  silenced,          ///< by the silence whose id is in `by`
  cooldown,          ///< a re-fire within the rule's cooldown; until in `until`
  group_wait,        ///< the group waits for its first flush; `until`
  group_interval,    ///< the group waits for its next flush; `until`
  repeat_interval,   ///< already told, nothing new; told again from `until`
  in_flight,         ///< what was decided before has not arrived yet
  below_open_after,  ///< not enough alerts to open an incident; `text` says how many of how many
  no_receiver,       ///< its route tells nobody, or its targets lead to nobody
  shadow,            ///< recorded, nothing leaves
  acknowledged,      ///< the ladder stopped; by whom in `by`
  deduplicated,      ///< the same notice went to the same person within five minutes
  flapping,          ///< held by flap damping
  storm,             ///< gathered into a digest
  failed,            ///< the delivery died; its error in `text`
};
std::string_view to_string(VerdictKind kind);  ///< "told", "inhibited", …

struct Verdict {
  base::Time at{};
  VerdictKind kind = VerdictKind::told;
  std::uint64_t fingerprint = 0;
  std::string alert_id, rule;
  Labels labels;
  std::string route, group_key;  ///< the route's path
  std::string correlation_id;    ///< of the incident; empty: none
  std::string target, who;       ///< as written; the recipient's name
  std::string by;                ///< what held it back: a silence's id, an interval's name, an alert's title
  base::Time until{};            ///< when that ends or is looked at again; no_time: not known
  std::string text;
};

}  // namespace tocsin::model
