// A small pool for backend calls that may wait (store, plugins), so that the io threads never do. Its queue is bounded:
// what does not fit is answered 503. Threads start when they are first needed.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/channel.hpp"

namespace tocsin::api {

class Worker {
 public:
  Worker(std::size_t threads, std::size_t queued) : most_(threads), tasks_(queued) {}
  ~Worker() { stop(); }
  /// False where the queue is full or stop() was called. Any thread.
  bool submit(std::function<void()> task);
  /// Runs what is queued to its end, then joins. Idempotent; one thread at a time.
  void stop();

 private:
  void run();
  void add_thread_if_busy();

  const std::size_t most_;
  runtime::Channel<std::function<void()>> tasks_;
  std::mutex mutex_;  ///< guards what follows
  std::vector<std::thread> threads_;
  std::size_t busy_ = 0;  ///< submitted and not ended
  bool stopped_ = false;
};

}  // namespace tocsin::api
