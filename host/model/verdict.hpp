// Why somebody was or was not told: what `tocsin explain` answers from. Kept 30 days.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/labels.hpp"

namespace tocsin::model {

/// What became of an alert at one instant, on one route. Stored by its word, which users' SQL names.
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
  paused,            ///< notifications are paused; by whom and why in `by`, until in `until`
  limited,           ///< its recipient had as many messages as the limits allow; the next may leave from `until`
};
std::string_view to_string(VerdictKind kind);  ///< "told", "inhibited", …
base::Result<VerdictKind> parse_verdict_kind(std::string_view text);

/// One decision about one target. It is about one alert, or about all that the decision took together (a group's flush,
/// an incident's ladder step): one row for them all, so that a burst of alerts is no burst of rows.
struct Verdict {
  base::Time at{};
  VerdictKind kind = VerdictKind::told;
  std::uint64_t fingerprint = 0;            ///< of the one alert; 0: it is about several, or about none
  std::string alert_id, rule;               ///< of the one alert; several of one rule keep the rule
  Labels labels;                            ///< of the one alert, or what the several have in common
  std::uint32_t alerts = 1;                 ///< how many it is about
  std::vector<std::uint64_t> fingerprints;  ///< of the several, in order; empty for one
  std::string route, group_key;             ///< the route's path
  std::string correlation_id;               ///< of the incident; empty: none
  std::string target, who;                  ///< as written; the recipient's name
  std::string by;                           ///< what held it back: a silence's id, an interval's name, an alert's title
  base::Time until{};                       ///< when that ends or is looked at again; no_time: not known
  std::string text;
  std::string delivery_key;  ///< of the message that was decided, suppressed or given up; empty: none
  /// Whether it is about the alert with that fingerprint.
  bool about(std::uint64_t alert) const;
};

}  // namespace tocsin::model
