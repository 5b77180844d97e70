// Pulls one polled source at its period.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "base/clock.hpp"
#include "plugin_host/session.hpp"
#include "runtime/executor.hpp"

namespace tocsin::app {

/// Every `every`, one pull at a time, on the pool. Outlives a running pull by shared ownership.
class Poller : public std::enable_shared_from_this<Poller> {
 public:
  struct Parts {
    std::shared_ptr<plugin_host::Instance> instance;
    runtime::Reactor* reactor = nullptr;
    runtime::Executor* pool = nullptr;
    const base::Clock* clock = nullptr;
    base::Duration every{}, timeout{};
    std::function<void(bool up)> state;  ///< the source is down after three failures in a row, and up again
    std::function<void()> overrun;       ///< a pull took longer than the period
    int failures = 0;                    ///< in a row, of a predecessor
  };
  explicit Poller(Parts parts) : parts_(std::move(parts)), failures_(parts_.failures) {}

  /// The first pull is due at once.
  void start();
  /// After it returns no pull runs or will run.
  void stop();
  int failures() const { return failures_; }  ///< in a row; after stop()

 private:
  void again(base::Duration delay);
  void pull();
  void report(const base::Result<bool>& pulled);

  const Parts parts_;
  std::mutex mutex_;
  std::condition_variable idle_;
  bool stopped_ = false, pulling_ = false;
  runtime::Reactor::Id timer_ = 0;
  int failures_;
  bool pulled_ = false;  ///< at least once
};

}  // namespace tocsin::app
