// The lock behind [seq]: one call at a time into an instance.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/clock.hpp"

namespace tocsin::plugin_host {

/// A mutex that can be waited for with a limit. Not std::timed_mutex, whose pthread_mutex_clocklock() the thread
/// sanitizer of g++ 12 does not know. A call into a plugin costs far more than the second lock in here.
class SeqLock {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !held_; });
    held_ = true;
  }
  /// Waits like lock(); false: refuse() was called, before or meanwhile, and the lock is not held.
  bool enter() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !held_ || refused_; });
    if (refused_) return false;
    return held_ = true;
  }
  /// From now on enter() lets nobody in: who holds the lock hangs.
  void refuse() {
    {
      std::lock_guard lock(mutex_);
      refused_ = true;
    }
    free_.notify_all();
  }
  bool try_lock_for(base::Duration limit) {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, limit, [this] { return !held_; })) return false;
    return held_ = true;
  }
  bool try_lock() { return try_lock_for(base::Duration(0)); }
  void unlock() {
    {
      std::lock_guard lock(mutex_);
      held_ = false;
    }
    free_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool held_ = false, refused_ = false;
};

}  // namespace tocsin::plugin_host
