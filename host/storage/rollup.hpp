// Rollups: what a span of time holds of one series. Counts, bounds and sums add up, so a bucket of any multiple of a
// stored width is made of the stored ones.
//
// A sum carries the part that its double cannot hold (TwoSum, Knuth, "The Art of Computer Programming", 4.2.2): added
// in whatever order and grouping, samples give the same last digit, whether the raw ones or their rollups are read.
// (Short of values so far apart, and cancelling out, that thirty digits do not hold them together.)
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "base/clock.hpp"
#include "model/signal.hpp"

namespace tocsin::storage {

struct Rollup {
  double count = 0;
  double min = std::numeric_limits<double>::infinity(), max = -std::numeric_limits<double>::infinity();
  double sum = 0, rest = 0;  ///< the sum is both together

  void add(double value) {
    count += 1;
    if (value < min) min = value;
    if (value > max) max = value;
    add_to_sum(value);
  }
  /// A summary counts as its `count` observations.
  void add(const model::Summary& s);
  void add(const Rollup& other);
  double total() const { return sum + rest; }

 private:
  void add_to_sum(double value);
};

/// One bucket of a series: [start, start + width).
struct Bucket {
  std::int64_t start = 0;
  Rollup of;
};

/// Widths that stores keep, smallest first.
constexpr base::Duration rollup_widths[] = {std::chrono::minutes(5), std::chrono::hours(1)};

/// The start of the bucket that `ts` lies in; buckets are aligned to multiples of their width since 1970.
std::int64_t floor_to(std::int64_t ts, base::Duration width);

/// Adds a sample to buckets in the order of time; one that is late finds its bucket all the same.
void add_sample(std::vector<Bucket>& buckets, base::Duration width, std::int64_t ts, double value);
void add_sample(std::vector<Bucket>& buckets, base::Duration width, std::int64_t ts, const model::Summary& summary);
/// Adds a bucket of a width that divides `width`.
void add_bucket(std::vector<Bucket>& buckets, base::Duration width, const Bucket& bucket);

/// Which part of a question the rollups answer: [begin, end), both multiples of `width`; the rest is read from samples.
struct RollupSpan {
  base::Duration width{};  ///< zero: none
  std::int64_t begin = 0, end = 0;
  bool used() const { return width > base::Duration::zero(); }
};

/// The largest stored width that divides `bucket`; zero: none.
base::Duration rollup_width(base::Duration bucket);

/// For buckets of `bucket` over [from, to], where rollups are complete over [valid_from, valid_to).
RollupSpan rollup_span(base::Duration bucket, std::int64_t from, std::int64_t to, std::int64_t valid_from,
                       std::int64_t valid_to);

}  // namespace tocsin::storage
