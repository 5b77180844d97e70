#include <deque>
#include <mutex>

#include "runtime/executor.hpp"

namespace tocsin::runtime {
namespace {

/// Tasks in one turn on a worker; then the other strands of the pool have theirs.
constexpr int turn = 32;

}  // namespace

struct Strand::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(Executor& executor) : pool(executor) {}

  Executor& pool;
  mutable std::mutex mutex;
  std::deque<Task> tasks;
  bool scheduled = false;  ///< a turn is queued or running

  bool schedule() {
    Task next = [self = shared_from_this()] { self->run(); };
    return pool.try_post(next);
  }

  /// The next task; none ends the turn.
  Task take() {
    std::lock_guard lock(mutex);
    if (tasks.empty()) {
      scheduled = false;
      return nullptr;
    }
    Task task = std::move(tasks.front());
    tasks.pop_front();
    return task;
  }

  void run() {
    do {
      for (int i = 0; i < turn; ++i) {
        Task task = take();
        if (!task) return;
        task();
      }
    } while (!schedule());  // the pool is stopping: what is queued still runs to its end, in this turn
  }

  /// The pool has stopped: nothing of this runs any more.
  void drop() {
    std::deque<Task> dropped;
    std::lock_guard lock(mutex);
    scheduled = false;
    dropped.swap(tasks);
  }
};

Strand::Strand(Executor& pool) : impl_(std::make_shared<Impl>(pool)) {}
Strand::~Strand() = default;

void Strand::post(Task task) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->tasks.push_back(std::move(task));
    if (impl_->scheduled) return;
    impl_->scheduled = true;
  }
  if (!impl_->schedule()) impl_->drop();
}

std::size_t Strand::queued() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->tasks.size();
}

}  // namespace tocsin::runtime
