#include "test_server_test.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

namespace tocsin_plugins::prometheus {
namespace {

namespace fs = std::filesystem;

int unused_port() {
  const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof address;
  ::bind(s, reinterpret_cast<sockaddr*>(&address), n);
  ::getsockname(s, reinterpret_cast<sockaddr*>(&address), &n);
  ::close(s);
  return ntohs(address.sin_port);
}

/// Starts a program whose output is read from `output`.
pid_t begin(const std::vector<std::string>& words, int& output) {
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return -1;
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(125);
    ::dup2(out[1], 1), ::dup2(out[1], 2);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(out[1]);
  output = out[0];
  return pid;
}

/// Reads until the end, or until `mark` was read.
bool read_until(int fd, const std::string& mark, std::string& all) {
  char block[4096];
  for (ssize_t n; (n = ::read(fd, block, sizeof block)) > 0;) {
    all.append(block, static_cast<std::size_t>(n));
    if (!mark.empty() && all.find(mark) != all.npos) return true;
  }
  return mark.empty();
}

}  // namespace

TestServer::TestServer(const std::string& text) : port_(unused_port()) {
  char place[] = "/tmp/tocsin-prometheus-XXXXXX";
  folder_ = ::mkdtemp(place);
  if (load(text)) launch();
}

TestServer::~TestServer() {
  kill();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

bool TestServer::load(const std::string& text) {
  std::ofstream(folder_ + "/samples") << text << "# EOF\n";
  std::ofstream(folder_ + "/config.yml") << "global: {}\n";
  int output = -1, status = -1;
  std::string said;
  const pid_t pid =
      begin({"promtool", "tsdb", "create-blocks-from", "openmetrics", folder_ + "/samples", folder_ + "/data"}, output);
  read_until(output, {}, said);
  ::close(output);
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  why_ = WEXITSTATUS(status) == 127 ? "promtool is not installed (scripts/packages test installs it)"
                                    : "promtool could not write the samples: " + said;
  return false;
}

void TestServer::launch() {
  int output = -1;
  pid_ = begin({"prometheus", "--config.file=" + folder_ + "/config.yml", "--storage.tsdb.path=" + folder_ + "/data",
                "--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:" + std::to_string(port_)},
               output);
  std::string said;
  why_ = read_until(output, "Server is ready", said) ? std::string() : "prometheus does not start: " + said;
  // What it says later must not fill the pipe.
  log_ = std::jthread([output] {
    std::string rest;
    read_until(output, {}, rest);
    ::close(output);
  });
}

void TestServer::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  log_.join();
}

void TestServer::start_again() {
  launch();
}

void TestServer::stall(bool stalled) {
  ::kill(pid_, stalled ? SIGSTOP : SIGCONT);
  // A signal is on its way when kill() returns: other threads of the server may still answer.
  if (stalled) ::waitpid(pid_, nullptr, WUNTRACED);
}

}  // namespace tocsin_plugins::prometheus
