#include "runtime/thread.hpp"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/executor.hpp"

namespace tocsin::runtime {
namespace {

struct Start {
  std::string name;
  std::function<void()> run;
};

void* enter(void* argument) noexcept {
  std::unique_ptr<Start> start(static_cast<Start*>(argument));
  name_thread(start->name);
  start->run();
  return nullptr;
}

/// Sanitizers put red zones around every variable and shadow frames: a stack that fits the plain build does not fit
/// them.
constexpr std::size_t stack_factor =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    4;
#else
    1;
#endif

}  // namespace

struct Thread::Handle {
  pthread_t id{};
};

Thread::Thread(const std::string& name, std::size_t stack_bytes, std::function<void()> run)
    : handle_(std::make_unique<Handle>()) {
  auto start = std::make_unique<Start>(Start{name, std::move(run)});
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes * stack_factor);
  int error = pthread_create(&handle_->id, &attributes, enter, start.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    std::fprintf(stderr, "tocsin: cannot start thread %s: %s; raise the limit on tasks (ulimit -u, TasksMax)\n",
                 name.c_str(), std::strerror(error));
    std::abort();
  }
  (void)start.release();  // the thread owns it now
}

Thread::~Thread() {
  join();
}
Thread::Thread(Thread&&) noexcept = default;

bool Thread::is_current() const {
  return handle_ && pthread_equal(handle_->id, pthread_self());
}

void Thread::join() {
  if (!handle_) return;
  if (is_current()) return let_go();
  pthread_join(handle_->id, nullptr);
  handle_.reset();
}

void Thread::let_go() {
  if (!handle_) return;
  pthread_detach(handle_->id);
  handle_.reset();
}

void name_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace tocsin::runtime
