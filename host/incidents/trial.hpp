// What would happen to an alert at an instant: which routes it takes and who is told, without a desk. For
// `tocsin route test`.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/alert.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// What holds at an instant; what is not given is not judged.
struct Judges {
  std::function<bool(const model::TimeInterval&, base::Time)> interval;
  /// The id of a configured silence that is active and matches; empty: none.
  std::function<std::string(const model::Alert&, base::Time)> silence;
  /// Who stands in for whom; without them rotations go by their schedule.
  std::vector<model::OncallOverride> overrides = {};
};

/// One message that would leave.
struct TrialMessage {
  base::Time at{};
  std::string step;  ///< "group flush", "ladder step 1", "ladder exhausted"
  std::string target, instance;
  std::string who;  ///< empty: the instance has no recipients
  std::string address;
};

struct TrialInterval {
  std::string name;
  bool mutes = false;  ///< of mute_time_intervals, not of active_time_intervals
  std::optional<bool> holds;
};

struct TrialRoute {
  std::string path, group_key;
  model::Route route;  ///< as configured, without its children
  std::vector<TrialInterval> intervals;
  bool open = true;  ///< its intervals let it tell
};

struct Trial {
  model::Severity severity = model::Severity::none;
  std::vector<TrialRoute> routes;
  std::string policy;  ///< of the incident's ladder: a policy's name, "tier HIGH", or several joined by +; empty: none
  std::string silenced;                ///< the silence that holds
  bool shadow = false;                 ///< nothing leaves
  std::vector<TrialMessage> messages;  ///< by time
  std::vector<std::string> problems;   ///< targets that lead to nobody, and why
  /// Somebody is told, now or by a later step.
  bool anybody() const { return !messages.empty() && silenced.empty() && !shadow; }
};

Trial try_routes(const model::Routing& routing, const model::Alert& alert, base::Time at, const Judges& judges);

}  // namespace tocsin::incidents
