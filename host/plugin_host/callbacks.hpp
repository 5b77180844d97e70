// Timers and watches of one instance: armed on the reactor, run [seq] on the pool.
#pragma once

#include <functional>
#include <mutex>

#include "base/result.hpp"
#include "plugin_host/handles.hpp"
#include "runtime/executor.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// Any thread.
class Callbacks {
 public:
  static constexpr std::size_t most = 65536;
  Callbacks(runtime::Reactor& reactor, std::uint32_t generation)
      : reactor_(reactor), timers_(generation), watches_(generation) {}
  /// `run_later` runs a task [seq] on the pool while this object lives, and drops it afterwards. Before the first use.
  void set_runner(std::function<void(runtime::Task)> run_later) { run_later_ = std::move(run_later); }

  base::Result<tsn_timer> timer(base::Duration delay, void (*fn)(void*), void* arg);
  base::Result<tsn_watch> watch(int descriptor, std::uint32_t events, void (*fn)(void*, std::uint32_t), void* arg);
  /// After it the function does not begin any more. TSN_INVALID: stale, begun or done.
  tsn_status cancel_timer(tsn_timer timer);
  tsn_status unwatch(tsn_watch watch);
  /// Cancels all and says how many timers and watches there were.
  struct Held {
    std::size_t timers = 0, watches = 0;
  };
  Held cancel_all();

 private:
  struct Timer {
    void (*fn)(void*);
    void* arg;
    runtime::Reactor::Id id;
  };
  struct Watch {
    void (*fn)(void*, std::uint32_t);
    void* arg;
    runtime::Reactor::Id id;
  };
  void run_timer(tsn_timer timer);
  void run_watch(tsn_watch watch, std::uint32_t events);

  runtime::Reactor& reactor_;
  std::function<void(runtime::Task)> run_later_;
  std::mutex mutex_;
  HandleTable<Timer> timers_;
  HandleTable<Watch> watches_;
};

}  // namespace tocsin::plugin_host
