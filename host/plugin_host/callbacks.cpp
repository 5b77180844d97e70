#include "plugin_host/callbacks.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tocsin::plugin_host {

using base::fail;
using base::Fault;

base::Result<tsn_timer> Callbacks::timer(base::Duration delay, void (*fn)(void*), void* arg) {
  // Longer than a year is as good as never, and far from overflow.
  delay = std::clamp(delay, base::Duration(0), base::Duration(std::chrono::hours(24 * 365)));
  std::lock_guard lock(mutex_);
  if (timers_.size() >= most) return fail(Fault::exhausted, "timer: the instance has 65536 timers already");
  tsn_timer handle = timers_.put({fn, arg, 0});
  // `this` is used only inside the task that run_later_ runs, which it does only while this object lives.
  timers_.find(handle)->id =
      reactor_.after(delay, [this, later = run_later_, handle] { later([this, handle] { run_timer(handle); }); });
  return handle;
}

base::Result<tsn_watch> Callbacks::watch(int descriptor, std::uint32_t events, void (*fn)(void*, std::uint32_t),
                                         void* arg) {
  if (events == 0 || events > 3)
    return fail(Fault::invalid, "watch_fd: events must be 1 (readable), 2 (writable) or 3");
  if (::fcntl(descriptor, F_GETFD) < 0) {
    return fail(Fault::invalid, "watch_fd: descriptor " + std::to_string(descriptor) + ": " + std::strerror(errno));
  }
  std::lock_guard lock(mutex_);
  if (watches_.size() >= most) return fail(Fault::exhausted, "watch_fd: the instance has 65536 watches already");
  tsn_watch handle = watches_.put({fn, arg, 0});
  watches_.find(handle)->id =
      reactor_.watch(descriptor, events, [this, later = run_later_, handle](std::uint32_t ready) {
        later([this, handle, ready] { run_watch(handle, ready); });
      });
  return handle;
}

tsn_status Callbacks::cancel_timer(tsn_timer handle) {
  std::lock_guard lock(mutex_);
  auto timer = timers_.take(handle);
  if (!timer) return TSN_INVALID;
  reactor_.cancel(timer->id);
  return TSN_OK;
}

tsn_status Callbacks::unwatch(tsn_watch handle) {
  std::lock_guard lock(mutex_);
  auto watch = watches_.take(handle);
  if (!watch) return TSN_INVALID;
  reactor_.cancel(watch->id);
  return TSN_OK;
}

Callbacks::Held Callbacks::cancel_all() {
  std::lock_guard lock(mutex_);
  Held held{timers_.size(), watches_.size()};
  for (tsn_timer handle : timers_.handles()) reactor_.cancel(timers_.take(handle)->id);
  for (tsn_watch handle : watches_.handles()) reactor_.cancel(watches_.take(handle)->id);
  return held;
}

void Callbacks::run_timer(tsn_timer handle) {
  std::optional<Timer> timer;
  {
    std::lock_guard lock(mutex_);
    timer = timers_.take(handle);
  }
  if (timer) timer->fn(timer->arg);
}

void Callbacks::run_watch(tsn_watch handle, std::uint32_t events) {
  std::optional<Watch> watch;
  {
    std::lock_guard lock(mutex_);
    watch = watches_.take(handle);
  }
  if (watch) watch->fn(watch->arg, events);
}

}  // namespace tocsin::plugin_host
