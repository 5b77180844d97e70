#include "app/history_query.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace tocsin::app {
namespace {

double seconds(std::int64_t ns) {
  return static_cast<double>(ns / 1'000'000) / 1e3;
}

using Read = double (*)(const storage::Rollup&);
const std::map<std::string_view, Read>& readers() {
  static const std::map<std::string_view, Read> table{
      {"avg", [](const storage::Rollup& r) { return r.count > 0 ? r.total() / r.count : std::nan(""); }},
      {"sum", [](const storage::Rollup& r) { return r.total(); }},
      {"min", [](const storage::Rollup& r) { return r.min; }},
      {"max", [](const storage::Rollup& r) { return r.max; }},
      {"count", [](const storage::Rollup& r) { return r.count; }},
  };
  return table;
}

/// NaN: the aggregation is no percentile.
double rank_of(std::string_view aggregation) {
  if (aggregation == "p50") return 0.50;
  if (aggregation == "p95") return 0.95;
  if (aggregation == "p99") return 0.99;
  return std::nan("");
}

double percentile(std::vector<double>& values, double q) {
  std::sort(values.begin(), values.end());
  const double rank = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(rank));
  const auto high = std::min(low + 1, values.size() - 1);
  return values[low] + (values[high] - values[low]) * (rank - static_cast<double>(low));
}

bool is_summary(const storage::SeriesSamples& series, std::size_t i) {
  return !series.summaries.empty() && !std::isnan(series.summaries[i].count);
}

std::vector<api::Point> raw(const storage::SeriesSamples& series) {
  std::vector<api::Point> points;
  points.reserve(series.samples.size());
  for (std::size_t i = 0; i < series.samples.size(); ++i) {
    points.push_back(
        {seconds(series.samples[i].ts), is_summary(series, i) ? series.summaries[i].avg : series.samples[i].value});
  }
  return points;
}

std::vector<api::Point> percentiles(const storage::SeriesSamples& series, double q, base::Duration bucket) {
  std::vector<api::Point> points;
  std::vector<double> values;
  std::int64_t start = 0;
  const auto close = [&] {
    if (!values.empty()) points.push_back({seconds(start), percentile(values, q)});
    values.clear();
  };
  for (std::size_t i = 0; i < series.samples.size(); ++i) {
    if (is_summary(series, i)) continue;
    const std::int64_t at = storage::floor_to(series.samples[i].ts, bucket);
    if (at != start) close();
    start = at;
    values.push_back(series.samples[i].value);
  }
  close();
  return points;
}

std::vector<storage::Bucket> buckets_of(const storage::SeriesSamples& series, base::Duration width) {
  std::vector<storage::Bucket> buckets;
  for (std::size_t i = 0; i < series.samples.size(); ++i) {
    if (is_summary(series, i))
      storage::add_sample(buckets, width, series.samples[i].ts, series.summaries[i]);
    else
      storage::add_sample(buckets, width, series.samples[i].ts, series.samples[i].value);
  }
  return buckets;
}

}  // namespace

bool adds_up(std::string_view aggregation) {
  return readers().contains(aggregation);
}

std::vector<api::Point> points_of(const std::vector<storage::Bucket>& buckets, std::string_view aggregation) {
  std::vector<api::Point> points;
  const auto reader = readers().find(aggregation);
  if (reader == readers().end()) return points;
  points.reserve(buckets.size());
  for (const storage::Bucket& b : buckets)
    if (const double value = reader->second(b.of); !std::isnan(value)) points.push_back({seconds(b.start), value});
  return points;
}

base::Result<std::vector<api::Point>> aggregate(const storage::SeriesSamples& series, std::string_view aggregation,
                                                base::Duration bucket) {
  if (aggregation == "raw") return raw(series);
  const double rank = rank_of(aggregation);
  if (std::isnan(rank) && !adds_up(aggregation)) {
    return base::fail(base::Fault::invalid, "aggregation: \"" + std::string(aggregation) +
                                                "\" is none of raw, avg, sum, min, max, count, p50, p95, p99");
  }
  if (bucket <= base::Duration::zero())
    return base::fail(base::Fault::invalid, "bucket: expected a duration above zero, such as 5m");
  if (!std::isnan(rank)) return percentiles(series, rank, bucket);
  return points_of(buckets_of(series, bucket), aggregation);
}

std::vector<api::Point> downsample(std::vector<api::Point> points, std::size_t limit) {
  const std::size_t n = points.size();
  if (n <= limit || limit < 3) {
    if (limit > 0 && n > limit) points.resize(limit);
    return points;
  }
  std::vector<api::Point> kept;
  kept.reserve(limit);
  kept.push_back(points.front());
  const double width = static_cast<double>(n - 2) / static_cast<double>(limit - 2);
  std::size_t last = 0;
  for (std::size_t i = 0; i + 2 < limit; ++i) {
    const auto begin = static_cast<std::size_t>(static_cast<double>(i) * width) + 1;
    const auto end = static_cast<std::size_t>(static_cast<double>(i + 1) * width) + 1;
    const auto next_end = std::min(static_cast<std::size_t>(static_cast<double>(i + 2) * width) + 1, n);
    double x = 0, y = 0;
    for (std::size_t k = end; k < next_end; ++k) x += points[k].timestamp, y += points[k].value;
    const double among = static_cast<double>(std::max<std::size_t>(next_end - end, 1));
    x /= among, y /= among;
    double largest = -1;
    std::size_t best = begin;
    for (std::size_t k = begin; k < end; ++k) {
      const double area = std::fabs((points[last].timestamp - x) * (points[k].value - points[last].value) -
                                    (points[last].timestamp - points[k].timestamp) * (y - points[last].value));
      if (area > largest) largest = area, best = k;
    }
    kept.push_back(points[best]);
    last = best;
  }
  kept.push_back(points.back());
  return kept;
}

}  // namespace tocsin::app
