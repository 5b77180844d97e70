// What holds alerts back, composed in one place and in Alertmanager's order: inhibit → active time → mute time →
// silence. Flap damping comes after them (flapping.cpp). Asked for each alert at a group's flush and before a ladder's
// step; it changes nothing, no timer either.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "incidents/calendar.hpp"
#include "incidents/held.hpp"
#include "incidents/inhibitor.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// One strand. `routing` must outlive it and stay as it is.
class Holds {
 public:
  /// The last stage: the silence that holds an alert back.
  using Silenced = std::function<std::optional<Held>(const model::Alert&, base::Time now)>;

  explicit Holds(const model::Routing& routing, Silenced silenced = {});

  /// On a route; `hours` is what hours() says of that route.
  std::optional<Held> of(const model::Alert& alert, const std::optional<Held>& hours, base::Time now) const;
  /// Whatever the route: inhibited or silenced.
  std::optional<Held> of(const model::Alert& alert, base::Time now) const { return of(alert, std::nullopt, now); }
  /// Outside the route's active times, or within its mute times: then nothing leaves on it.
  std::optional<Held> hours(const model::Route& route, base::Time now) const;
  /// When one of the route's intervals begins or ends next; no_time: never, or it has none.
  base::Time hours_change(const model::Route& route, base::Time now) const;

  Inhibitor inhibitor;

 private:
  std::optional<Held> inhibited(const model::Alert& alert) const;
  std::optional<Held> outside_active(const model::Route& route, base::Time now) const;
  std::optional<Held> muted(const model::Route& route, base::Time now) const;

  Calendar calendar_;
  Silenced silenced_;  ///< empty: nothing is silenced
};

/// "inhibited by DiskFull", "outside sa-business until 2026-11-20T05:00:00Z": for a timeline.
std::string text_of(const Held& held);

bool operator==(const Held& a, const Held& b);

}  // namespace tocsin::incidents
