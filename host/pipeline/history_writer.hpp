// One thread that folds journalled batches into history, keeps rejected input, and trims the journal behind both
// history and detection.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"
#include "runtime/channel.hpp"
#include "storage/journal.hpp"
#include "storage/port.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::pipeline {

struct HistorySettings {
  base::Duration flush_every = std::chrono::seconds(10);
  base::Duration expire_every = std::chrono::minutes(10);
  /// How long the journal is kept for rebuilding windows; older ones come from history.
  base::Duration keep_journal = std::chrono::minutes(15);
  std::uint64_t keep_bytes = 1ull << 30;
  storage::Retention retention;
};

class HistoryWriter {
 public:
  HistoryWriter(HistorySettings settings, storage::Store& store, storage::Journal& journal,
                const model::SeriesTable& series, const base::Clock& clock, telemetry::Metrics& metrics,
                std::function<std::uint64_t()> judged_position);
  ~HistoryWriter();

  void start();
  void stop();  ///< writes what is queued and flushes; idempotent
  /// Counts the batch and queues it; never waits. What finds no room is read again from the journal, where it is safe,
  /// so that a store that is away does not stop the intake. One call at a time, in the journal's order.
  void append(model::SharedBatch batch);
  void rejected(model::RejectedSignal rejected);
  /// From the next expiry on. Any thread.
  void set_retention(storage::Retention retention);

 private:
  static constexpr std::size_t capacity = 1024;
  void run();
  void write(std::vector<model::SharedBatch>& batches);
  void catch_up();
  void count(const model::SignalBatch& batch);
  void write_rejected();
  void flush(base::Time now);
  void trim(base::Time now);
  void roll_up(base::Time now);
  void expire(base::Time now);

  HistorySettings settings_;
  storage::Store& store_;
  storage::Journal& journal_;
  const model::SeriesTable& series_;
  const base::Clock& clock_;
  telemetry::Metrics& metrics_;
  std::function<std::uint64_t()> judged_position_;
  runtime::Channel<model::SharedBatch> queue_{capacity};
  runtime::Channel<model::RejectedSignal> rejected_{4096};
  std::atomic<bool> missed_{false};  ///< some batches are in the journal only
  std::uint64_t flushed_ = 0;
  base::Time next_flush_{}, next_expiry_{};
  std::deque<std::pair<std::uint64_t, base::Time>> arrivals_;  ///< position and arrival, one a second
  std::vector<std::uint32_t> loader_of_;                       ///< by series id: index into loaders_
  std::vector<std::string> loaders_;
  std::unordered_map<std::string, std::uint32_t> loader_index_;
  std::unordered_map<std::string, std::vector<telemetry::Counter*>> counters_;  ///< source → by loader
  std::vector<std::uint32_t> tally_;
  std::mutex retention_mutex_;  ///< settings_.retention
  std::thread thread_;
};

}  // namespace tocsin::pipeline
