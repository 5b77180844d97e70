// One runner process, from its start to its end.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/result.hpp"
#include "plugin_host/owned_fd.hpp"
#include "plugin_host/runner/link.hpp"
#include "plugin_host/runner/region.hpp"
#include "plugin_host/runner/start.hpp"
#include "plugin_host/session.hpp"
#include "runtime/executor.hpp"
#include "runtime/thread.hpp"

namespace tocsin::plugin_host::runner {

/// A plugin's verified bytes, ready to be handed to a runner. Closed with its last holder.
struct LibraryFile {
  OwnedFd fd;
  std::string path;
};

class Process : public std::enable_shared_from_this<Process> {
 public:
  /// Called on the reading thread for every frame that is not an answer.
  using Receive = std::function<void(Process&, const Frame&, std::string_view)>;

  /// Starts `program`. The runner ends with the thread that calls this (PR_SET_PDEATHSIG is bound to it), which
  /// therefore must outlive the process.
  /// `first` is the library that it must be able to open, confined as it is. `ended` is told on the reactor when it has
  /// ended, before it is reaped.
  static base::Result<std::shared_ptr<Process>> spawn(const std::string& program, const Start& start,
                                                      const LibraryFile& first, Receive receive,
                                                      runtime::Reactor& reactor, std::function<void()> ended);
  Process(SharedRegion region, int control, pid_t pid, int pidfd, runtime::Reactor& reactor);
  ~Process();

  Link& link() { return link_; }
  pid_t pid() const { return pid_; }
  std::uint64_t number() const { return number_; }
  /// Loads a library, once. Blocks; any thread.
  base::Result<void> load(const LibraryFile& file, SteadyTime deadline);
  /// Ends it now, for `why` (the first one counts): what its callers are told. Any thread.
  void kill(const std::string& why);
  bool dead() const { return link_.closed(); }
  /// Waits for its end, which dead() has announced, and joins the reader. On the spawning thread, once. The cause:
  /// "SIGSEGV", "exit code 3", or what kill() was given.
  std::string reap();
  /// The cause of its end, once it is reaped; waits a second at most.
  std::string cause();

  /// It has done what it is for, once at least: a restart need not wait.
  std::atomic<bool> delivered{false};

  /// Private memory resident, in bytes, and processor time so far, the last also after its end.
  std::uint64_t memory_bytes() const;
  std::uint64_t cpu_ns() const;

  /// What a slot of the region's metrics is called; from the reading thread.
  void name_metric(std::uint32_t slot, std::string instance, tsn_metric_kind kind, std::string name,
                   model::Labels labels);
  /// Hands the metrics as they are to the port. Any thread.
  void collect(Port& port);

 private:
  void read();

  const std::uint64_t number_;
  std::atomic<std::uint64_t> cpu_at_end_{0};
  SharedRegion region_;
  Link link_;
  const int control_;
  const pid_t pid_;
  const int pidfd_;
  runtime::Reactor& reactor_;
  runtime::Reactor::Id watch_ = 0;
  Receive receive_;
  std::unique_ptr<runtime::Thread> reader_;
  mutable std::mutex mutex_;
  std::condition_variable reaped_;
  std::string killed_for_, cause_;
  bool is_reaped_ = false;
  std::mutex load_mutex_;
  std::set<std::string> loaded_;
  struct Named {
    std::string instance, name;
    tsn_metric_kind kind;
    model::Labels labels;
    double told = 0;
  };
  std::map<std::uint32_t, Named> metrics_;
};

}  // namespace tocsin::plugin_host::runner
