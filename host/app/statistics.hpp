// Statistics capture: what Prometheus and Elasticsearch know becomes signals of the loaders STATS-…, on a schedule. Of
// agents that share the store, the holder of the lease asks. Every row of an answer is a signal named as the metric's
// type, with the row's labels and `loader`, `metric_type` and `metric_source`.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "app/duty.hpp"
#include "app/questions.hpp"
#include "base/clock.hpp"
#include "model/labels.hpp"
#include "model/series_table.hpp"
#include "pipeline/pipeline.hpp"
#include "plugin_host/sequence.hpp"
#include "settings/statistics.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

class StatisticsCapture {
 public:
  static constexpr const char* instance = "source.statistics";
  struct Parts {
    pipeline::Pipeline* pipeline = nullptr;
    Questions* questions = nullptr;
    const base::Clock* clock = nullptr;
    model::SeriesTable* series = nullptr;
    telemetry::Metrics* metrics = nullptr;
    std::uint64_t next_seq = 1;  ///< of its rows, after those in the journal
  };
  explicit StatisticsCapture(Parts parts);
  ~StatisticsCapture() { stop(); }

  /// `labels`: the agent's, added to every signal.
  void set(settings::Statistics wanted, model::Labels labels);
  /// Waits for a question under way.
  void stop() { duty_.stop(); }

 private:
  base::Duration round();
  void capture(const settings::Statistic& metric, const model::Labels& labels);

  const Parts parts_;
  plugin_host::Sequence sequence_;
  std::mutex mutex_;
  settings::Statistics wanted_;  ///< under mutex_
  model::Labels labels_;         ///< likewise
  base::Time next_{};            ///< likewise
  Duty duty_;
};

}  // namespace tocsin::app
