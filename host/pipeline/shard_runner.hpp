// One thread that owns one shard: batches in order, timers when they are due, alerts to the control strand.
#pragma once

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

  ShardRunner(std::uint32_t index, std::unique_ptr<detection::Shard> shard, const base::Clock& clock, Report report);
  ~ShardRunner();

  /// The shard itself, before start() only: rules, restored alerts, warmed windows.
  detection::Shard& shard() { return *shard_; }
  void judged_through(std::uint64_t position) { position_ = position; }

  void start();
  void stop();  ///< judges what is queued, then ends; idempotent
  bool has_room() const { return queue_.size() < capacity - 64; }
  void judge(model::SharedBatch batch) { queue_.push(std::move(batch)); }
  /// Runs on the shard's thread between batches and waits for it: reload, status. False after stop().
  bool errand(Errand errand);
  /// Like errand(), without waiting for it to run.
  bool post(Errand errand);
  std::size_t queued() const { return queue_.size(); }

 private:
  static constexpr std::size_t capacity = 1024;
  using Work = std::variant<model::SharedBatch, std::shared_ptr<std::function<void()>>>;

  void run();
  void tell();
  base::Duration patience() const;

  const std::uint32_t index_;
  std::unique_ptr<detection::Shard> shard_;
  const base::Clock& clock_;
  Report report_;
  runtime::Channel<Work> queue_{capacity};
  std::vector<model::Alert> alerts_;
  std::uint64_t position_ = 0;
  std::uint64_t told_position_ = 0;
  std::thread thread_;
};

}  // namespace tocsin::pipeline
