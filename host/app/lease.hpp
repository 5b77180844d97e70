// A lease in a store that agents share, as whoever needs it for a while sees it: asked for rarely, believed only as
// long as it surely holds. A process that was paused finds its lease over when it goes on.
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "storage/shared.hpp"

namespace tocsin::app {

/// One thread.
class Lease {
 public:
  static constexpr base::Duration lasts = std::chrono::seconds(15);
  static constexpr base::Duration renewed_after = std::chrono::seconds(3);

  /// `shared` null: the store is this agent's alone, and so is the lease.
  Lease(storage::SharedStore* shared, std::string name) : shared_(shared), name_(std::move(name)) {}

  /// Whether this agent has it now. An error: the store cannot be asked, and it is not believed to hold.
  base::Result<bool> held() {
    if (!shared_) return true;
    // Counted from before the question: the store's answer may have taken its time.
    const auto now = std::chrono::steady_clock::now();
    if (held_ && now < renewed_ + renewed_after) return true;
    auto answer = shared_->lease(name_, lasts);
    const bool got = answer && *answer;
    if (got) renewed_ = now;
    // What could not be renewed is still ours until shortly before it ends.
    if (!answer && held_ && now < renewed_ + lasts / 2) return true;
    held_ = got;
    return answer;
  }
  void release() {
    if (shared_ && held_) (void)shared_->release(name_);
    held_ = false;
  }

 private:
  storage::SharedStore* const shared_;
  const std::string name_;
  bool held_ = false;
  std::chrono::steady_clock::time_point renewed_{};
};

}  // namespace tocsin::app
