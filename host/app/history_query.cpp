#include "app/history_query.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

namespace tocsin::app {
namespace {

double seconds(std::int64_t ns) {
  return static_cast<double>(ns / 1'000'000) / 1e3;
}

struct Bucket {
  double count = 0, sum = 0;
  double min = std::numeric_limits<double>::infinity(), max = -std::numeric_limits<double>::infinity();
  std::vector<double> values;  // filled for percentiles only

  void add(double value) { add({1, value, value, value, value}); }
  void add(const model::Summary& s) {
    count += s.count;
    sum += s.sum;
    min = std::min(min, s.min);
    max = std::max(max, s.max);
  }
  double percentile(double q) {
    if (values.empty()) return std::nan("");
    std::sort(values.begin(), values.end());
    const double rank = q * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(std::floor(rank));
    const auto high = std::min(low + 1, values.size() - 1);
    return values[low] + (values[high] - values[low]) * (rank - static_cast<double>(low));
  }
};

using Read = double (*)(Bucket&);
const std::map<std::string_view, Read>& readers() {
  static const std::map<std::string_view, Read> table{
      {"avg", [](Bucket& b) { return b.count > 0 ? b.sum / b.count : std::nan(""); }},
      {"sum", [](Bucket& b) { return b.sum; }},
      {"min", [](Bucket& b) { return b.min; }},
      {"max", [](Bucket& b) { return b.max; }},
      {"count", [](Bucket& b) { return b.count; }},
      {"p50", [](Bucket& b) { return b.percentile(0.50); }},
      {"p95", [](Bucket& b) { return b.percentile(0.95); }},
      {"p99", [](Bucket& b) { return b.percentile(0.99); }},
  };
  return table;
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

std::int64_t floor_to(std::int64_t ts, std::int64_t step) {
  const std::int64_t rest = ts % step;
  return ts - (rest < 0 ? rest + step : rest);
}

}  // namespace

base::Result<std::vector<api::Point>> aggregate(const storage::SeriesSamples& series, std::string_view aggregation,
                                                base::Duration bucket) {
  if (aggregation == "raw") return raw(series);
  const auto reader = readers().find(aggregation);
  if (reader == readers().end()) {
    return base::fail(base::Fault::invalid, "aggregation: \"" + std::string(aggregation) +
                                                "\" is none of raw, avg, sum, min, max, count, p50, p95, p99");
  }
  if (bucket <= base::Duration::zero())
    return base::fail(base::Fault::invalid, "bucket: expected a duration above zero, such as 5m");
  const bool percentile = aggregation.front() == 'p';
  std::vector<api::Point> points;
  Bucket current;
  std::int64_t start = std::numeric_limits<std::int64_t>::min();
  auto close = [&] {
    if (start == std::numeric_limits<std::int64_t>::min()) return;
    const double value = reader->second(current);
    if (!std::isnan(value)) points.push_back({seconds(start), value});
    current = Bucket{};
  };
  for (std::size_t i = 0; i < series.samples.size(); ++i) {
    const std::int64_t at = floor_to(series.samples[i].ts, bucket.count());
    if (at != start) {
      close();
      start = at;
    }
    if (is_summary(series, i)) {
      current.add(series.summaries[i]);
    } else {
      current.add(series.samples[i].value);
      if (percentile) current.values.push_back(series.samples[i].value);
    }
  }
  close();
  return points;
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
