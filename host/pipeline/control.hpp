// The control strand: one thread on which the desk decides. It does no blocking work: what it decides goes to the
// committer, and what was committed goes to the outbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "delivery/outbox.hpp"
#include "incidents/desk.hpp"
#include "pipeline/committer.hpp"
#include "pipeline/shard_runner.hpp"
#include "runtime/channel.hpp"

namespace tocsin::pipeline {

class Control {
 public:
  using Send = std::function<void(std::vector<model::Delivery>)>;
  using Decide = std::function<base::Result<model::Changes>(incidents::Desk&, base::Time now)>;

  Control(incidents::Desk& desk, Committer& committer, const base::Clock& clock, std::size_t shards, Send send);
  ~Control();

  void start(std::uint64_t position);
  void stop();  ///< decides what is queued, then ends; idempotent

  /// A shard's report. Any thread.
  void judged(Judged judged);
  /// Runs `decide` on the strand; `done` after its changes are durable, or at once with its error. Any thread.
  void decide(Decide decide, std::function<void(base::Result<void>)> done);
  /// Runs on the strand without a decision: reload, look-ups. Any thread. False: stopping, and it is dropped.
  bool post(std::function<void(incidents::Desk&)> task);
  /// Position through which consequences are durable: where a restart reads on. Any thread.
  std::uint64_t durable_position() const { return durable_position_.load(std::memory_order_relaxed); }

 private:
  void run();
  void keep(model::Changes changes, std::function<void(base::Result<void>)> done);
  void committed(const storage::CommitResult& result, model::Changes& changes);
  void count_position(const Judged& judged);
  void learn_numbers();

  incidents::Desk& desk_;
  Committer& committer_;
  const base::Clock& clock_;
  Send send_;
  runtime::Channel<std::function<void()>> queue_{64 * 1024};
  std::vector<std::uint64_t> judged_;  ///< per shard
  std::uint64_t position_ = 0;         ///< through which consequences are decided
  std::uint64_t kept_position_ = 0;    ///< the last one handed to the committer
  std::atomic<std::uint64_t> durable_position_{0};
  // Numbers come back beside the queue: the committer must never wait for this strand.
  std::mutex numbers_mutex_;
  std::map<std::string, std::uint64_t> numbers_;
  std::thread thread_;
};

}  // namespace tocsin::pipeline
