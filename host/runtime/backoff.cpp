#include "runtime/backoff.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace tocsin::runtime {

base::Duration backoff_delay(const BackoffPolicy& policy, std::uint32_t attempt, double random) {
  double full = static_cast<double>(policy.first.count()) * std::pow(policy.factor, std::max(attempt, 1u) - 1.0);
  full = std::min(full, static_cast<double>(policy.most.count()));
  return base::Duration(static_cast<std::int64_t>(full * (0.5 + 0.5 * random)));
}

double jitter() {
  // Quality does not matter here; that two agents do not retry in step does.
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

Breaker::Breaker(Policy policy) : policy_(policy) {}

bool Breaker::allow(base::Time now) {
  if (state_ == State::closed) return true;
  // A trial nobody reported on counts as lost after the same time, so that the breaker cannot stay half open for ever.
  if ((state_ == State::open || trial_out_) && now < retry_at_) return false;
  state_ = State::half_open;
  trial_out_ = true;
  retry_at_ = now + policy_.open_for;
  return true;
}

void Breaker::success() {
  state_ = State::closed;
  failed_ = 0;
  trial_out_ = false;
}

void Breaker::failure(base::Time now) {
  if (state_ == State::open) return;  // an answer from before it opened
  if (state_ == State::closed && ++failed_ < policy_.failures) return;
  state_ = State::open;
  trial_out_ = false;
  retry_at_ = now + policy_.open_for;
}

std::string_view to_string(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed:
      return "closed";
    case Breaker::State::open:
      return "open";
    case Breaker::State::half_open:
      return "half_open";
  }
  return "closed";
}

}  // namespace tocsin::runtime
