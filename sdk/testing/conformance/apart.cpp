#include "apart.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "fence.hpp"
#include "trial.hpp"

namespace tsn::conformance {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

std::int64_t monotonic() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

/// Between child and parent. Plain memory: it is there when the child's descriptors are closed, and after its crash.
struct Shared {
  /// A thread that calls the plugin. Threads past the last share one.
  struct Slot {
    std::atomic<std::int64_t> began{0};  ///< monotonic nanoseconds; 0: it is not in a call
    char where[128] = {};
  };
  Slot slots[16];
  std::atomic<std::uint32_t> threads{0};
  std::atomic<bool> finished{false};
  Fenced fenced;
  std::atomic<std::uint32_t> used{0};
  char text[std::size_t{1} << 20];  ///< JSON, one value a line

  /// The call that runs longest; the main thread's last one where none runs.
  const Slot& longest() const {
    const Slot* found = &slots[0];
    for (const auto& slot : slots)
      if (slot.began && (!found->began || slot.began < found->began)) found = &slot;
    return *found;
  }
  void write(const json& value) {
    const auto line = value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    const auto at = used.fetch_add(static_cast<std::uint32_t>(line.size()));
    if (at + line.size() <= sizeof text) std::memcpy(text + at, line.data(), line.size());
  }
};

Shared* shared = nullptr;  // in the child
const char* type_now = "";

Shared::Slot& own_slot() {
  thread_local auto& slot = shared->slots[std::min<std::size_t>(shared->threads++, std::size(shared->slots) - 1)];
  return slot;
}

/// A thread of the plugin's own ends when it likes; every other call is timed.
void note_call(const char* function) {
  if (function && std::strcmp(function, "thread") == 0) return;
  auto& slot = own_slot();
  if (function) std::snprintf(slot.where, sizeof slot.where, "%s: %s()", type_now, function);
  slot.began.store(function ? monotonic() : 0);
}

class ToParent : public Findings {
 public:
  void add(Finding finding) override {
    shared->write({{"defect", finding.defect}, {"where", finding.where}, {"what", finding.what}});
  }
};

[[noreturn]] void run_here(const Check& check, const Subject& subject, const Allowed& allowed) {
  testing::on_call = &note_call;
  ToParent found;
  const Fence fence(allowed.network, allowed.processes, &shared->fenced, own_slot().where);
  try {
    const auto remark = check.run(subject, found);
    if (!remark.empty()) shared->write({{"remark", remark}});
  } catch (const Stop& stop) {
    found.add(stop.finding);
  } catch (const std::exception& error) {
    shared->write({{"defect", "does_not_load"}, {"where", last_call()}, {"what", error.what()}});
  }
  if (fence.broken()) found.add({"closes_descriptors", last_call(), "descriptors that were not its own are closed"});
  std::fflush(nullptr);
  std::cout.flush();
  shared->finished = true;
  _exit(0);
}

std::size_t resident(pid_t child) {
  std::ifstream statm("/proc/" + std::to_string(child) + "/statm");
  std::size_t whole = 0, pages = 0;
  statm >> whole >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::int64_t cpu_time(pid_t child) {
  clockid_t clock;
  timespec used{};
  if (clock_getcpuclockid(child, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

/// Waits for the child's end, or ends it and says why.
class Watch {
 public:
  Watch(pid_t child, const Shared& memory, const Limits& limits) : child_(child), memory_(memory), limits_(limits) {}

  /// The status of waitpid.
  int wait(std::vector<Finding>& findings) {
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child_, 0));
    const auto begun = monotonic();
    pollfd ended{pidfd, POLLIN, 0};
    while (poll(&ended, 1, 5) == 0) {
      if (const auto name = reason(begun); !name.empty()) {
        findings.push_back({name, memory_.longest().where, text_});
        hung = true;
        break;
      }
    }
    kill(-child_, SIGKILL);  // with whatever it started
    kill(child_, SIGKILL);
    if (pidfd >= 0) close(pidfd);
    int status = 0;
    waitpid(child_, &status, 0);
    return status;
  }

  bool hung = false;

 private:
  std::string reason(std::int64_t begun) {
    const auto bytes = resident(child_);
    if (bytes > limits_.memory) {
      text_ = "holds " + std::to_string(bytes >> 20) + " MiB";
      return "eats_memory";
    }
    const auto call = memory_.longest().began.load();
    const auto now = monotonic();
    if (call != call_) call_ = call, half_cpu_ = -1;
    if (call && now - call > limits_.call.count() * 500'000 && half_cpu_ < 0)
      half_cpu_ = cpu_time(child_), half_at_ = now;
    const bool over = call && now - call > limits_.call.count() * 1'000'000;
    if (!over && now - begun < limits_.check.count() * 1'000'000) return {};
    const bool busy = over && half_cpu_ >= 0 && cpu_time(child_) - half_cpu_ > (now - half_at_) / 4;
    text_ = over ? "did not return within " + std::to_string(limits_.call.count()) + " ms"
                 : "the check did not end within " + std::to_string(limits_.check.count() / 1000) + " s";
    return busy ? "endless_loop" : "waits_for_ever";
  }

  pid_t child_;
  const Shared& memory_;
  const Limits& limits_;
  std::int64_t call_ = 0, half_cpu_ = -1, half_at_ = 0;
  std::string text_;
};

std::string read_all(int fd) {
  std::string text(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  lseek(fd, 0, SEEK_SET);
  const auto got = read(fd, text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

void read_lines(const Shared& memory, Outcome& outcome) {
  const std::string_view text(memory.text, std::min<std::size_t>(memory.used, sizeof memory.text));
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = json::parse(text.substr(at, end - at), nullptr, false);
    at = end + 1;
    if (!line.is_object()) continue;  // it died while writing
    if (line.contains("remark"))
      outcome.remark = line["remark"];
    else
      outcome.findings.push_back({line["defect"], line["where"], line["what"]});
  }
}

const char* defect_of(int signal) {
  if (signal == SIGSEGV || signal == SIGBUS) return "crash_segv";
  return signal == SIGABRT ? "crash_abort" : "crashes";
}

void read_end(const Shared& memory, int status, bool killed, const std::string& printed, Outcome& outcome) {
  const auto said = printed.empty() ? std::string() : "; it printed: " + printed.substr(0, 400);
  const std::string where = memory.longest().where;
  if (!killed && WIFSIGNALED(status))
    outcome.findings.push_back({defect_of(WTERMSIG(status)), where, strsignal(WTERMSIG(status)) + said});
  if (!killed && WIFEXITED(status) && !memory.finished)
    outcome.findings.push_back({"exits", where, "ended its process with code " + std::to_string(WEXITSTATUS(status))});
  if (memory.fenced.network)
    outcome.findings.push_back({"uses_network", memory.fenced.network_where, "asked for a socket of the internet"});
  if (memory.fenced.processes)
    outcome.findings.push_back({"forks", memory.fenced.processes_where, "asked for a process"});
  if (printed.find(secret_marker) != std::string::npos)
    outcome.findings.push_back({"prints_secret", where, "a SECRET option's value was printed"});
}

}  // namespace

void now_calling(const char* type_id) {
  type_now = type_id;
  if (shared) std::snprintf(own_slot().where, sizeof own_slot().where, "%s", type_id);
}

std::string last_call() {
  return shared ? own_slot().where : "";
}

Outcome run_apart(const Check& check, const Subject& subject, const Allowed& allowed, const Limits& limits) {
  void* at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::runtime_error("no memory to share with a child");
  auto& memory = *new (at) Shared;
  const int output = memfd_create("printed", MFD_CLOEXEC);
  std::fflush(nullptr);
  std::cout.flush();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot start a child process");
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    shared = &memory;
    run_here(check, subject, allowed);
  }
  Outcome outcome;
  Watch watch(child, memory, limits);
  std::vector<Finding> ended;
  const int status = watch.wait(ended);
  outcome.hung = watch.hung;
  read_lines(memory, outcome);
  outcome.findings.insert(outcome.findings.end(), ended.begin(), ended.end());
  read_end(memory, status, !ended.empty(), read_all(output), outcome);
  close(output);
  munmap(at, sizeof(Shared));
  return outcome;
}

}  // namespace tsn::conformance
