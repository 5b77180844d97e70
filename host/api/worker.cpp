#include "api/worker.hpp"

#include <pthread.h>

namespace tocsin::api {

bool Worker::submit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return false;
    ++busy_;
    add_thread_if_busy();
  }
  if (tasks_.try_push(std::move(task))) return true;
  std::lock_guard lock(mutex_);
  --busy_;
  return false;
}

void Worker::add_thread_if_busy() {
  if (threads_.size() >= most_ || busy_ <= threads_.size()) return;
  threads_.emplace_back([this] { run(); });
  ::pthread_setname_np(threads_.back().native_handle(), "http-work");
}

void Worker::run() {
  while (!tasks_.closed() || tasks_.size() > 0) {
    std::optional<std::function<void()>> task = tasks_.pop(std::chrono::hours(1));
    if (!task) continue;
    (*task)();
    task.reset();  // what it holds goes before it counts as ended
    std::lock_guard lock(mutex_);
    --busy_;
  }
}

void Worker::stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    threads.swap(threads_);
  }
  tasks_.close();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace tocsin::api
