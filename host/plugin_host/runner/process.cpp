#include "plugin_host/runner/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "plugin_host/runner/messages.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

/// A plugin gets no secret of the agent's environment: what programs commonly need, and no more.
constexpr const char* passed_on[] = {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"};

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

/// posix_spawn: the agent's memory is neither copied nor marked, which a fork of a large agent would pay for.
Result<pid_t> start_program(const std::string& program, const Start& start, int region, int control, int library) {
  std::vector<std::string> texts{program};
  for (std::string& argument : start_arguments(start)) texts.push_back(std::move(argument));
  std::vector<std::string> environment;
  for (const char* name : passed_on) {
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  std::vector<char*> arguments, variables;
  for (std::string& text : texts) arguments.push_back(text.data());
  for (std::string& text : environment) variables.push_back(text.data());
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, 2, 1);
  ::posix_spawn_file_actions_adddup2(&actions, region, region_descriptor);
  ::posix_spawn_file_actions_adddup2(&actions, control, control_descriptor);
  ::posix_spawn_file_actions_adddup2(&actions, library, library_descriptor);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return pid;
  return fail(Fault::unavailable,
              program + ": cannot be started: " + std::strerror(error) + "; it belongs beside the agent's own program");
}

/// The same file under a number that no descriptor of the runner has.
int moved_up(int fd) {
  const int up = ::fcntl(fd, F_DUPFD_CLOEXEC, 16);
  ::close(fd);
  return up;
}

bool send_descriptor(int socket, int fd) {
  char byte = 'L';
  iovec data{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

}  // namespace

Result<std::shared_ptr<Process>> Process::spawn(const std::string& program, const Start& start,
                                                const LibraryFile& first, Receive receive, runtime::Reactor& reactor,
                                                std::function<void()> ended) {
  TRY(auto region, SharedRegion::make());
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Fault::unavailable, std::string("no socket for a runner: ") + std::strerror(errno));
  const int theirs = moved_up(ends[1]);
  const int region_copy = ::fcntl(region.fd(), F_DUPFD_CLOEXEC, 16);
  const int library = ::fcntl(first.fd.get(), F_DUPFD_CLOEXEC, 16);
  const auto pid = start_program(program, start, region_copy, theirs, library);
  for (const int fd : {theirs, region_copy, library}) ::close(fd);
  if (!pid) {
    ::close(ends[0]);
    return fail(pid.error());
  }
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));
  if (pidfd < 0) {
    const std::string why = std::strerror(errno);
    ::kill(*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    ::close(ends[0]);
    return fail(Fault::unsupported, "a runner cannot be watched: pidfd_open: " + why +
                                        "; isolation needs Linux 5.3, and a container that allows the call");
  }
  auto process = std::make_shared<Process>(std::move(region), ends[0], *pid, pidfd, reactor);
  process->receive_ = std::move(receive);
  process->watch_ = reactor.watch(pidfd, 1, [weak = std::weak_ptr(process), ended = std::move(ended)](std::uint32_t) {
    if (auto self = weak.lock()) self->link_.close();
    ended();
  });
  process->reader_ =
      std::make_unique<runtime::Thread>("runner-read", runtime::small_stack, [raw = process.get()] { raw->read(); });
  return process;
}

Process::Process(SharedRegion region, int control, pid_t pid, int pidfd, runtime::Reactor& reactor)
    : number_(next_number()),
      region_(std::move(region)),
      link_(Link::Side::agent, *region_),
      control_(control),
      pid_(pid),
      pidfd_(pidfd),
      reactor_(reactor) {}

Process::~Process() {
  if (!is_reaped_) {
    kill("it is not needed any more");
    reap();
  }
  ::close(control_);
  ::close(pidfd_);
}

void Process::read() {
  Frame frame;
  Link::Content content;
  while (link_.next(frame, content)) receive_(*this, frame, content.view());
  if (link_.broken()) kill("it broke the format of its messages");
}

Result<void> Process::load(const LibraryFile& file, SteadyTime deadline) {
  std::lock_guard lock(load_mutex_);
  const std::string known = file.path + "\n" + std::to_string(file.fd.get());
  if (loaded_.contains(known)) return {};
  if (!send_descriptor(control_, file.fd.get())) return fail(Fault::unavailable, "its runner takes no library");
  Writer content;
  content(file.path);
  std::string answer;
  const Link::End end = link_.call(Kind::load, 0, link_.next_id(), {content.bytes}, deadline, answer);
  if (end == Link::End::late) kill("it did not return from loading " + file.path);
  if (end != Link::End::answered) return fail(Fault::unavailable, "its runner ended while it loaded " + file.path);
  Reader in(answer);
  TRY_VOID(read_outcome(in));
  loaded_.insert(known);
  return {};
}

void Process::kill(const std::string& why) {
  {
    std::lock_guard lock(mutex_);
    if (killed_for_.empty()) killed_for_ = why;
    if (!is_reaped_) ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0);
  }
  link_.close();
}

std::string Process::reap() {
  // Nobody talks to it any more; where it has ended already this changes nothing.
  ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0);
  siginfo_t info{};
  rusage used{};
  // The system call, because the library's waitid() has no place for what was used.
  while (::syscall(SYS_waitid, P_PID, pid_, &info, WEXITED, &used) != 0 && errno == EINTR) {
  }
  const auto ns = [](const timeval& t) {
    return std::uint64_t(t.tv_sec) * 1'000'000'000 + std::uint64_t(t.tv_usec) * 1000;
  };
  cpu_at_end_ = ns(used.ru_utime) + ns(used.ru_stime);
  ::kill(-pid_, SIGKILL);  // what the plugin started and left: its process group
  reactor_.cancel(watch_);
  link_.close();
  if (reader_) reader_->join();
  std::lock_guard lock(mutex_);
  is_reaped_ = true;
  cause_ = !killed_for_.empty()         ? killed_for_
           : info.si_code == CLD_EXITED ? "exit code " + std::to_string(info.si_status)
                                        : signal_text(info.si_status);
  reaped_.notify_all();
  return cause_;
}

std::string Process::cause() {
  std::unique_lock lock(mutex_);
  reaped_.wait_for(lock, std::chrono::seconds(1), [this] { return is_reaped_; });
  return cause_.empty() ? "it ended" : cause_;
}

std::uint64_t Process::memory_bytes() const {
  std::uint64_t size = 0, resident = 0, shared = 0;
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  if (dead() || !(statm >> size >> resident >> shared)) return 0;
  return (resident - std::min(resident, shared)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t Process::cpu_ns() const {
  if (const std::uint64_t all = cpu_at_end_.load()) return all;
  clockid_t clock{};
  timespec time{};
  if (dead() || ::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

void Process::name_metric(std::uint32_t slot, std::string instance, tsn_metric_kind kind, std::string name,
                          model::Labels labels) {
  if (slot >= metric_count) return;
  std::lock_guard lock(mutex_);
  metrics_.try_emplace(slot, Named{std::move(instance), std::move(name), kind, std::move(labels)});
}

void Process::collect(Port& port) {
  std::lock_guard lock(mutex_);
  for (auto& [slot, metric] : metrics_) {
    const auto value = std::bit_cast<double>(region_->metrics[slot].bits.load(std::memory_order_relaxed));
    if (metric.kind == TSN_METRIC_GAUGE) {
      port.metric(metric.instance, metric.kind, metric.name, metric.labels, value);
    } else if (std::isfinite(value) && value > metric.told) {
      port.metric(metric.instance, metric.kind, metric.name, metric.labels, value - metric.told);
      metric.told = value;
    }
  }
}

}  // namespace tocsin::plugin_host::runner
