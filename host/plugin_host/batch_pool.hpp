// Batches whose columns keep their capacity, so that a source in its stride allocates no columns.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "model/signal.hpp"

namespace tocsin::plugin_host {

/// Any thread. A batch comes back when its last holder lets go, which may be after the pool's owner has gone.
class BatchPool : public std::enable_shared_from_this<BatchPool> {
 public:
  std::shared_ptr<model::SignalBatch> get() {
    std::unique_ptr<model::SignalBatch> batch;
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) batch = std::move(idle_.back()), idle_.pop_back();
    }
    if (!batch) batch = std::make_unique<model::SignalBatch>();
    return {batch.release(), [pool = shared_from_this()](model::SignalBatch* done) { pool->put(done); }};
  }

 private:
  /// Few and small ones are kept: memory at rest counts more than an allocation in a burst.
  static constexpr std::size_t most_idle = 4, most_rows = 4096;
  void put(model::SignalBatch* done) {
    std::unique_ptr<model::SignalBatch> batch(done);
    if (batch->ts.capacity() > most_rows || batch->text.capacity() > 0) return;
    std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle) idle_.push_back(std::move(batch));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<model::SignalBatch>> idle_;
};

}  // namespace tocsin::plugin_host
