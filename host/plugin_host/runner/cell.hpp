// What keeps a runner alive: one thread that starts it, starts it again when it ends, and brings its instances up.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plugin_host/runner/process.hpp"
#include "runtime/backoff.hpp"
#include "runtime/thread.hpp"

namespace tocsin::plugin_host::runner {

/// An instance that lives in a cell's runner.
class Tenant {
 public:
  virtual ~Tenant() = default;
  virtual std::uint32_t number() const = 0;
  virtual const std::string& name() const = 0;
  virtual const LibraryFile& library() const = 0;
  /// A new runner is there: load, create, start as before, and hand again what was under way. On the cell's thread. An
  /// error that is not the runner's death leaves the tenant down.
  virtual base::Result<void> come_up(const std::shared_ptr<Process>& process) = 0;
  /// The runner ended. On the cell's thread.
  virtual void went_down(const std::shared_ptr<Process>& process, const std::string& cause) = 0;
  /// A message about this tenant. On the reading thread; must not wait.
  virtual void receive(Process& process, const Frame& frame, std::string_view content) = 0;
};

/// The end of a runner, for those who are told.
struct Death {
  std::vector<std::string> instances;
  std::string cause;
  pid_t pid = 0;
  std::uint64_t restarts = 0;  ///< of this cell so far
  base::Duration delay{};      ///< until the next start
};

struct CellSettings {
  std::string program;  ///< absolute path of tocsin-runner
  std::string name;     ///< the instance's, or the group's
  SandboxSettings sandbox;
  std::shared_ptr<const LibraryFile> library;  ///< of its first tenant
  bool standby = false;                        ///< a second process is kept warm: started, its libraries loaded
  runtime::BackoffPolicy backoff{std::chrono::milliseconds(10), std::chrono::seconds(30), 2.0};
};

class Cell {
 public:
  Cell(CellSettings settings, Port& port, std::function<void(const Death&)> died);
  /// Ends the runner and waits for it.
  ~Cell();

  /// Blocks until there is a runner, at most until `deadline`; the error says why there is none. Any thread but the
  /// cell's.
  base::Result<std::shared_ptr<Process>> process(SteadyTime deadline);
  /// From now on `tenant` hears of ends and starts. Any thread.
  void add(std::shared_ptr<Tenant> tenant);
  /// It hears no more when this returns. Any thread but the cell's.
  void remove(std::uint32_t number);
  bool empty() const;
  std::uint64_t restarts() const;
  std::shared_ptr<Process> current() const;
  /// Whether there is a runner, or one is about to be started: not after a pause. Any thread.
  bool soon() const;
  const SandboxSettings& sandbox() const { return settings_.sandbox; }
  void stop();

 private:
  using Lock = std::unique_lock<std::mutex>;
  void run();
  void begin(Lock& lock);
  void end(Lock& lock);
  void bring_up(Lock& lock);
  void warm_up(Lock& lock);
  base::Result<std::shared_ptr<Process>> spawn();
  void deliver(Process& process, const Frame& frame, std::string_view content);

  const CellSettings settings_;
  Port& port_;
  const std::function<void(const Death&)> died_;
  /// The reactor rings it, which may be a moment after the cell has gone.
  struct Bell {
    std::mutex mutex;
    std::condition_variable changed;
  };
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::mutex& mutex_ = bell_->mutex;
  std::condition_variable& changed_ = bell_->changed;
  bool stopping_ = false;
  std::shared_ptr<Process> process_, standby_;
  std::string why_none_;
  std::uint32_t failures_ = 0;
  std::uint64_t restarts_ = 0;
  bool was_up_ = false, cannot_start_ = false;
  SteadyTime not_before_{};
  std::mutex tenants_mutex_;  ///< held while tenants are told, so that remove() waits for it
  std::map<std::uint32_t, std::shared_ptr<Tenant>> tenants_;
  mutable std::mutex list_mutex_;  ///< of tenants_ for the reading thread, which never waits for a bring-up
  runtime::Thread thread_;         ///< last: it uses all of the above
};

}  // namespace tocsin::plugin_host::runner
