// Everything on the handler's path is async-signal-safe: plain stores, and system calls.
#include "plugin_host/crash_record.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "plugin_host/marks.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

constinit std::atomic<Findings*> target{nullptr};
constinit std::atomic<pid_t> recorded{0};  ///< the process whose crash counts: not a child that a plugin forks
constinit std::atomic<long> recorder{0};   ///< the thread that records, for ever: the process ends with it
struct sigaction before[NSIG];

long this_thread() {
  return ::syscall(SYS_gettid);
}

template <std::size_t N>
void copy(char (&to)[N], const char* from, std::size_t n) {
  n = std::min(n, N - 1);
  std::memcpy(to, from, n);
  to[n] = '\0';
}

std::int64_t wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void pause_ms() {
  timespec one{0, 1'000'000};
  ::nanosleep(&one, nullptr);
}

std::uintptr_t program_counter(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(machine.pc);
#else
  return 0;
#endif
}

/// The next place, if this thread is the one that records; others wait for the end, but not for ever.
Finding* begin_record(Findings*& all) {
  all = target.load(std::memory_order_acquire);
  if (all == nullptr || recorded.load(std::memory_order_relaxed) != ::getpid()) return nullptr;
  long nobody = 0;
  const long me = this_thread();
  if (!recorder.compare_exchange_strong(nobody, me) && nobody != me) {
    for (int i = 0; i < 1000; ++i) pause_ms();
    return nullptr;
  }
  return &all->at(all->count.load(std::memory_order_relaxed));
}

void end_record(Findings& all) {
  all.count.store(all.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void name(Finding& finding, const Mark* mark, EntryPoint entry) {
  finding.instance[0] = finding.plugin[0] = finding.call[0] = '\0';
  finding.identity = 0;
  if (mark == nullptr || mark->number.load(std::memory_order_relaxed) == 0) return;
  finding.identity = mark->identity;
  copy(finding.instance, mark->instance, std::strlen(mark->instance));
  copy(finding.plugin, mark->plugin, std::strlen(mark->plugin));
  const char* word = to_string(entry);
  copy(finding.call, word, std::strlen(word));
}

void record(int signal, const siginfo_t* info, const void* context) {
  Findings* all = nullptr;
  Finding* finding = begin_record(all);
  if (finding == nullptr) return;
  const Mark* mark = nullptr;
  auto entry = EntryPoint::thread;
  if (const Seat* seat = this_seat) {
    mark = seat->mark.load(std::memory_order_relaxed);
    if (mark != nullptr) entry = static_cast<EntryPoint>(seat->call.load(std::memory_order_relaxed) >> 32);
  }
  // A thread that a library made for itself never entered: its code tells whose it is.
  if (mark == nullptr) mark = mark_of_code(program_counter(context));
  name(*finding, mark, entry);
  finding->signal = signal;
  finding->address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  finding->at = wall_clock();
  end_record(*all);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  record(signal, info, context);
  ::sigaction(signal, &before[signal], nullptr);
  // A fault comes again when the instruction does. One that was sent has to be sent again; it waits for our return.
  if (info->si_code <= 0) ::syscall(SYS_tgkill, ::getpid(), this_thread(), signal);
}

}  // namespace

void record_crashes(Findings& findings) {
  recorded.store(::getpid(), std::memory_order_relaxed);
  target.store(&findings, std::memory_order_release);
  struct sigaction action{};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  // A fault of the handler itself must end the process, not call the handler again: blocked, the kernel kills.
  for (int fault : faults) sigaddset(&action.sa_mask, fault);
  for (int fault : faults) ::sigaction(fault, &action, &before[fault]);
}

Findings* recording() {
  return target.load(std::memory_order_acquire);
}

void end_for_hang(std::string_view instance, std::string_view plugin, std::uint64_t identity, std::string_view call) {
  Findings* all = nullptr;
  if (Finding* finding = begin_record(all)) {
    *finding = {};
    copy(finding->instance, instance.data(), instance.size());
    copy(finding->plugin, plugin.data(), plugin.size());
    copy(finding->call, call.data(), call.size());
    finding->identity = identity;
    finding->at = wall_clock();
    end_record(*all);
  }
  ::signal(SIGABRT, SIG_DFL);
  std::abort();
}

const char* signal_name(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGILL:
      return "SIGILL";
    case SIGFPE:
      return "SIGFPE";
    case SIGABRT:
      return "SIGABRT";
    case SIGKILL:
      return "SIGKILL";
    case SIGTERM:
      return "SIGTERM";
    case SIGTRAP:
      return "SIGTRAP";
    case SIGSYS:
      return "SIGSYS";
    case SIGXCPU:
      return "SIGXCPU";
    case SIGPIPE:
      return "SIGPIPE";
    default:
      return signal == 0 ? "hang" : "another signal";
  }
}

}  // namespace tocsin::plugin_host
