#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/executor.hpp"
#include "runtime/thread.hpp"

namespace tocsin::runtime {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::uint32_t readable = 1, writable = 2;

int checked(int descriptor, const char* call) {
  if (descriptor < 0) {
    std::fprintf(stderr, "tocsin: %s: %s; raise the limit on open files (ulimit -n, LimitNOFILE)\n", call,
                 std::strerror(errno));
    std::abort();
  }
  return descriptor;
}

std::uint32_t to_epoll(std::uint32_t events) {
  return (events & readable ? std::uint32_t{EPOLLIN | EPOLLRDHUP} : 0u) |
         (events & writable ? std::uint32_t{EPOLLOUT} : 0u);
}

std::uint32_t from_epoll(std::uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return readable | writable;
  return (events & (EPOLLIN | EPOLLRDHUP) ? readable : 0u) | (events & EPOLLOUT ? writable : 0u);
}

struct Descriptor {
  explicit Descriptor(int opened) : number(opened) {}
  ~Descriptor() { ::close(number); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int number;
};

}  // namespace

struct Reactor::Impl {
  struct Watch {
    int descriptor = -1;
    std::uint32_t events = 0;
    std::function<void(std::uint32_t)> task;
  };
  using Timers = std::map<std::pair<Steady::time_point, Id>, Task>;

  std::mutex mutex;
  bool stopping = false;
  Id next_id = 1;
  std::vector<Task> posted;
  Timers timers;
  std::unordered_map<Id, Steady::time_point> due;  ///< where in `timers` an id stands
  std::unordered_map<Id, Watch> watches;
  std::unordered_multimap<int, Id> by_descriptor;
  Steady::time_point armed = Steady::time_point::max();  ///< what the timerfd is set to

  Descriptor epoll{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
  Descriptor wake{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
  Descriptor timer{checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")};
  std::mutex joining;  ///< stop() may come from several threads
  std::unique_ptr<Thread> thread;

  Impl() {
    for (int own : {wake.number, timer.number}) {
      epoll_event event{.events = EPOLLIN, .data = {.fd = own}};
      checked(::epoll_ctl(epoll.number, EPOLL_CTL_ADD, own, &event), "epoll_ctl");
    }
  }

  void wake_up() const {
    std::uint64_t one = 1;
    (void)!::write(wake.number, &one, sizeof one);  // full means it is awake already
  }

  /// Sets the timerfd to the first timer. With the mutex held.
  void arm() {
    Steady::time_point first = timers.empty() ? Steady::time_point::max() : timers.begin()->first.first;
    if (first == armed) return;
    armed = first;
    itimerspec when{};  // all zero disarms
    if (!timers.empty()) {
      std::int64_t ns = std::max<std::int64_t>(1, first.time_since_epoch().count());
      when.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    }
    ::timerfd_settime(timer.number, TFD_TIMER_ABSTIME, &when, nullptr);
  }

  /// Makes epoll wait for the union of the watches on the descriptor. With the mutex held. False: it cannot be waited
  /// for.
  bool interest(int descriptor) {
    std::uint32_t events = 0;
    auto [first, last] = by_descriptor.equal_range(descriptor);
    for (auto at = first; at != last; ++at) events |= watches.at(at->second).events;
    epoll_event event{.events = to_epoll(events), .data = {.fd = descriptor}};
    if (events == 0) {
      ::epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor, &event);  // fails if the caller has closed it: as good
      return true;
    }
    // The number may stand for another file than the last time: closed and opened again in between.
    return ::epoll_ctl(epoll.number, EPOLL_CTL_MOD, descriptor, &event) == 0 ||
           (errno == ENOENT && ::epoll_ctl(epoll.number, EPOLL_CTL_ADD, descriptor, &event) == 0);
  }

  /// Takes a watch out. With the mutex held; call interest() after it.
  Watch remove(Id id) {
    auto node = watches.extract(id);
    auto [first, last] = by_descriptor.equal_range(node.mapped().descriptor);
    for (auto at = first; at != last; ++at) {
      if (at->second != id) continue;
      by_descriptor.erase(at);
      break;
    }
    return std::move(node.mapped());
  }

  void take_due(std::vector<Task>& ready) {
    for (auto now = Steady::now(); !timers.empty() && timers.begin()->first.first <= now;) {
      auto node = timers.extract(timers.begin());
      due.erase(node.key().second);
      ready.push_back(std::move(node.mapped()));
    }
    arm();
  }

  void take_watched(const epoll_event& event, std::vector<Task>& ready) {
    std::uint32_t happened = from_epoll(event.events);
    std::vector<Id> ids;
    auto [first, last] = by_descriptor.equal_range(event.data.fd);
    for (auto at = first; at != last; ++at) {
      if (watches.at(at->second).events & happened) ids.push_back(at->second);
    }
    for (Id id : ids) {
      Watch watch = remove(id);
      ready.push_back([task = std::move(watch.task), what = happened & watch.events] { task(what); });
    }
    interest(event.data.fd);
  }

  /// Whether to go on.
  bool collect(const epoll_event* events, int count, std::vector<Task>& ready) {
    std::lock_guard lock(mutex);
    if (stopping) return false;
    for (int i = 0; i < count; ++i) {
      std::uint64_t drained;
      int descriptor = events[i].data.fd;
      if (descriptor == wake.number)
        (void)!::read(descriptor, &drained, sizeof drained);
      else if (descriptor == timer.number)
        armed = Steady::time_point::max(), (void)!::read(descriptor, &drained, sizeof drained);
      else
        take_watched(events[i], ready);
    }
    take_due(ready);
    std::move(posted.begin(), posted.end(), std::back_inserter(ready));
    posted.clear();
    return true;
  }

  void run() {
    std::vector<Task> ready;
    epoll_event events[64];
    for (;;) {
      int count = ::epoll_wait(epoll.number, events, 64, -1);
      if (count < 0 && errno != EINTR) checked(count, "epoll_wait");
      if (!collect(events, count, ready)) return;
      for (Task& task : ready) {
        task();
        task = nullptr;
      }
      ready.clear();
    }
  }
};

Reactor::Reactor(std::string name) : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::make_unique<Thread>(name, small_stack, [impl = impl_.get()] { impl->run(); });
}

Reactor::~Reactor() {
  stop();
}

void Reactor::post(Task task) {
  try_post(task);
}

bool Reactor::try_post(Task& task) {
  bool first;
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return false;
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(task));
  }
  if (first) impl_->wake_up();
  return true;
}

