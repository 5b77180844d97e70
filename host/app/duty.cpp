#include "app/duty.hpp"

#include "runtime/executor.hpp"

namespace tocsin::app {

void Duty::start() {
  thread_ = std::thread([this] {
    runtime::name_thread(name_);
    run();
  });
}

void Duty::wake() {
  std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void Duty::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Duty::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const base::Duration rest = round_();
    lock.lock();
    changed_.wait_for(lock, rest, [this] { return woken_ || stopping_; });
  }
}

}  // namespace tocsin::app
