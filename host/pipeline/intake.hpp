// The intake: what a source submits becomes durable here, and only then is handed on, in the journal's order.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "base/result.hpp"
#include "model/signal.hpp"
#include "storage/journal.hpp"

namespace tocsin::pipeline {

class Intake {
 public:
  /// `room` tells whether every stage behind has room for one more batch; `hand_on` takes batches in order of their
  /// position, one call at a time.
  Intake(storage::Journal& journal, std::function<bool()> room, std::function<void(model::SharedBatch)> hand_on);

  /// Durable when it returns. Fault::exhausted: full, nothing was taken. Any thread.
  base::Result<std::uint64_t> take(std::shared_ptr<model::SignalBatch> batch);
  /// Position of the next record to hand on; called once before the first take().
  void begin_at(std::uint64_t position) { next_ = position; }

 private:
  storage::Journal& journal_;
  std::function<bool()> room_;
  std::function<void(model::SharedBatch)> hand_on_;
  std::mutex mutex_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, model::SharedBatch> early_;  ///< appended after one that is not handed on yet
};

}  // namespace tocsin::pipeline
