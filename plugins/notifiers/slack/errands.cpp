#include "errands.hpp"

#include <string>

namespace tocsin_plugins {

void Errands::start() {
  {
    const std::lock_guard lock(mutex_);
    if (running_) return;
    running_ = true;
  }
  thread_ = ctx_.spawn(name_, [this] { run(); });
}

void Errands::stop() {
  std::deque<std::function<void()>> dropped;  // not destroyed under the lock: they may own what takes it
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    if (at_stop_ == AtStop::drop) dropped.swap(waiting_);
  }
  changed_.notify_all();
  if (!dropped.empty()) ctx_.warn(std::to_string(dropped.size()) + " answers to presses were dropped at the stop");
  if (thread_) ctx_.join(*thread_);
  thread_.reset();
}

bool Errands::push(std::function<void()> errand) {
  {
    const std::lock_guard lock(mutex_);
    if (!running_ || waiting_.size() >= most) return false;
    waiting_.push_back(std::move(errand));
  }
  changed_.notify_one();
  return true;
}

void Errands::run() {
  for (;;) {
    std::function<void()> errand;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !running_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      errand = std::move(waiting_.front());
      waiting_.pop_front();
    }
    try {
      errand();
    } catch (const std::exception& error) {
      ctx_.error(std::string("an answer to a press failed: ") + error.what());
    }
  }
}

}  // namespace tocsin_plugins
