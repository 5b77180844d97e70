// Where the instance of one name sits. Requests of its routes go to whoever sits there; while one takes over from
// another they wait, so that none is refused and none is lost.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

#include "base/clock.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::app {

/// Any thread.
class Seat : public std::enable_shared_from_this<Seat> {
 public:
  /// A request inside: keeps its instance, and the seat taken, until it goes.
  class Guest {
   public:
    Guest(std::shared_ptr<Seat> seat, std::shared_ptr<plugin_host::Instance> instance)
        : seat_(std::move(seat)), instance_(std::move(instance)) {}
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    ~Guest() {
      instance_.reset();
      seat_->left();
    }
    const std::shared_ptr<plugin_host::Instance>& instance() const { return instance_; }

   private:
    std::shared_ptr<Seat> seat_;
    std::shared_ptr<plugin_host::Instance> instance_;
  };

  /// Waits while the seat is cleared, at most `patience`. Null: nobody sits there.
  std::shared_ptr<Guest> enter(base::Duration patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] { return !cleared_; });
    if (cleared_ || !instance_) return nullptr;
    ++inside_;
    return std::make_shared<Guest>(shared_from_this(), instance_);
  }
  /// Lets nobody in until put(), and waits until those inside have their answers, at most `limit`.
  void clear(base::Duration limit) {
    std::unique_lock lock(mutex_);
    cleared_ = true;
    changed_.wait_for(lock, limit, [this] { return inside_ == 0; });
  }
  /// Seats an instance, or with null nobody, and lets requests go on.
  void put(std::shared_ptr<plugin_host::Instance> instance) {
    {
      std::lock_guard lock(mutex_);
      instance_.swap(instance);
      cleared_ = false;
    }
    changed_.notify_all();
  }

 private:
  void left() {
    std::lock_guard lock(mutex_);
    if (--inside_ == 0) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<plugin_host::Instance> instance_;
  std::size_t inside_ = 0;
  bool cleared_ = false;
};

}  // namespace tocsin::app
