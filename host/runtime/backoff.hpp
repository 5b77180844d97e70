// Exponential backoff with jitter, and the circuit breaker that every outside call goes through.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/clock.hpp"

namespace tocsin::runtime {

struct BackoffPolicy {
  base::Duration first = std::chrono::milliseconds(500);
  base::Duration most = std::chrono::minutes(5);
  double factor = 2.0;
};

/// Delay before attempt `attempt` + 1 (attempt from 1): the full exponential delay with a jitter in [0.5, 1.0) of it.
/// `random` gives a number in [0, 1).
base::Duration backoff_delay(const BackoffPolicy& policy, std::uint32_t attempt, double random);
/// A thread-safe source of randomness for jitter.
double jitter();

/// Closed until `failures` in a row; then open for `open_for`; then one trial decides. Not thread-safe: one strand.
class Breaker {
 public:
  enum class State : std::uint8_t { closed = 0, open = 1, half_open = 2 };  ///< the numbers of circuit_breaker_state
  struct Policy {
    std::uint32_t failures = 5;
    base::Duration open_for = std::chrono::seconds(30);
  };
  explicit Breaker(Policy policy);
  /// Whether a call may go out now. In half-open state one call is let through until it is reported.
  bool allow(base::Time now);
  void success();
  void failure(base::Time now);
  State state() const { return state_; }
  /// When the next trial is due (open state).
  base::Time retry_at() const { return retry_at_; }

 private:
  Policy policy_;
  State state_ = State::closed;
  std::uint32_t failed_ = 0;
  bool trial_out_ = false;
  base::Time retry_at_{};
};
std::string_view to_string(Breaker::State state);

}  // namespace tocsin::runtime
