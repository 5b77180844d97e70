// The watch over calls: finds those that have gone over their deadline.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "plugin_host/attribution.hpp"

namespace tocsin::plugin_host {

class InstanceCore;

/// Calls under this mark are watched for this instance. Any thread.
void watch_calls(const Mark& mark, std::weak_ptr<InstanceCore> core);

/// One watch looks after all instances of the process; one thread.
class CallWatch {
 public:
  /// How often look() is to be called; a call is found at most two of these after its deadline.
  static constexpr base::Duration every = std::chrono::milliseconds(250);

  /// Samples what each thread is in. `now` must not jump when the wall clock is set; a gap of more than twice
  /// `every` counts as that (the process or the machine stood still or starved, and so did the calls).
  void look(base::Time now);

 private:
  struct Watched {
    Seen seen;
    base::Duration age{};  ///< how long the same call has been seen
    bool told = false;     ///< the instance knows that this call hangs
  };
  void look(Watched& watched, const Seen& seen, base::Duration passed);

  std::vector<Watched> watched_;  ///< by seat
  base::Time last_ = base::no_time;
};

}  // namespace tocsin::plugin_host
