#include "app/poller.hpp"

#include <algorithm>
#include <chrono>

#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr int failures_until_down = 3;

}  // namespace

void Poller::start() {
  parts_.pool->post([self = shared_from_this()] { self->pull(); });
}

void Poller::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  parts_.reactor->cancel(timer_);
  // A pull that hangs is not waited for once the watch has found it.
  while (pulling_ && !parts_.instance->quarantine()) idle_.wait_for(lock, std::chrono::milliseconds(100));
}

void Poller::again(base::Duration delay) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  timer_ =
      parts_.reactor->after(delay, [self = shared_from_this()] { self->parts_.pool->post([self] { self->pull(); }); });
}

void Poller::pull() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    pulling_ = true;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto more = parts_.instance->pull(parts_.clock->now() + parts_.timeout);
  report(more);
  {
    std::lock_guard lock(mutex_);
    pulling_ = false;
  }
  idle_.notify_all();
  if (more && !*more) return;  // a finite input is at its end
  const auto took = std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin);
  if (took > parts_.every) parts_.overrun();
  again(std::max(base::Duration(std::chrono::milliseconds(1)), parts_.every - took));
}

void Poller::report(const base::Result<bool>& pulled) {
  if (pulled) {
    // The first good pull ends a SourceDown from before: of another instance, or of another run of the agent.
    if (!pulled_ || failures_ >= failures_until_down) parts_.state(true);
    pulled_ = true;
    failures_ = 0;
    return;
  }
  ++failures_;
  if (failures_ <= failures_until_down) telemetry::log_error(parts_.instance->name(), pulled.error().message());
  if (failures_ == failures_until_down) parts_.state(false);
}

}  // namespace tocsin::app
