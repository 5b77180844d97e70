#include "app/supervisor.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int exit_failed = 1;

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : signals) sigaddset(&set, each);
  return set;
}

struct Worker {
  pid_t pid = 0;
  Steady::time_point begun = Steady::now();
};

[[noreturn]] void be_worker(const std::function<int(WorkerState&)>& work, WorkerState& state, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(exit_failed);  // it died before the line above
  const sigset_t child = set_of({SIGCHLD});
  ::pthread_sigmask(SIG_UNBLOCK, &child, nullptr);
  int code = exit_failed;
  try {
    code = work(state);
  } catch (const std::exception& error) {
    telemetry::log_error("agent", error.what());
  }
  // From here on it does not matter what a thread does that a hanging plugin has kept.
  state.exit_code = code;
  state.finished = 1;
  std::exit(code);
}

/// "in source.auth (logtail), pull", of the finding that this death has left.
std::string blame(WorkerState& state, std::uint32_t known) {
  const std::uint32_t count = state.findings.count;
  if (count == known) return {};
  const auto& found = state.findings.at(count - 1);
  if (found.instance[0] == '\0') return " outside of any plugin";
  return std::string(" in ") + found.instance + " (plugin " + found.plugin + "), " + found.call +
         (found.signal == 0 ? ", which hung" : "");
}

class Supervisor {
 public:
  Supervisor(const std::function<int(WorkerState&)>& work, WorkerState& state) : work_(work), state_(state) {}

  int run() {
    for (;;) {
      if (!start()) return exit_failed;
      const int status = wait_for_worker();
      if (state_.finished) return WIFEXITED(status) ? WEXITSTATUS(status) : state_.exit_code.load();
      const auto lived = std::chrono::duration_cast<base::Duration>(Steady::now() - worker_.begun);
      const base::Duration pause = pace_.after(state_.ready, lived);
      tell(status, pause);
      if (stopping_) return exit_failed;
      if (!wait(pause)) return 0;
    }
  }

 private:
  bool start() {
    state_.ready = state_.finished = 0;
    known_ = state_.findings.count;
    const pid_t self = ::getpid();
    worker_ = {};
    worker_.pid = ::fork();
    if (worker_.pid == 0) be_worker(work_, state_, self);
    if (worker_.pid > 0) return true;
    telemetry::log_error("supervisor", std::string("cannot start the agent: ") + std::strerror(errno) +
                                           "; raise the limit on tasks (ulimit -u, TasksMax)");
    return false;
  }

  /// Reaps what has ended; the worker's status once it is among them.
  std::optional<int> reap() {
    std::optional<int> out;
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == worker_.pid) out = status;
    }
    return out;
  }

  int wait_for_worker() {
    const sigset_t all = set_of({SIGCHLD, SIGTERM, SIGINT, SIGHUP});
    for (;;) {
      if (auto status = reap()) return *status;
      const int which = ::sigwaitinfo(&all, nullptr);
      if (which <= 0 || which == SIGCHLD) continue;
      stopping_ = stopping_ || which != SIGHUP;
      ::kill(worker_.pid, which);
    }
  }

  /// False: told to stop meanwhile.
  bool wait(base::Duration pause) {
    const sigset_t all = set_of({SIGCHLD, SIGTERM, SIGINT, SIGHUP});
    const auto end = Steady::now() + pause;
    for (;;) {
      const auto left = std::max(end - Steady::now(), Steady::duration::zero()).count();
      const timespec limit{left / 1'000'000'000, left % 1'000'000'000};
      const int which = ::sigtimedwait(&all, nullptr, &limit);
      if (which == SIGTERM || which == SIGINT) return false;
      if (which == SIGCHLD) reap();
      if (which < 0 && errno == EAGAIN) return true;
    }
  }

  void tell(int status, base::Duration pause) const {
    std::string line = "the agent ";
    if (WIFSIGNALED(status))
      line += std::string("was ended by ") + plugin_host::signal_name(WTERMSIG(status)) + " (signal " +
              std::to_string(WTERMSIG(status)) + ")" + blame(state_, known_);
    else
      line += "ended by exit(" + std::to_string(WEXITSTATUS(status)) + ") of something in it";
    if (stopping_)
      line += " while it was stopping";
    else
      line += "; it is started again" +
              (pause > base::Duration::zero() ? " in " + base::format_duration(pause) : std::string(" at once"));
    telemetry::log_error("supervisor", line);
  }

  const std::function<int(WorkerState&)>& work_;
  WorkerState& state_;
  Worker worker_;
  RestartPace pace_;
  std::uint32_t known_ = 0;  ///< findings there were before this worker
  bool stopping_ = false;
};

}  // namespace

base::Duration RestartPace::after(bool ready, base::Duration lived) {
  if (ready && lived >= well) next_ = base::Duration::zero();
  const base::Duration now = next_;
  next_ = now == base::Duration::zero() ? first : std::min(now * 2, longest);
  return now;
}

int supervise(const std::function<int(WorkerState&)>& work) {
  void* memory = ::mmap(nullptr, sizeof(WorkerState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    telemetry::log_error("supervisor", std::string("no shared memory: ") + std::strerror(errno));
    return exit_failed;
  }
  auto& state = *new (memory) WorkerState;
  const sigset_t child = set_of({SIGCHLD});
  ::pthread_sigmask(SIG_BLOCK, &child, nullptr);
  telemetry::LogSettings log;
  log.json = !::isatty(2);
  telemetry::setup_log(log);
  return Supervisor(work, state).run();
}

}  // namespace tocsin::app
