// The real agent as a process of its own, and sockets to talk to it: what benchmarks that measure from outside share.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace outside {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

inline double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

inline int listener(std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) || listen(fd, 64))
    std::perror("listen"), std::exit(1);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

inline int dial(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) {
    close(fd);
    return -1;
  }
  return fd;
}

inline void send_all(int fd, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

/// Reads one HTTP message; empty: closed.
inline std::string receive(int fd, std::string& buffer) {
  char chunk[65536];
  for (;;) {
    const auto head = buffer.find("\r\n\r\n");
    if (head != buffer.npos) {
      std::string lower = buffer.substr(0, head);
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const auto at = lower.find("content-length: ");
      const std::size_t length = at == lower.npos ? 0 : std::strtoul(lower.c_str() + at + 16, nullptr, 10);
      if (buffer.size() >= head + 4 + length) {
        std::string whole = buffer.substr(0, head + 4 + length);
        buffer.erase(0, head + 4 + length);
        return whole;
      }
    }
    const ssize_t n = read(fd, chunk, sizeof chunk);
    if (n <= 0) return {};
    buffer.append(chunk, static_cast<std::size_t>(n));
  }
}

inline std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Processor time of a process so far, seconds.
inline double cpu_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  text.erase(0, text.rfind(')') + 2);
  long user = 0, system = 0;
  std::sscanf(text.c_str(), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class Agent {
 public:
  Agent(const std::string& program, const std::string& config) {
    char name[] = "/tmp/tocsin-bench-XXXXXX";
    directory_ = mkdtemp(name);
    close(listener(port_));
    std::ofstream(directory_ + "/agent.toml")
        << "[agent]\nname = \"bench\"\ndata_dir = \"" << directory_ << "/data\"\n[http]\nlisten = \"127.0.0.1:" << port_
        << "\"\n[log]\nlevel = \"error\"\n"
        << config;
    const auto begin = Clock::now();
    pid_ = fork();
    if (pid_ == 0) {
      execl(program.c_str(), "tocsin", "run", "--config", (directory_ + "/agent.toml").c_str(), nullptr);
      _exit(127);
    }
    for (;;) {
      const int line = dial(port_);
      if (line >= 0) {
        std::string buffer;
        send_all(line, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        const bool ready = receive(line, buffer).find(" 200 ") != std::string::npos;
        close(line);
        if (ready) break;
      }
      if (since(begin) > 20) std::fprintf(stderr, "the agent did not become ready\n"), std::exit(1);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    ready_ms = since(begin) * 1e3;
    worker_ = worker_of(pid_);
  }
  ~Agent() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    fs::remove_all(directory_);
  }
  double cpu() const { return cpu_of(worker_); }
  long rss_kib() const {
    std::ifstream file("/proc/" + std::to_string(worker_) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
    }
    return 0;
  }
  std::uint16_t port() const { return port_; }
  double ready_ms = 0;

 private:
  std::string directory_;
  std::uint16_t port_ = 0;
  /// The agent is the child of the supervisor that was started; an older one has no supervisor.
  static pid_t worker_of(pid_t supervisor) {
    const std::string pid = std::to_string(supervisor);
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    pid_t worker = 0;
    return children >> worker ? worker : supervisor;
  }
  pid_t pid_ = 0, worker_ = 0;
};

inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace outside
