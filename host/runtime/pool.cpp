#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "runtime/executor.hpp"
#include "runtime/thread.hpp"

namespace tocsin::runtime {

/// Shared with the workers, so that a pool that is stopped by one of its own tasks stays whole until that task ends.
struct Pool::Impl {
  mutable std::mutex mutex;
  std::condition_variable ready;
  std::deque<Task> tasks;
  bool stopping = false;
  std::vector<Thread> threads;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      ready.wait(lock, [this] { return stopping || !tasks.empty(); });
      if (tasks.empty()) return;
      Task task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it held is let go outside the lock
      lock.lock();
    }
  }
};

Pool::Pool(std::string name, std::size_t threads) : impl_(std::make_shared<Impl>()) {
  impl_->threads.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    impl_->threads.emplace_back(name + "-" + std::to_string(i), plugin_stack, [impl = impl_] { impl->work(); });
  }
}

Pool::~Pool() {
  stop();
}

void Pool::post(Task task) {
  try_post(task);
}

bool Pool::try_post(Task& task) {
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return false;
    impl_->tasks.push_back(std::move(task));
  }
  impl_->ready.notify_one();
  return true;
}

void Pool::stop() {
  std::vector<Thread> threads;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    threads.swap(impl_->threads);
  }
  impl_->ready.notify_all();
  for (Thread& thread : threads) thread.join();
}

std::size_t Pool::queued() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->tasks.size();
}

}  // namespace tocsin::runtime
