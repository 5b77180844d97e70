// Where work runs: a small pool for calls that may wait, strands on it that run one task at a time, and one reactor
// for timers and descriptors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.hpp"

namespace tocsin::runtime {

using Task = std::function<void()>;

class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs the task later. Any thread. After stop() the task is dropped.
  virtual void post(Task task) = 0;
  /// False once stopped; the task is then still the caller's.
  virtual bool try_post(Task& task) {
    post(std::move(task));
    return true;
  }
};

/// `threads` named workers. stop() runs what is queued to its end, then joins; idempotent.
class Pool final : public Executor {
 public:
  Pool(std::string name, std::size_t threads);
  ~Pool() override;
  void post(Task task) override;
  bool try_post(Task& task) override;
  /// Waits for all workers but those that hang (see replace_one()): they are left behind.
  void stop();
  std::size_t queued() const;
  /// How many workers may be replaced at a time.
  static constexpr std::size_t most_replaced = 16;
  /// A worker's task does not return: another one takes its place. False: as many as may be are replaced already, or
  /// the pool is stopping. Any thread.
  bool replace_one();
  /// The task of replace_one() has returned: one worker too many ends. Any thread.
  void give_back_one();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Tasks in order, never two at once, on whichever worker is free. Copies share the order. The pool must outlive every
/// post; what is queued when the pool stops still runs.
class Strand final : public Executor {
 public:
  explicit Strand(Executor& pool);
  ~Strand() override;
  void post(Task task) override;
  std::size_t queued() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// One thread that waits for timers and descriptors and posts; it does no work itself. epoll and a timerfd inside:
/// Asio would be the heavier choice for two calls. stop() drops what has not run.
class Reactor final : public Executor {
 public:
  using Id = std::uint64_t;
  explicit Reactor(std::string name);
  ~Reactor() override;
  void post(Task task) override;
  bool try_post(Task& task) override;
  /// Runs the task on the reactor's thread after `delay`; returns an id for cancel(). Any thread. 0 once stopped.
  Id after(base::Duration delay, Task task);
  /// One shot: events 1 readable, 2 writable; the task gets what became true. A descriptor that failed, hung up or
  /// cannot be waited for counts as ready: the caller's read or write then tells the error. Several watches on one
  /// descriptor are independent. The descriptor stays the caller's; cancel() before closing it. Any thread. 0 once
  /// stopped.
  Id watch(int descriptor, std::uint32_t events, std::function<void(std::uint32_t)> task);
  /// True if it had not run yet. Any thread.
  bool cancel(Id id);
  /// Joins, unless called on the reactor's own thread; idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Names the calling thread for ps, top and core files (15 bytes).
void name_thread(const std::string& name);

}  // namespace tocsin::runtime
