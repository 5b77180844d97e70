#include "incidents/holds.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace tocsin::incidents {

using model::VerdictKind;

Holds::Holds(const model::Routing& routing, Silenced silenced)
    : inhibitor(routing), calendar_(make_calendar(routing.time_intervals)), silenced_(std::move(silenced)) {}

std::optional<Held> Holds::of(const model::Alert& alert, const std::optional<Held>& hours, base::Time now) const {
  if (auto held = inhibited(alert)) return held;
  if (hours) return hours;
  return silenced_ ? silenced_(alert, now) : std::nullopt;
}

std::optional<Held> Holds::hours(const model::Route& route, base::Time now) const {
  if (auto held = outside_active(route, now)) return held;
  return muted(route, now);
}

base::Time Holds::hours_change(const model::Route& route, base::Time now) const {
  base::Time next{};
  for (const auto* names : {&route.active_time_intervals, &route.mute_time_intervals}) {
    for (const std::string& name : *names) {
      const auto interval = calendar_.find(name);
      if (interval == calendar_.end()) continue;
      const base::Time change = interval->second.next_change(now);
      if (change > now) next = next == base::no_time ? change : std::min(next, change);
    }
  }
  return next;
}

std::optional<Held> Holds::inhibited(const model::Alert& alert) const {
  const auto inhibition = inhibitor.of(alert);
  if (!inhibition) return std::nullopt;
  return Held{VerdictKind::inhibited, inhibition->title, base::no_time};
}

std::optional<Held> Holds::outside_active(const model::Route& route, base::Time now) const {
  std::optional<Held> held;
  for (const std::string& name : route.active_time_intervals) {
    const auto interval = calendar_.find(name);
    if (interval == calendar_.end()) continue;  // refused by the settings
    if (interval->second.holds(now)) return std::nullopt;
    const base::Time begins = interval->second.next_change(now);
    if (!held) {
      held = Held{VerdictKind::outside_active, name, begins};
      continue;
    }
    held->by += ", " + name;
    held->until = std::min(held->until, begins);
  }
  return held;
}

std::optional<Held> Holds::muted(const model::Route& route, base::Time now) const {
  for (const std::string& name : route.mute_time_intervals) {
    const auto interval = calendar_.find(name);
    if (interval == calendar_.end() || !interval->second.holds(now)) continue;
    return Held{VerdictKind::muted, name, interval->second.next_change(now)};
  }
  return std::nullopt;
}

std::string text_of(const Held& held) {
  const std::string until = held.until == base::no_time ? "" : " until " + base::format_rfc3339(held.until);
  switch (held.kind) {
    case VerdictKind::inhibited:
      return "inhibited by " + held.by;
    case VerdictKind::outside_active:
      return "outside " + held.by + until;
    case VerdictKind::muted:
      return "muted by " + held.by + until;
    case VerdictKind::silenced:
      return "silenced by " + held.by + until;
    case VerdictKind::paused:
      return "paused by " + held.by + until;
    case VerdictKind::flapping:
      return "held by " + held.by + until;
    default:
      return std::string(model::to_string(held.kind)) + " by " + held.by + until;
  }
}

bool operator==(const Held& a, const Held& b) {
  return a.kind == b.kind && a.by == b.by && a.until == b.until;
}

}  // namespace tocsin::incidents
