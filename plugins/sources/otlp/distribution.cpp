#include "distribution.hpp"

#include <algorithm>
#include <cmath>

namespace tocsin_plugins::otlp {
namespace {

constexpr std::size_t most_buckets = 1024;  ///< of one side; SDKs make 160
constexpr std::int32_t least_scale = -11, most_scale = 20;

/// 2^(index·2^-scale), the upper bound of bucket index-1; within what a double holds.
double bound_of(std::int64_t index, std::int32_t scale) {
  const double exact = std::exp2(std::ldexp(static_cast<double>(index), -scale));
  return std::isfinite(exact) ? exact : std::numeric_limits<double>::max();
}

void append_side(const Side& side, std::int32_t scale, bool negative, std::vector<Bucket>& out) {
  const auto from = out.size();
  for (std::size_t i = 0; i < side.counts.size(); ++i) {
    if (side.counts[i] == 0) continue;
    const auto index = std::int64_t{side.offset} + static_cast<std::int64_t>(i);
    const double low = bound_of(index, scale), high = bound_of(index + 1, scale);
    out.push_back(negative ? Bucket{-high, -low, side.counts[i]} : Bucket{low, high, side.counts[i]});
  }
  if (negative) std::reverse(out.begin() + static_cast<std::ptrdiff_t>(from), out.end());
}

std::vector<Bucket> explicit_buckets(const Distribution& of) {
  std::vector<Bucket> out;
  if (of.bounds.empty()) return out;
  for (std::size_t i = 0; i < of.counts.size(); ++i) {
    if (of.counts[i] == 0) continue;
    // The outer ones have no end: the lowest begins at 0 if it can, the highest ends where it begins.
    const double lower = i > 0 ? of.bounds[i - 1] : std::min(0.0, of.bounds[0]);
    out.push_back({lower, i < of.bounds.size() ? of.bounds[i] : lower, of.counts[i]});
  }
  return out;
}

/// Takes `before`, of a scale at least as fine, off `side`.
bool subtract(const Side& before, std::int32_t shift, Side& side) {
  for (std::size_t i = 0; i < before.counts.size(); ++i) {
    if (before.counts[i] == 0) continue;
    const auto index = (std::int64_t{before.offset} + static_cast<std::int64_t>(i)) >> shift;
    const auto at = index - side.offset;
    if (at < 0 || at >= static_cast<std::int64_t>(side.counts.size())) return false;
    auto& count = side.counts[static_cast<std::size_t>(at)];
    if (count < before.counts[i]) return false;
    count -= before.counts[i];
  }
  return true;
}

bool subtract(const std::vector<std::uint64_t>& before, std::vector<std::uint64_t>& counts) {
  if (before.size() != counts.size()) return false;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < before[i]) return false;
    counts[i] -= before[i];
  }
  return true;
}

}  // namespace

Distribution::Distribution(const Point& point)
    : count(point.count),
      sum(point.sum && std::isfinite(*point.sum) ? point.sum : std::nullopt),
      counts(point.counts),
      bounds(point.bounds),
      scale(point.scale),
      zero_count(point.zero_count),
      zero_threshold(point.zero_threshold),
      positive(point.positive),
      negative(point.negative) {}

const char* fault_of(MetricKind kind, const Point& point) {
  if (point.counts.size() > most_buckets || point.positive.counts.size() > most_buckets ||
      point.negative.counts.size() > most_buckets)
    return "a histogram has more than 1024 buckets";
  if (kind == MetricKind::exponential) {
    if (point.scale < least_scale || point.scale > most_scale) return "a histogram's scale lies outside of -11 to 20";
    if (!(point.zero_threshold >= 0) || !std::isfinite(point.zero_threshold)) return "zero_threshold is no number";
    return nullptr;
  }
  if (kind != MetricKind::histogram) return nullptr;
  if (!point.counts.empty() && point.counts.size() != point.bounds.size() + 1)
    return "a histogram has not one bucket more than bounds";
  for (std::size_t i = 0; i < point.bounds.size(); ++i)
    if (!std::isfinite(point.bounds[i]) || (i > 0 && point.bounds[i] <= point.bounds[i - 1]))
      return "a histogram's bounds do not increase";
  return nullptr;
}

std::vector<Bucket> buckets_of(const Distribution& of) {
  if (!of.counts.empty()) return explicit_buckets(of);
  std::vector<Bucket> out;
  append_side(of.negative, of.scale, true, out);
  if (of.zero_count > 0) out.push_back({out.empty() ? 0 : -of.zero_threshold, of.zero_threshold, of.zero_count});
  append_side(of.positive, of.scale, false, out);
  return out;
}

std::optional<Distribution> since(const Distribution& before, const Distribution& now) {
  if (now.count < before.count || now.zero_count < before.zero_count || now.scale > before.scale ||
      now.bounds != before.bounds)
    return std::nullopt;
  Distribution left = now;
  left.count -= before.count;
  left.zero_count -= before.zero_count;
  if (left.sum) left.sum = before.sum ? std::optional(*left.sum - *before.sum) : std::nullopt;
  const auto shift = before.scale - now.scale;
  if (!subtract(before.counts, left.counts) || !subtract(before.positive, shift, left.positive) ||
      !subtract(before.negative, shift, left.negative))
    return std::nullopt;
  return left;
}

std::optional<double> quantile(std::span<const Bucket> buckets, double q) {
  double all = 0;
  for (const auto& bucket : buckets) all += static_cast<double>(bucket.count);
  if (all == 0) return std::nullopt;
  double left = q * all;
  for (const auto& bucket : buckets) {
    const auto count = static_cast<double>(bucket.count);
    if (left <= count) return bucket.lower + (bucket.upper - bucket.lower) * (left / count);
    left -= count;
  }
  return buckets.back().upper;
}

std::optional<tsn::Summary> summary_of(const Distribution& of, std::span<const Bucket> buckets,
                                       std::optional<double> min, std::optional<double> max) {
  if (of.count == 0 || !of.sum) return std::nullopt;
  const auto count = static_cast<double>(of.count);
  const double avg = *of.sum / count;
  const auto known = [](std::optional<double> value) { return value && std::isfinite(*value); };
  double low = known(min) ? *min : buckets.empty() ? avg : buckets.front().lower;
  double high = known(max) ? *max : buckets.empty() ? avg : buckets.back().upper;
  return tsn::Summary{count, std::min(low, avg), std::max(high, avg), avg, *of.sum};
}

}  // namespace tocsin_plugins::otlp
