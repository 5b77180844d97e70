// The parent of `tocsin run`: starts the agent in a child and starts it again when it dies of a signal.
//
// It stays tiny and can hardly fail: one thread, no configuration, no plugin, no memory to speak of. kill -9 of it ends
// the worker too (PR_SET_PDEATHSIG); a new agent then waits for the data directory's lock.
// Rejected: to leave it to systemd or the container. There is not always one that restarts, and neither can say which
// plugin ran or start again within milliseconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "plugin_host/crash_record.hpp"

namespace tocsin::app {

/// What workers leave behind; in memory shared by the supervisor and every worker it makes.
struct WorkerState {
  std::atomic<std::uint32_t> ready{0};     ///< the agent is up
  std::atomic<std::uint32_t> finished{0};  ///< it ended as it should
  std::atomic<std::int32_t> exit_code{0};  ///< then
  plugin_host::Findings findings;
};

/// How long to wait before the next start.
class RestartPace {
 public:
  static constexpr base::Duration first = std::chrono::milliseconds(10);
  static constexpr base::Duration longest = std::chrono::seconds(30);
  /// A worker that was ready and lived this long ran well: what ends it now is new.
  static constexpr base::Duration well = std::chrono::seconds(10);
  /// After a worker died: zero after one that ran well and at the first death; then `first`, doubled each time.
  base::Duration after(bool ready, base::Duration lived);

 private:
  base::Duration next_{};
};

/// Runs `work` in a child process until it ends by itself, and returns its exit code. SIGTERM, SIGINT and SIGHUP are
/// passed on; they must be blocked, and no thread may have been made. Children that are not ours are reaped: it may be
/// process 1 of a container. In the child it does not return.
int supervise(const std::function<int(WorkerState&)>& work);

}  // namespace tocsin::app
