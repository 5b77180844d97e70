// Histograms of either kind: what happened since the last point, and quantiles of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "records.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::otlp {

/// Values in (lower, upper].
struct Bucket {
  double lower = 0, upper = 0;
  std::uint64_t count = 0;
};

/// The numbers of one point, as a series keeps them to compare the next point with.
struct Distribution {
  std::uint64_t count = 0;
  std::optional<double> sum;
  std::vector<std::uint64_t> counts;  ///< explicit
  std::vector<double> bounds;
  std::int32_t scale = 0;  ///< exponential
  std::uint64_t zero_count = 0;
  double zero_threshold = 0;
  Side positive, negative;

  explicit Distribution(const Point& point);
  Distribution() = default;
  std::size_t held() const noexcept {
    return counts.size() + bounds.size() + positive.counts.size() + negative.counts.size();
  }
};

/// Why a point's buckets cannot be; null: they can.
const char* fault_of(MetricKind kind, const Point& point);

/// Its buckets from the lowest to the highest; those of nothing are left out.
std::vector<Bucket> buckets_of(const Distribution& of);

/// `now` without what was in `before`; nothing: it began anew meanwhile, or its buckets cannot be compared.
std::optional<Distribution> since(const Distribution& before, const Distribution& now);

/// By linear interpolation within the bucket; nothing: there are no values.
std::optional<double> quantile(std::span<const Bucket> buckets, double q);

/// Count, min, max, avg and sum; nothing: without values or a sum. Without `min` and `max` the bounds of the buckets
/// are taken, never beyond what the average allows.
std::optional<tsn::Summary> summary_of(const Distribution& of, std::span<const Bucket> buckets,
                                       std::optional<double> min, std::optional<double> max);

}  // namespace tocsin_plugins::otlp
