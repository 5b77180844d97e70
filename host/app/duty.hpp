// Work of the agent's own that comes round by itself and may wait for the store: a thread of its own, so that a store
// that is away holds up neither plugins nor decisions.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.hpp"

namespace tocsin::app {

class Duty {
 public:
  /// `round` does what is due and says how long the thread may rest.
  Duty(std::string name, std::function<base::Duration()> round) : name_(std::move(name)), round_(std::move(round)) {}
  ~Duty() { stop(); }
  Duty(const Duty&) = delete;
  Duty& operator=(const Duty&) = delete;

  /// Once.
  void start();
  /// The next round begins now. Any thread.
  void wake();
  /// Waits for the round under way. Idempotent; never called from a round.
  void stop();
  bool started() const { return thread_.joinable(); }

 private:
  void run();

  const std::string name_;
  const std::function<base::Duration()> round_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace tocsin::app
