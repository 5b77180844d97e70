// The signals of one group that match one selector, and the aggregates over them.
//
// A window is (t - over, t]; every signal counts once, also where series and ts are equal. Count, sum, avg, min and max
// are kept up as signals enter and leave, so that reading them costs O(1) amortised; rate, delta, stddev and quantiles
// are computed from the raw samples when read. Formulas:
//   stddev     of the population, as PromQL's stddev_over_time
//   pNN        linear interpolation between the two nearest ranks, as PromQL's quantile_over_time
//   delta      last - first of each series, summed
//   rate       per series (increase between its first and last signal, counter resets taken into account) / (seconds
//              between them), summed; a series with fewer than two signals adds nothing
//   summaries  avg is sum(sum)/sum(count), min, max and sum are those of the summaries; `last` is the average; stddev
//              and quantiles have no data, because a summary does not hold them
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "detection/ring.hpp"
#include "model/rule.hpp"
#include "model/signal.hpp"

namespace tocsin::detection {

/// Instants are nanoseconds since 1970 here.
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t long_ago = std::numeric_limits<std::int64_t>::min() / 2;
constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

/// One aggregate over the window and the cell it is written to.
struct ColumnPlan {
  model::Aggregate aggregate = model::Aggregate::last;
  std::int64_t over = 0;  ///< 0: the newest value within the look-back
  std::int64_t offset = 0;
  std::uint32_t cell = 0;
  bool newest = false;      ///< answered from the newest value alone, without samples
  std::uint32_t state = 0;  ///< which of Window's columns; not for `newest`
};

/// What all windows of one rule and selector have in common.
struct WindowPlan {
  std::int64_t look_back = 0;
  std::vector<ColumnPlan> columns;
  std::int64_t retention = 0;  ///< how far back samples are needed; 0: no samples are kept
  std::uint32_t states = 0;    ///< columns that read samples
  bool by_series = false;      ///< samples know their series (rate, delta)
  bool provisional = true;     ///< until the first clean evaluation: columns may still be declared

  void add(model::Aggregate aggregate, std::int64_t over, std::int64_t offset, std::uint32_t cell);
  /// Ends the provisional time: what no column needs is no longer kept.
  void settle();
};

class Window {
 public:
  /// `series` counts the series of this window from 0. Null summary: a plain value.
  /// True: older than what was there, so that something may now be due earlier.
  bool add(const WindowPlan& plan, std::int64_t ts, double value, std::uint32_t series, const model::Summary* summary);
  /// A staleness marker: the series has no newest value until it comes again.
  void end_series(std::uint32_t series, std::int64_t ts);
  /// Writes the plan's cells for the instant `t`. Instants may not go back.
  void read(const WindowPlan& plan, std::int64_t t, double* cells);
  /// One aggregate over any part of what is held: for an input declared in the middle of an evaluation.
  double scan(const ColumnPlan& column, std::int64_t look_back, std::int64_t t) const;
  /// The next instant at which something leaves a window without offset; never: nothing will.
  std::int64_t due(const WindowPlan& plan) const;
  /// Samples from history, sorted by ts; those not older than what is held are left out, because they may be the same.
  /// Columns are built anew at the next read.
  struct Past {
    std::int64_t ts;
    double value;
    std::uint32_t series;
  };
  void prepend(const WindowPlan& plan, const std::vector<Past>& past);

  /// All series that were here have ended by a marker.
  bool ended() const { return newest_series_ != none && living_ == 0; }
  bool empty() const { return samples_.empty(); }
  std::int64_t newest_ts() const { return newest_ts_; }
  std::int64_t oldest_sample() const { return samples_.empty() ? never : samples_.front().ts; }
  /// Gives up samples that the plan no longer needs.
  void settle(const WindowPlan& plan);
  /// The plan is another one: columns are built anew from what is held.
  void replan();

 private:
  static constexpr std::uint32_t none = 0xffffffffu;
  struct Sample {
    std::int64_t ts;
    double value;
  };
  struct Parts {
    double weight, sum, min, max;
  };
  /// Beside the samples, only where they are needed.
  struct Extras {
    Ring<std::uint32_t> series;
    Ring<Parts> parts;
    bool has_series = false, has_parts = false;
  };
  /// What a column has taken in: samples [begin, end).
  struct Column {
    std::uint32_t begin = 0, end = 0, churn = 0;
    double sum = 0, carry = 0, weight = 0;
    std::int64_t lower = long_ago, upper = long_ago;
    std::unique_ptr<Ring<Sample>> extremes;  ///< candidates for min or max, in order of time
  };
  struct Latest {
    std::int64_t ts = long_ago;
    double value = 0;
    bool ended = true;
  };

  bool keep(const WindowPlan& plan, std::int64_t ts, double value, std::uint32_t series, const model::Summary* summary);
  void insert_late(const WindowPlan& plan, Sample sample, std::uint32_t series, const Parts& parts);
  void note_latest(std::int64_t ts, double value, std::uint32_t series);
  void find_newest();
  void demand_extras(const WindowPlan& plan, bool parts);
  void trim(const WindowPlan& plan, std::int64_t t);
  void forget(std::uint32_t n);
  void move_to(const ColumnPlan& plan, Column& column, std::int64_t t) const;
  void take(const ColumnPlan& plan, Column& column, std::uint32_t i) const;
  void drop(const ColumnPlan& plan, Column& column, std::uint32_t i) const;
  void rebuild_sum(Column& column) const;
  void add_extreme(model::Aggregate aggregate, Column& column, Sample sample) const;
  double finish(const ColumnPlan& plan, const Column& column) const;
  double per_series(const ColumnPlan& plan, const Column& column) const;
  double deviation(const Column& column) const;
  double quantile(double q, const Column& column) const;
  double newest(const ColumnPlan& plan, std::int64_t look_back, std::int64_t t) const;
  Parts parts(std::uint32_t i) const;
  std::uint32_t first_after(std::int64_t ts) const;

  std::int64_t newest_ts_ = long_ago;
  double newest_value_ = 0;
  Ring<Sample> samples_;
  std::vector<Column> columns_;  ///< one for each column of the plan that reads samples, in its order
  std::uint32_t newest_series_ = none;
  std::uint32_t living_ = 0;       ///< series that have a newest value
  std::int64_t floor_ = long_ago;  ///< samples at or before this are of no use to any column
  std::unique_ptr<Extras> extras_;
  std::vector<Latest> latest_;  ///< per series; empty while there is only one and it has never ended
};

}  // namespace tocsin::detection
