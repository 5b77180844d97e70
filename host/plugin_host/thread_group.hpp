// The threads of one instance, made by host->spawn: known, named, joined.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "plugin_host/attribution.hpp"
#include "plugin_host/handles.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// Any thread. Must not be destroyed while join_all() would return false.
class ThreadGroup {
 public:
  static constexpr std::size_t most = 256;
  /// `mark` is the instance's: what its threads do is its doing.
  ThreadGroup(std::uint32_t generation, const Mark& mark) : mark_(mark), threads_(generation) {}

  base::Result<tsn_thread> spawn(std::string name, void (*fn)(void*), void* arg);
  /// Waits for the thread's end. TSN_INVALID: stale, or the calling thread itself.
  tsn_status join(tsn_thread thread);
  /// Joins all; false: some still run after `limit` (and are left running).
  bool join_all(base::Duration limit);
  std::size_t running() const;
  /// Processor time of all threads so far, those that ended included.
  std::uint64_t cpu_ns() const;

 private:
  struct Thread {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> ended;
  };
  void reap_ended();

  const Mark& mark_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;
  std::uint64_t ended_cpu_ns_ = 0;
  mutable std::uint64_t told_cpu_ns_ = 0;  ///< a thread being joined is out of sight for a moment
  mutable HandleTable<Thread> threads_;
};

}  // namespace tocsin::plugin_host
