// Reports of an alert's state on one route: what flap damping judges by. A report is taken at every whole multiple of
// `every` and says whether the alert fires then, and whether it changed since the report before; a change that was
// taken back meanwhile counts too. That makes a clock of what the desk hears only as changes, as Nagios' checks are
// one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace tocsin::incidents {

/// A value. Reports due by an instant are made up for when it is looked at, so that it needs no timer and a restart is
/// none: between two changes the state is known.
class Reports {
 public:
  static constexpr unsigned most = 60;    ///< that m of n may ask for
  static constexpr unsigned judged = 20;  ///< for their changes

  /// Of an alert that does not fire yet.
  Reports(base::Duration every, base::Time at);
  /// Row format: every in ns, number of the newest report, changes and firings as bits (the newest lowest), and flags:
  /// 1 fires, 2 changed since, 4 flaps.
  static std::optional<Reports> from_row(const std::vector<std::uint64_t>& row);
  std::vector<std::uint64_t> to_row() const;

  /// Takes the reports due by then.
  void look(base::Time at);
  /// True: that is a change.
  bool learn(bool firing, base::Time at);

  /// Changes of the last 20 intervals, the one under way among them, each weighted from 0.8 (oldest) to 1.2 (newest),
  /// in percent of as many (Nagios' flap detection).
  double percent() const;
  /// How many of the last n reports said that it fires.
  unsigned fired(unsigned n) const;
  /// When that is m, if it goes on firing.
  base::Time fires_enough(unsigned m, unsigned n) const;
  /// When percent() is below, if it changes no more.
  base::Time settles(double below) const;
  /// No report is left that says anything.
  bool blank() const;
  /// When that is so, if it neither fires nor changes again.
  base::Time blank_at() const { return number(newest_ + most + 1); }

  bool firing() const { return firing_; }
  base::Duration every() const { return every_; }
  bool flapping = false;

 private:
  base::Time number(std::int64_t report) const { return base::Time(every_ * report); }

  base::Duration every_;
  std::int64_t newest_;                     ///< its number: whole intervals since the epoch
  std::uint64_t changed_ = 0, fired_ = 0;   ///< a bit for each report
  bool firing_ = false, changing_ = false;  ///< `changing_`: it changed since the newest
};

}  // namespace tocsin::incidents
