#include "app/deciding_lease.hpp"

#include <utility>

#include "telemetry/log.hpp"

namespace tocsin::app {

DecidingLease::DecidingLease(Parts parts) : parts_(std::move(parts)), duty_("lease", [this] { return round(); }) {}

void DecidingLease::start() {
  if (!parts_.shared) return;
  (void)round();
  duty_.start();
}

void DecidingLease::stop() {
  duty_.stop();
}

void DecidingLease::release() {
  if (parts_.shared) (void)parts_.shared->release(storage::deciding_lease);
}

base::Duration DecidingLease::round() {
  const auto asked = Steady::now();
  const auto got = parts_.shared->lease(storage::deciding_lease, lasts, parts_.address);
  if (!got) {
    // What was granted runs out by itself; until then it holds.
    complain(got.error().message());
    return asked_every;
  }
  if (*got) {
    const auto taken = parts_.prolong(asked + lasts - margin);
    complain(taken ? "" : taken.error().message());
    return taken ? prolonged_every : asked_every;
  }
  complain("");
  parts_.give_up();
  learn_holder();
  return asked_every;
}

void DecidingLease::learn_holder() {
  auto holder = parts_.shared->holder(storage::deciding_lease);
  std::lock_guard lock(mutex_);
  holder_ = holder ? std::move(*holder) : std::nullopt;
}

void DecidingLease::complain(const std::string& what) {
  if (what != complaint_ && !what.empty()) telemetry::log_error("fleet", "the lease: " + what);
  complaint_ = what;
}

base::Result<std::string> DecidingLease::decider() const {
  if (parts_.decides()) return std::string();
  std::lock_guard lock(mutex_);
  if (holder_ && !holder_->address.empty() && holder_->address != parts_.address) return holder_->address;
  return base::fail(base::Fault::unavailable, "no agent decides just now; one takes over within seconds");
}

}  // namespace tocsin::app
