#include "api/waiters.hpp"

#include <algorithm>
#include <utility>

namespace tocsin::api {

std::uint64_t Waiters::turn() const {
  std::lock_guard lock(mutex_);
  return turn_;
}

Waiters::Added Waiters::add(std::uint64_t turn, Time until, Again again) {
  std::lock_guard lock(mutex_);
  if (closed_ || waiting_.size() >= most) return Added::refused;
  if (turn != turn_) return Added::changed;
  waiting_.push_back({std::min(until, std::chrono::steady_clock::now() + look_every), std::move(again)});
  return Added::waits;
}

std::vector<Waiters::Again> Waiters::changed() {
  std::lock_guard lock(mutex_);
  ++turn_;
  std::vector<Again> out;
  for (Waiter& waiter : std::exchange(waiting_, {})) out.push_back(std::move(waiter.again));
  return out;
}

std::vector<Waiters::Again> Waiters::due(Time now) {
  std::lock_guard lock(mutex_);
  std::vector<Again> out;
  std::erase_if(waiting_, [&](Waiter& waiter) {
    if (waiter.until > now) return false;
    out.push_back(std::move(waiter.again));
    return true;
  });
  return out;
}

std::vector<Waiters::Again> Waiters::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  return changed();
}

}  // namespace tocsin::api
