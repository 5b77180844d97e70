// Time intervals ready to be asked: whether one holds at an instant, and when that changes. Alertmanager's
// time_intervals, daylight saving included; beyond them a time may wrap midnight ("22:00-06:00" belongs, whole, to the
// day it begins on) and dates may be excluded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "model/time_interval.hpp"

namespace tocsin::incidents {

/// One interval with its zone, which is read from the machine's time zone database here and never again; a zone that is
/// not there counts as UTC (the settings refuse it). One strand: what was found last is remembered.
class Interval {
 public:
  explicit Interval(const model::TimeInterval& interval);

  bool holds(base::Time at) const;
  /// The first instant after `at` at which holds() says otherwise; `at` + horizon where there is none before.
  base::Time next_change(base::Time at) const;

  static constexpr base::Duration horizon = std::chrono::hours(24 * 400);

 private:
  struct Rules;
  std::shared_ptr<const Rules> rules_;
  mutable base::Time from_{}, until_{};  ///< from <= t < until: holds() says `state_`
  mutable bool state_ = false;
};

/// By name.
using Calendar = std::map<std::string, Interval, std::less<>>;
Calendar make_calendar(const std::map<std::string, model::TimeInterval>& intervals);

}  // namespace tocsin::incidents
