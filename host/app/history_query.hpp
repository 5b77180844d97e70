// Turns stored samples into the points of the history API: aggregation per bucket, and LTTB where there are too many.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "api/backend.hpp"
#include "base/result.hpp"
#include "storage/port.hpp"

namespace tocsin::app {

/// Points of one series. Buckets are aligned to multiples of their length since 1970 and carry their start; empty ones
/// are left out. A summary row counts as its `count` observations: avg is weighted, min and max are its own, count and
/// sum add up. Percentiles interpolate linearly between the closest ranks (as PromQL's quantile_over_time) and read
/// plain values only.
base::Result<std::vector<api::Point>> aggregate(const storage::SeriesSamples& series, std::string_view aggregation,
                                                base::Duration bucket);

/// Whether buckets that a store made of rollups can answer it: avg, sum, min, max, count.
bool adds_up(std::string_view aggregation);
/// Points of a series that a store has put into buckets, for an aggregation that adds up.
std::vector<api::Point> points_of(const std::vector<storage::Bucket>& buckets, std::string_view aggregation);

/// What a question about samples themselves may hold in memory, and what all series of an answer have together.
constexpr std::size_t most_samples_at_once = 5'000'000, most_points = 1'000'000;
/// The points that each of so many series may have, at most `limit`: an answer is bounded also where a question matches
/// thousands of series.
constexpr std::size_t points_each(std::size_t limit, std::size_t series) {
  return series == 0 ? limit : std::min(limit, std::max<std::size_t>(most_points / series, 1));
}

/// Largest-Triangle-Three-Buckets (Sveinn Steinarsson, "Downsampling Time Series for Visual Representation", 2013):
/// `limit` points that keep the visual shape; first and last are kept.
std::vector<api::Point> downsample(std::vector<api::Point> points, std::size_t limit);

}  // namespace tocsin::app
