// Who is on call: shifts by the wall clock, and the overrides that people set over them.
//
// The k-th shift begins at the first hand-over at or after `starts`, plus k times the shift's length, both by the wall
// clock of the zone. So a weekly hand-over at 09:00 stays at 09:00 over a change of the clock, and the shift that has
// the change in it is an hour shorter or longer. The rejected alternative, shifts of one length in seconds, moves every
// hand-over by an hour twice a year. A hand-over that the clock skips is an hour later; one that comes twice is at the
// first of the two.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "incidents/calendar.hpp"
#include "model/rotation.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// Who is on call over a span of time: [since, until).
struct OnCall {
  enum class By { shift, override_, fallback, nobody };
  std::string contact;  ///< empty: nobody
  By by = By::nobody;
  std::string override_id;      ///< of the override that says so
  base::Time since{}, until{};  ///< no_time: without a beginning or an end that is near
  std::int64_t shift = 0;       ///< its number, from 0 at `starts`; -1 before it
};
std::string_view to_string(OnCall::By by);  ///< "shift", "override", "fallback", "nobody"

/// One rotation without its overrides.
class Schedule {
 public:
  /// `active`: what the rotation's `active` names. Errors say which option is wrong, and how it is written.
  static base::Result<Schedule> make(const model::Rotation& rotation, const model::TimeInterval* active = nullptr);

  /// Who has the shift then, or the fallback; within its shift and the same state of `active`.
  OnCall at(base::Time t) const;

 private:
  struct Rule;
  std::shared_ptr<const Rule> rule_;
};

/// All rotations and overrides. One strand.
class Roster {
 public:
  Roster() = default;
  explicit Roster(const model::Routing& routing, std::vector<model::OncallOverride> overrides = {}) {
    configure(routing);
    learn(std::move(overrides));
  }

  /// Rotations that cannot be read are left out (the settings refuse them); the overrides stay.
  void configure(const model::Routing& routing);
  void learn(std::vector<model::OncallOverride> rows);

  bool has(std::string_view rotation) const { return schedules_.find(rotation) != schedules_.end(); }
  std::vector<std::string> rotations() const;
  /// Who is on call then, and over what time that is so; nothing: there is no such rotation.
  std::optional<OnCall> at(std::string_view rotation, base::Time t) const;
  /// One after the other, those that have a part of [from, to), each whole.
  std::vector<OnCall> between(std::string_view rotation, base::Time from, base::Time to) const;

  /// A new override; its id is given here. `rows`: what is to be kept.
  base::Result<model::OncallOverride> add(model::OncallOverride made, base::Time now,
                                          std::vector<model::OncallOverride>& rows);
  base::Result<void> remove(const std::string& id, std::vector<model::OncallOverride>& rows);
  /// Those that are not over, in the order of their beginnings.
  std::vector<model::OncallOverride> overrides(base::Time now) const;

 private:
  OnCall piece(const Schedule& schedule, std::string_view rotation, base::Time t) const;

  std::map<std::string, Schedule, std::less<>> schedules_;
  std::vector<std::string> contacts_;
  std::map<std::string, model::OncallOverride> overrides_;  ///< by id
};

/// Overrides that ended so long ago are forgotten.
constexpr base::Duration kept_overrides = std::chrono::hours(24 * 90);

/// RFC 5545: an event for each time somebody is on call, in UTC. `stamp`: when it was written.
std::string oncall_calendar(std::string_view rotation, const std::vector<OnCall>& shifts, base::Time stamp);

}  // namespace tocsin::incidents
