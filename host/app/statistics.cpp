#include "app/statistics.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration longest_question = std::chrono::seconds(30);
constexpr base::Duration look_again = std::chrono::seconds(1);

/// What the row says itself stays; what is ours replaces labels of the same name.
model::SeriesKey key_of(const settings::Statistic& metric, const model::Labels& row, const model::Labels& agent) {
  std::vector<model::Labels::Pair> pairs{
      {"loader", metric.loader}, {"metric_type", metric.type}, {"metric_source", metric.origin}};
  for (const auto& [name, value] : row) {
    if (name != "loader" && name != "metric_type" && name != "metric_source") pairs.emplace_back(name, value);
  }
  model::Labels labels(std::move(pairs));
  labels.add_missing(agent);
  return {metric.type, std::move(labels)};
}

}  // namespace

StatisticsCapture::StatisticsCapture(Parts parts)
    : parts_(parts), sequence_(parts.next_seq), duty_("statistics", [this] { return round(); }) {}

void StatisticsCapture::set(settings::Statistics wanted, model::Labels labels) {
  const bool any = !wanted.metrics.empty();
  {
    std::lock_guard lock(mutex_);
    labels_ = std::move(labels);
    if (wanted == wanted_) return;
    wanted_ = std::move(wanted);
    next_ = {};
  }
  if (any && !duty_.started()) duty_.start();
  if (duty_.started()) duty_.wake();
}

base::Duration StatisticsCapture::round() {
  settings::Statistics wanted;
  model::Labels labels;
  const base::Time now = parts_.clock->now();
  {
    std::lock_guard lock(mutex_);
    if (wanted_.metrics.empty()) return std::chrono::hours(1);
    if (now < next_) return std::min<base::Duration>(next_ - now, look_again);
    wanted = wanted_;
    labels = labels_;
  }
  if (!parts_.pipeline->decides()) return look_again;
  for (const auto& metric : wanted.metrics) {
    if (!parts_.pipeline->decides()) return look_again;
    capture(metric, labels);
  }
  std::lock_guard lock(mutex_);
  // On the beat of the interval; what was missed is not made up for.
  const std::int64_t every = wanted.every.count();
  next_ = base::from_ns((base::to_ns(parts_.clock->now()) / every + 1) * every);
  return look_again;
}

void StatisticsCapture::capture(const settings::Statistic& metric, const model::Labels& labels) {
  const auto answer = parts_.questions->ask(metric.source, metric.question, longest_question);
  auto& failures = parts_.metrics->counter("tocsin_statistics_failures_total", "Statistics that could not be captured",
                                           {{"metric_type", metric.type}});
  if (!answer) {
    failures.add();
    return telemetry::log_warn("statistics", metric.type + ": " + answer.error().message());
  }
  auto batch = std::make_shared<model::SignalBatch>();
  batch->instance = instance;
  batch->source = metric.origin;
  batch->arrived = parts_.clock->now();
  for (const auto& row : answer->rows) {
    if (!std::isfinite(row.value)) continue;  // a rate of nothing: there is no value to keep
    batch->ts.push_back(base::to_ns(row.at));
    batch->value.push_back(row.value);
    batch->series.push_back(parts_.series->intern(key_of(metric, row.labels, labels)));
    batch->flags.push_back(0);
  }
  const auto rows = static_cast<std::uint32_t>(batch->rows());
  if (rows == 0) return;
  batch->first_seq = sequence_.reserve(rows);
  const std::uint64_t first = batch->first_seq;
  if (auto taken = parts_.pipeline->take(std::move(batch)); !taken) {
    sequence_.give_back(first, rows);
    failures.add();
    telemetry::log_warn("statistics", metric.type + ": " + taken.error().message());
  }
}

}  // namespace tocsin::app
