#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "runtime/executor.hpp"
#include "runtime/thread.hpp"

namespace tocsin::runtime {

/// Shared with the workers, so that a pool that is stopped by one of its own tasks stays whole until that task ends.
struct Pool::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(std::string name_) : name(std::move(name_)) {}

  const std::string name;
  mutable std::mutex mutex;
  std::condition_variable ready, left;
  std::deque<Task> tasks;
  bool stopping = false;
  std::size_t next = 0;      ///< number of the next worker
  std::size_t running = 0;   ///< workers that have not left
  std::size_t hanging = 0;   ///< of them, those whose task does not return
  std::size_t replaced = 0;  ///< of those, how many have another in their place
  std::size_t surplus = 0;   ///< how many are to leave when they are free
  std::map<std::size_t, Thread> threads;
  std::vector<std::size_t> ended;  ///< numbers of workers that have left and are not joined

  /// With the mutex held.
  void add() {
    const std::size_t number = next++;
    ++running;
    threads.try_emplace(number, name + "-" + std::to_string(number), plugin_stack,
                        [self = shared_from_this(), number] { self->work(number); });
  }

  void work(std::size_t number) {
    worker_of = this;
    std::unique_lock lock(mutex);
    for (;;) {
      ready.wait(lock, [this] { return stopping || surplus > 0 || !tasks.empty(); });
      if (surplus > 0 || tasks.empty()) break;
      Task task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it held is let go outside the lock
      lock.lock();
    }
    if (surplus > 0) --surplus;
    --running;
    ended.push_back(number);
    left.notify_all();
  }

  /// Takes out what has left, to be joined outside the lock. With the mutex held.
  std::vector<Thread> take_ended() {
    std::vector<Thread> out;
    for (std::size_t number : ended) {
      if (auto node = threads.extract(number)) out.push_back(std::move(node.mapped()));  // none: stop() let go of it
    }
    ended.clear();
    return out;
  }

  static thread_local const Impl* worker_of;  ///< the pool whose worker this thread is
};

thread_local const Pool::Impl* Pool::Impl::worker_of = nullptr;

Pool::Pool(std::string name, std::size_t threads) : impl_(std::make_shared<Impl>(std::move(name))) {
  std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < threads; ++i) impl_->add();
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

bool Pool::replace_one() {
  std::vector<Thread> joined;
  std::lock_guard lock(impl_->mutex);
  joined = impl_->take_ended();
  ++impl_->hanging;
  impl_->left.notify_all();  // stop() waits for one less
  if (impl_->stopping || impl_->replaced >= most_replaced) return false;
  ++impl_->replaced;
  impl_->add();
  return true;
}

void Pool::give_back_one() {
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->hanging == 0) return;
    if (--impl_->hanging < impl_->replaced) {
      --impl_->replaced;
      if (!impl_->stopping) ++impl_->surplus;
    }
  }
  impl_->ready.notify_one();
  impl_->left.notify_all();
}

void Pool::stop() {
  std::map<std::size_t, Thread> threads;
  std::vector<Thread> joined;
  {
    std::unique_lock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->ready.notify_all();
    // A task that stops its own pool is a worker that cannot have left.
    const std::size_t own = Impl::worker_of == impl_.get() ? 1 : 0;
    impl_->left.wait(lock, [&] { return impl_->running <= impl_->hanging + own; });
    joined = impl_->take_ended();
    threads.swap(impl_->threads);
  }
  joined.clear();
  // What is left hangs in a plugin, or is this thread: joining would be waiting for ever.
  for (auto& [number, thread] : threads) thread.let_go();
}

std::size_t Pool::queued() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->tasks.size();
}

}  // namespace tocsin::runtime
