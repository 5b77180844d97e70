#include "storage/rollup.hpp"

#include <algorithm>
#include <cmath>

namespace tocsin::storage {
namespace {

/// Bounds of a question, kept from where arithmetic on them would overflow.
constexpr std::int64_t earliest = std::numeric_limits<std::int64_t>::min() / 2,
                       latest = std::numeric_limits<std::int64_t>::max() / 2;

std::int64_t ceil_to(std::int64_t ts, base::Duration width) {
  const std::int64_t floor = floor_to(ts, width);
  return floor == ts ? ts : floor + width.count();
}

Rollup& bucket_at(std::vector<Bucket>& buckets, std::int64_t start) {
  if (buckets.empty() || buckets.back().start < start) return buckets.emplace_back(start, Rollup{}).of;
  if (buckets.back().start == start) return buckets.back().of;
  const auto at = std::ranges::lower_bound(buckets, start, {}, &Bucket::start);
  if (at->start == start) return at->of;
  return buckets.insert(at, {start, {}})->of;
}

}  // namespace

void Rollup::add_to_sum(double value) {
  const double both = sum + value;
  const double part = both - sum;
  const double lost = (sum - (both - part)) + (value - part);
  sum = both;
  // Past the largest double nothing is lost that could be kept.
  rest = std::isfinite(both) ? rest + lost : 0;
}

void Rollup::add(const model::Summary& s) {
  count += s.count;
  if (s.min < min) min = s.min;
  if (s.max > max) max = s.max;
  add_to_sum(s.sum);
}

void Rollup::add(const Rollup& other) {
  count += other.count;
  if (other.min < min) min = other.min;
  if (other.max > max) max = other.max;
  add_to_sum(other.sum);
  if (std::isfinite(sum)) rest += other.rest;
}

std::int64_t floor_to(std::int64_t ts, base::Duration width) {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const std::int64_t rest = ts % width.count();
  const std::int64_t beyond = rest < 0 ? rest + width.count() : rest;
  return ts < least + beyond ? least : ts - beyond;  // an open bound stays one
}

void add_sample(std::vector<Bucket>& buckets, base::Duration width, std::int64_t ts, double value) {
  // Samples come by time: nearly always it is the bucket before.
  if (!buckets.empty() && ts >= buckets.back().start && ts - buckets.back().start < width.count())
    return buckets.back().of.add(value);
  bucket_at(buckets, floor_to(ts, width)).add(value);
}

void add_sample(std::vector<Bucket>& buckets, base::Duration width, std::int64_t ts, const model::Summary& summary) {
  bucket_at(buckets, floor_to(ts, width)).add(summary);
}

void add_bucket(std::vector<Bucket>& buckets, base::Duration width, const Bucket& bucket) {
  bucket_at(buckets, floor_to(bucket.start, width)).add(bucket.of);
}

base::Duration rollup_width(base::Duration bucket) {
  base::Duration width{};
  for (const base::Duration w : rollup_widths)
    if (bucket.count() % w.count() == 0) width = w;
  return width;
}

RollupSpan rollup_span(base::Duration bucket, std::int64_t from, std::int64_t to, std::int64_t valid_from,
                       std::int64_t valid_to) {
  const base::Duration width = rollup_width(bucket);
  if (width == base::Duration::zero()) return {};
  const std::int64_t begin = ceil_to(std::max({from, valid_from, earliest}), width);
  const std::int64_t end = floor_to(std::min({to, valid_to - 1, latest}) + 1, width);
  if (begin >= end) return {};
  return {width, begin, end};
}

}  // namespace tocsin::storage
