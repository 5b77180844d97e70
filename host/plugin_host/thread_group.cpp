#include "plugin_host/thread_group.hpp"

#include <signal.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "plugin_host/accounting.hpp"
#include "runtime/executor.hpp"

namespace tocsin::plugin_host {
namespace {

/// Threads made while it lives take no signals: those are for the agent's own thread.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

base::Result<tsn_thread> ThreadGroup::spawn(std::string name, void (*fn)(void*), void* arg) {
  std::lock_guard lock(mutex_);
  if (threads_.size() >= most) reap_ended();
  if (threads_.size() >= most) {
    return base::fail(base::Fault::exhausted,
                      "spawn: the instance has 256 threads already; use fewer, or timers and watches");
  }
  auto ended = std::make_shared<std::atomic<bool>>(false);
  try {
    SignalsBlocked blocked;
    std::thread thread([this, name = std::move(name), fn, arg, ended] {
      runtime::name_thread(name);
      {
        Entered entered(mark_, EntryPoint::thread, 0);
        fn(arg);
      }
      const std::uint64_t used = read_clock(CLOCK_THREAD_CPUTIME_ID);
      std::lock_guard inner(mutex_);
      ended_cpu_ns_ += used;
      *ended = true;
      --running_;
      ended_.notify_all();
    });
    ++running_;
    return threads_.put({std::move(thread), std::move(ended)});
  } catch (const std::system_error& error) {
    return base::fail(base::Fault::exhausted, std::string("spawn: no thread can be started: ") + error.what() +
                                                  "; raise the limit of tasks of the agent's service");
  }
}

tsn_status ThreadGroup::join(tsn_thread handle) {
  std::thread thread;
  {
    std::lock_guard lock(mutex_);
    Thread* found = threads_.find(handle);
    if (found == nullptr || found->thread.get_id() == std::this_thread::get_id()) return TSN_INVALID;
    thread = std::move(threads_.take(handle)->thread);
  }
  thread.join();
  return TSN_OK;
}

bool ThreadGroup::join_all(base::Duration limit) {
  std::unique_lock lock(mutex_);
  if (!ended_.wait_for(lock, limit, [&] { return running_ == 0; })) return false;
  auto handles = threads_.handles();
  lock.unlock();
  for (tsn_thread handle : handles) join(handle);
  return true;
}

std::size_t ThreadGroup::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

std::uint64_t ThreadGroup::cpu_ns() const {
  std::lock_guard lock(mutex_);
  std::uint64_t sum = ended_cpu_ns_;
  for (tsn_thread handle : threads_.handles()) {
    Thread& one = *threads_.find(handle);
    clockid_t clock{};
    if (!*one.ended && ::pthread_getcpuclockid(one.thread.native_handle(), &clock) == 0) sum += read_clock(clock);
  }
  told_cpu_ns_ = std::max(told_cpu_ns_, sum);
  return told_cpu_ns_;
}

/// Caller holds the lock. An ended thread needs no lock of ours any more but to leave its function.
void ThreadGroup::reap_ended() {
  for (tsn_thread handle : threads_.handles()) {
    if (*threads_.find(handle)->ended) threads_.take(handle)->thread.join();
  }
}

}  // namespace tocsin::plugin_host
