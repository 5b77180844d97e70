// The committer: one thread that writes decisions, everything that waits at a time in one transaction, in order.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "model/changes.hpp"
#include "runtime/channel.hpp"
#include "storage/port.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::pipeline {

/// A decision on its way to the store. `done` runs on the committer's thread after the transaction that holds it.
struct Decision {
  model::Changes changes;
  std::function<void(const base::Result<storage::CommitResult>&, model::Changes&)> done;
};

class Committer {
 public:
  Committer(storage::Store& store, telemetry::Metrics& metrics);
  ~Committer();

  /// Queues a decision; waits only while 64 k decisions are queued already. False after stop().
  bool commit(Decision decision);
  /// Called on the committer's thread after timeline entries were committed; set before start().
  void on_timeline(std::function<void()> listener) { on_timeline_ = std::move(listener); }
  void start();
  /// Writes what is queued, then ends; idempotent.
  void stop();
  /// True while the store refuses; a part of /readyz.
  bool failing() const { return failing_.load(std::memory_order_relaxed); }
  std::size_t queued() const { return queue_.size(); }

 private:
  void run();
  void settle(Decision& decision, const base::Result<storage::CommitResult>& result);
  void write(std::vector<Decision>& batch);
  base::Result<storage::CommitResult> write_until_taken(const std::vector<const model::Changes*>& decisions);

  storage::Store& store_;
  telemetry::Histogram& seconds_;
  telemetry::Counter& failures_;
  runtime::Channel<Decision> queue_{64 * 1024};
  std::atomic<bool> failing_{false};
  std::atomic<bool> stopping_{false};
  std::function<void()> on_timeline_;
  std::thread thread_;
};

}  // namespace tocsin::pipeline
