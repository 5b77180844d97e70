// The lease of the agent that decides for all that share a store: asked for every second by those that have it not, and
// prolonged by the one that has it. It is believed only as long as it surely holds, counted from before the question.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "app/duty.hpp"
#include "base/result.hpp"
#include "storage/shared.hpp"

namespace tocsin::app {

class DecidingLease {
 public:
  using Steady = std::chrono::steady_clock;
  static constexpr base::Duration lasts = std::chrono::seconds(15);
  static constexpr base::Duration margin = std::chrono::seconds(2);  ///< of `lasts`, not believed
  static constexpr base::Duration prolonged_every = std::chrono::seconds(3);
  static constexpr base::Duration asked_every = std::chrono::seconds(1);

  struct Parts {
    storage::SharedStore* shared = nullptr;  ///< null: the store is this agent's alone, and nothing is asked
    std::string address;                     ///< where the other agents reach this one
    std::function<base::Result<void>(Steady::time_point sure_until)> prolong;
    std::function<void()> give_up;
    std::function<bool()> decides;
  };
  explicit DecidingLease(Parts parts);
  ~DecidingLease() { stop(); }

  /// Asks once at once, so that an agent that is alone decides before it listens.
  void start();
  /// Asks no more. Idempotent.
  void stop();
  /// Gives it back, once nothing is decided any more.
  void release();

  /// Address of the agent that decides; empty: this one. Fault::unavailable: nobody does just now. Any thread, does not
  /// wait.
  base::Result<std::string> decider() const;

  /// One question; how long to rest until the next. For tests.
  base::Duration round();

 private:
  void learn_holder();
  void complain(const std::string& what);

  const Parts parts_;
  mutable std::mutex mutex_;
  std::optional<storage::Holder> holder_;  ///< under mutex_; when it is another
  std::string complaint_;                  ///< logged last
  Duty duty_;
};

}  // namespace tocsin::app