Reactor::Id Reactor::after(base::Duration delay, Task task) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->stopping) return 0;
  auto now = Steady::now();
  // A delay beyond the clock's end means never.
  auto when =
      delay < Steady::time_point::max() - now ? now + std::max(delay, base::Duration(0)) : Steady::time_point::max();
  Id id = impl_->next_id++;
  impl_->timers.emplace(std::pair(when, id), std::move(task));
  impl_->due.emplace(id, when);
  impl_->arm();
  return id;
}

Reactor::Id Reactor::watch(int descriptor, std::uint32_t events, std::function<void(std::uint32_t)> task) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->stopping) return 0;
  Id id = impl_->next_id++;
  impl_->watches.emplace(id, Impl::Watch{descriptor, events, std::move(task)});
  impl_->by_descriptor.emplace(descriptor, id);
  if (!impl_->interest(descriptor)) {  // a regular file, or closed: reading or writing never waits
    Impl::Watch ready = impl_->remove(id);
    impl_->posted.push_back([task = std::move(ready.task), events] { task(events); });
    impl_->wake_up();
  }
  return id;
}

bool Reactor::cancel(Id id) {
  Task timer;  // destroyed after the lock is let go
  Impl::Watch watch;
  std::lock_guard lock(impl_->mutex);
  if (auto at = impl_->due.find(id); at != impl_->due.end()) {
    timer = std::move(impl_->timers.extract({at->second, id}).mapped());
    impl_->due.erase(at);
    impl_->arm();
    return true;
  }
  if (!impl_->watches.contains(id)) return false;
  watch = impl_->remove(id);
  impl_->interest(watch.descriptor);
  return true;
}

void Reactor::stop() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake_up();
  if (impl_->thread->is_current()) return;  // the destructor, or whoever calls next, joins
  std::lock_guard lock(impl_->joining);
  impl_->thread->join();
}

}  // namespace tocsin::runtime
