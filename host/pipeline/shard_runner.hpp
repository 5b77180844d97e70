// One thread that owns one shard: batches in order, timers when they are due, alerts to the control strand.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "detection/shard.hpp"
#include "runtime/channel.hpp"

namespace tocsin::pipeline {

/// What a shard tells: alerts that changed, and the journal position through which it has judged everything.
struct Judged {
  std::uint32_t shard = 0;
  std::uint64_t position = 0;
  std::vector<model::Alert> alerts;
};

class ShardRunner {
 public:
  using Report = std::function<void(Judged)>;
  using Errand = std::function<void(detection::Shard&, std::vector<model::Alert>&)>;

  /// `last_words`: how long stop() goes on judging what is queued.
  ShardRunner(std::uint32_t index, std::unique_ptr<detection::Shard> shard, const base::Clock& clock, Report report,
              base::Duration last_words = std::chrono::seconds(5));
  ~ShardRunner();

  /// The shard itself, before start() only: rules, restored alerts, warmed windows.
  detection::Shard& shard() { return *shard_; }
  void judged_through(std::uint64_t position) { position_ = position; }

  void start();
  /// Judges what is queued, for a while, and ends; the rest is in the journal and is judged after the next start, as
  /// after a crash. Idempotent.
  void stop();
  /// Bounded by rows too: a minute's work in the queue would be a minute's delay of every alert, and of a stop.
  bool has_room() const {
    const std::size_t batches = queue_.size();
    return batches < capacity - 64 && (batches < 2 || queued_rows_.load(std::memory_order_relaxed) < most_rows);
  }
  void judge(model::SharedBatch batch) {
    queued_rows_.fetch_add(batch->rows(), std::memory_order_relaxed);
    queue_.push(std::move(batch));
  }
  /// Runs on the shard's thread between batches and waits for it: reload, status. False after stop().
  bool errand(Errand errand);
  /// Like errand(), without waiting for it to run.
  bool post(Errand errand);
  std::size_t queued() const { return queue_.size(); }

 private:
  static constexpr std::size_t capacity = 1024;
  static constexpr std::size_t most_rows = 250'000;
  using Work = std::variant<model::SharedBatch, std::shared_ptr<std::function<void()>>>;

  void run();
  void push(const model::SignalBatch& batch);
  bool out_of_time() const;
  void tell();
  base::Duration patience() const;

  const std::uint32_t index_;
  std::unique_ptr<detection::Shard> shard_;
  const base::Clock& clock_;
  Report report_;
  const base::Duration last_words_;
  runtime::Channel<Work> queue_{capacity};
  std::atomic<std::size_t> queued_rows_{0};
  std::atomic<std::int64_t> stopped_at_{0};  ///< of the steady clock; 0: not
  std::vector<model::Alert> alerts_;
  std::uint64_t position_ = 0;
  std::uint64_t told_position_ = 0;
  std::thread thread_;
};

}  // namespace tocsin::pipeline
