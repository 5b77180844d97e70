// Alertmanager and the agent in its place, side by side: a webhook, and a subject that is started with a configuration.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace rig {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;
constexpr const char* baseline = "/usr/bin/prometheus-alertmanager";

inline double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int listener(std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) || listen(fd, 1024)) die("listen");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

inline int dial(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

/// The length of the first whole HTTP message; 0: more is to come.
inline std::size_t whole_message(const std::string& bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == bytes.npos) return 0;
  constexpr const char* name = "content-length:";
  const auto at = std::search(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(head), name, name + 15,
                              [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
  const auto offset = static_cast<std::size_t>(at - bytes.begin());
  const std::size_t length = offset == head ? 0 : std::strtoul(bytes.c_str() + offset + 15, nullptr, 10);
  return bytes.size() >= head + 4 + length ? head + 4 + length : 0;
}

/// Sends a request and waits for its answer; the status, 0 where the line broke.
inline int ask(int line, const std::string& request) {
  if (send(line, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return 0;
  std::string answer;
  char chunk[16384];
  while (whole_message(answer) == 0) {
    const ssize_t n = read(line, chunk, sizeof chunk);
    if (n <= 0) return 0;
    answer.append(chunk, static_cast<std::size_t>(n));
  }
  return std::atoi(answer.c_str() + 9);
}

inline std::string webhook_to(std::uint16_t port) {
  return "receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:" + std::to_string(port) +
         "/', send_resolved: false}]}]\n";
}

inline std::string post(const std::string& alerts) {
  return "POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(alerts.size()) + "\r\n\r\n" + alerts;
}

/// A webhook: one thread; notes when each alert ("aid") was first told.
class Hook {
 public:
  explicit Hook(std::size_t alerts) : told(alerts), listener_(listener(port)), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_);
    thread_ = std::thread([this] {
      while (!stop_) serve();
    });
  }
  ~Hook() {
    stop_ = true;
    thread_.join();
    for (const auto& [fd, bytes] : lines_) close(fd);
    close(listener_), close(poll_);
  }
  std::uint16_t port = 0;
  std::vector<Clock::time_point> told;
  std::atomic<std::size_t> count{0};

 private:
  void watch(int fd) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }
  void serve() {
    epoll_event events[64];
    for (int i = 0, n = epoll_wait(poll_, events, 64, 50); i < n; ++i) {
      const int fd = events[i].data.fd;
      if (fd != listener_) {
        take(fd);
      } else if (const int line = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); line >= 0) {
        lines_[line].clear();
        watch(line);
      }
    }
  }
  void take(int fd) {
    static char chunk[1 << 18];
    const ssize_t n = read(fd, chunk, sizeof chunk);
    if (n <= 0) {
      lines_.erase(fd);
      close(fd);
      return;
    }
    std::string& bytes = lines_[fd];
    bytes.append(chunk, static_cast<std::size_t>(n));
    while (const std::size_t size = whole_message(bytes)) {
      constexpr const char* label = "\"aid\":\"";
      for (std::size_t at = bytes.find(label); at < size; at = bytes.find(label, at + 7)) {
        const std::size_t id = std::strtoul(bytes.c_str() + at + 7, nullptr, 10);
        if (id < told.size() && told[id] == Clock::time_point()) told[id] = Clock::now(), ++count;
      }
      bytes.erase(0, size);
      constexpr std::string_view fine = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
      if (send(fd, fine.data(), fine.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  int listener_, poll_;
  std::map<int, std::string> lines_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class Subject {
 public:
  /// `yaml`: alertmanager.yml.
  Subject(const std::string& program, const std::string& yaml) : ours_(program != baseline) {
    char name[] = "/tmp/tocsin-bench-XXXXXX";
    if (!mkdtemp(name)) die("mkdtemp");
    directory_ = name;
    close(listener(port));
    std::ofstream(directory_ + "/am.yml") << yaml;
    pid_ = fork();
    if (pid_ == 0) run(program);
    await_ready();
    worker_ = worker();
  }
  ~Subject() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    fs::remove_all(directory_);
  }
  double cpu() const {
    std::ifstream file("/proc/" + std::to_string(worker_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    long user = 0, system = 0;
    std::sscanf(text.c_str() + text.rfind(')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
                &system);
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  /// The same once nothing is done any more: what was put off counts too.
  double cpu_when_idle() const {
    double before = cpu();
    for (int i = 0; i < 100; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      const double now = cpu();
      if (now - before < 0.011) return now;
      before = now;
    }
    return before;
  }
  /// "VmRSS:" now, "VmHWM:" at most so far.
  double kib(const char* which) const {
    std::ifstream file("/proc/" + std::to_string(worker_) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(which)) return std::atof(line.c_str() + std::strlen(which));
    }
    return 0;
  }
  std::uint16_t port = 0;

 private:
  [[noreturn]] void run(const std::string& program) {
    const std::string log = directory_ + "/log";
    if (!freopen(log.c_str(), "w", stderr) || !freopen(log.c_str(), "w", stdout)) _exit(127);
    std::vector<std::string> words{program};
    if (ours_) words.emplace_back("alertmanager");
    for (std::string word :
         {"--config.file=" + directory_ + "/am.yml", "--storage.path=" + directory_ + "/data",
          "--web.listen-address=127.0.0.1:" + std::to_string(port), std::string("--cluster.listen-address=")})
      words.push_back(std::move(word));
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(program.c_str(), arguments.data());
    _exit(127);
  }
  void await_ready() const {
    const auto begin = Clock::now();
    for (int status = 0; status != 200;) {
      if (const int line = dial(port); line >= 0) {
        status = ask(line, "GET /-/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        close(line);
      }
      if (seconds_between(begin, Clock::now()) > 20) std::fprintf(stderr, "it did not become ready\n"), std::exit(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  /// Ours is the child of the supervisor that was started.
  pid_t worker() const {
    const std::string pid = std::to_string(pid_);
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    pid_t child = 0;
    return ours_ && children >> child ? child : pid_;
  }

  bool ours_;
  std::string directory_;
  pid_t pid_ = 0, worker_ = 0;
};

}  // namespace rig
