#include "app/asked_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr int threw_code = 64;

void write_whole(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

[[noreturn]] void be_child(const AskedChild::Question& question, int to, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  telemetry::LogSettings log;
  log.level = telemetry::Level::error;
  telemetry::setup_log(log);
  try {
    question([to](std::string_view answer, int code) {
      write_whole(to, answer);
      ::_exit(code);
    });
  } catch (const std::exception& error) {
    write_whole(to, error.what());
    ::_exit(threw_code);
  }
  ::_exit(0);
}

/// What is written until the end; false: the time was up.
bool read_until_end(int from, std::chrono::steady_clock::time_point end, std::size_t most, std::string& out) {
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd ready{from, POLLIN, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (n < 0 && errno != EINTR) return true;
    if (n <= 0) continue;
    const ssize_t got = ::read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    if (out.size() < most) out.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

base::Result<AskedChild> AskedChild::ask(const Question& question, base::Duration time) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return base::fail(base::Fault::internal, std::string("pipe: ") + std::strerror(errno));
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) {
    ::close(ends[0]), ::close(ends[1]);
    return base::fail(base::Fault::internal, std::string("fork: ") + std::strerror(errno));
  }
  if (child == 0) {
    ::close(ends[0]);
    be_child(question, ends[1], parent);
  }
  ::close(ends[1]);
  return AskedChild(child, ends[0], std::chrono::steady_clock::now() + time);
}

AskedChild::AskedChild(AskedChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), from_(std::exchange(other.from_, -1)), end_(other.end_) {}

AskedChild::~AskedChild() {
  if (from_ >= 0) ::close(from_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

AskedChild::Answer AskedChild::wait(std::size_t most) {
  Answer out;
  const bool ended = read_until_end(from_, end_, most, out.text);
  ::close(std::exchange(from_, -1));
  if (!ended) ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!ended) {
    out.failure = "it did not answer in time and was ended; a shorter `timeout` makes it give up earlier";
  } else if (WIFSIGNALED(status)) {
    out.failure = std::string("its plugin crashed (") + ::strsignal(WTERMSIG(status)) + ")";
  } else if (out.code = WEXITSTATUS(status); out.code == threw_code) {
    out.failure = std::exchange(out.text, {});
  }
  return out;
}

}  // namespace tocsin::app
