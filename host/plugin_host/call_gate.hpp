// Counts calls that run beside the serialised ones, so that stopping can wait for them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "base/clock.hpp"

namespace tocsin::plugin_host {

/// Any thread.
class CallGate {
 public:
  /// One call inside, as long as it lives; false in a condition: the gate is closed.
  class Pass {
   public:
    explicit Pass(CallGate* gate) : gate_(gate) {}
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    CallGate* gate_;
  };

  Pass enter() {
    std::lock_guard lock(mutex_);
    if (!open_) return Pass(nullptr);
    ++inside_;
    return Pass(this);
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
  }
  /// Lets nobody in any more and waits until all have left; false: some were still inside after `limit`.
  bool close(base::Duration limit) {
    std::unique_lock lock(mutex_);
    open_ = false;
    return empty_.wait_for(lock, limit, [&] { return inside_ == 0; });
  }

 private:
  void leave() {
    std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t inside_ = 0;
  bool open_ = true;
};

}  // namespace tocsin::plugin_host
