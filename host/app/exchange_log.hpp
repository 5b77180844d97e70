// What trackers say about their calls, on its way into jira_sync_log: a bounded queue, written a moment later with all
// that waits, in one transaction. A log, so losing the last second of it in a crash is better than a disk's wait in
// each call.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/ticket.hpp"
#include "runtime/executor.hpp"
#include "storage/port.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

/// Any thread.
class ExchangeLog {
 public:
  static constexpr std::size_t most_waiting = 2000, most_bytes = 8u << 20;
  static constexpr base::Duration delay = std::chrono::milliseconds(500);

  /// `later` runs a task after the delay on a thread that may wait for the store.
  ExchangeLog(storage::Store& store, telemetry::Metrics& metrics,
              std::function<void(base::Duration, runtime::Task)> later);

  /// `instance` is the plugin's full name, "tracker.jira". Fault::exhausted: too many wait, and it is dropped.
  base::Result<void> take(const std::string& instance, model::Exchange exchange);
  /// Writes what waits now. What the store refuses is dropped and counted: the next ones may fare better.
  void flush();

 private:
  storage::Store& store_;
  telemetry::Counter& dropped_;
  const std::function<void(base::Duration, runtime::Task)> later_;
  std::mutex mutex_;
  std::vector<model::Exchange> waiting_;  ///< under mutex_
  std::size_t bytes_ = 0;                 ///< under mutex_
  bool scheduled_ = false;                ///< under mutex_
  std::mutex writing_;                    ///< one transaction at a time, in order
};

}  // namespace tocsin::app
