// The watchdog out: every period a signal of the agent's own is sent through journal, detection, store and outbox
// (pipeline/proof.hpp), and only when it has come back on every shard within the period is the configured URL asked.
// Whoever is asked there raises the alarm when it is not asked any more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/duty.hpp"
#include "base/clock.hpp"
#include "detection/evaluator.hpp"
#include "model/series_table.hpp"
#include "pipeline/pipeline.hpp"
#include "settings/dead_mans_switches.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

class Watchdog {
 public:
  struct Parts {
    pipeline::Pipeline* pipeline = nullptr;
    const base::Clock* clock = nullptr;
    model::SeriesTable* series = nullptr;
    telemetry::Metrics* metrics = nullptr;
    std::uint32_t shards = 1;
  };
  explicit Watchdog(Parts parts);
  ~Watchdog() { stop(); }

  /// The rule that judges its signals; among the rules whether a watchdog is configured or not.
  static model::SharedRule rule();
  /// `find` with the evaluator of that rule.
  static detection::FindEvaluator with_evaluator(detection::FindEvaluator find);

  /// The configuration as it is now; nothing: no watchdog.
  void set(std::optional<settings::Watchdog> wanted);
  void stop();

 private:
  class Exit;
  base::Duration round();
  bool prove(base::Duration within);
  void came_back(const std::string& lane, const std::string& number);
  void report(bool firing, const std::string& message);
  void ping(const settings::Watchdog& to);

  const Parts parts_;
  std::vector<std::string> lanes_;  ///< one for each shard
  telemetry::Gauge& last_proof_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<settings::Watchdog> wanted_;
  std::set<std::string> missing_;  ///< lanes of the proof under way that have not come back
  std::uint64_t number_ = 0;
  bool stopping_ = false;
  // Of the duty's thread.
  int failed_pings_ = 0;
  Duty duty_;
};

}  // namespace tocsin::app
