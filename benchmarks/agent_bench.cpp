// The real agent, measured from outside: agent_bench PROGRAM [--signals N] [--alerts N]
// Prints one JSON object a line: time to ready, resident memory of the default set, bulk push through a threshold rule
// (per CPU second of the agent, and by the clock), the same with fsync before each answer, and the time from a value's
// push to the webhook's socket. Baseline of the same run: the same bodies sent to a server that reads and answers them.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

int listener(std::uint16_t& port) {
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

int dial(std::uint16_t port) {
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

void send_all(int fd, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

/// Reads one HTTP message; empty: closed.
std::string receive(int fd, std::string& buffer) {
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

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Answers every request with 200 and notes when which alert's message came first.
class Hook {
 public:
  Hook() : listener_(listener(port)) {
    accepting_ = std::thread([this] {
      for (;;) {
        const int line = accept(listener_, nullptr, nullptr);
        if (line < 0) return;
        const int one = 1;
        setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        std::lock_guard lock(mutex_);
        lines_.emplace_back([this, line] { serve(line); });
        sockets_.push_back(line);
      }
    });
  }
  ~Hook() {
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    for (const int line : sockets_) shutdown(line, SHUT_RDWR);
    for (auto& line : lines_) line.join();
    close(listener_);
  }
  std::map<int, Clock::time_point> seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  std::uint16_t port = 0;

 private:
  void serve(int line) {
    std::string buffer;
    for (std::string request; !(request = receive(line, buffer)).empty();) {
      const auto now = Clock::now();
      const auto at = request.find("\"aid\":\"");
      if (at != request.npos) {
        std::lock_guard lock(mutex_);
        seen_.emplace(std::atoi(request.c_str() + at + 7), now);
      }
      send_all(line, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    close(line);
  }
  int listener_;
  std::thread accepting_;
  std::mutex mutex_;
  std::vector<std::thread> lines_;
  std::vector<int> sockets_;
  std::map<int, Clock::time_point> seen_;
};

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
  double cpu() const {
    std::ifstream file("/proc/" + std::to_string(worker_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    text.erase(0, text.rfind(')') + 2);
    long user = 0, system = 0;
    std::sscanf(text.c_str(), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
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

std::string bulk_body(int first, int count, double ts) {
  std::string body = "{\"signals\":[";
  char text[256];
  for (int i = 0; i < count; ++i) {
    const int n = std::snprintf(
        text, sizeof text,
        "%s{\"name\":\"cpu_user\",\"ts\":%.3f,\"value\":%.1f,\"labels\":{\"host\":\"h%03d\",\"series\":\"%d\"}}",
        i ? "," : "", ts, ((first + i) * 7919 % 1000) / 10.0, i % 100, i);
    body.append(text, static_cast<std::size_t>(n));
  }
  return body + "]}";
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Sends `count` bodies of 1,000 signals over two connections; seconds by the clock.
double push(std::uint16_t port, long bodies, std::atomic<long>& refused) {
  const auto begin = Clock::now();
  std::vector<std::thread> lines;
  for (int c = 0; c < 2; ++c) {
    lines.emplace_back([&, c] {
      const int line = dial(port);
      std::string buffer;
      std::string request = post("/api/v1/signals/bulk", bulk_body(c, 1000, now_seconds()));
      auto made = Clock::now();
      for (long i = 0; i < bodies / 2;) {
        if (since(made) > 1)
          request = post("/api/v1/signals/bulk", bulk_body(c, 1000, now_seconds())), made = Clock::now();
        send_all(line, request);
        const auto answer = receive(line, buffer);
        if (answer.find(" 202 ") == answer.npos) {
          ++refused;
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          if (answer.empty()) break;
        } else {
          ++i;
        }
      }
      close(line);
    });
  }
  for (auto& line : lines) line.join();
  return since(begin);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void measure_push(const std::string& program, const char* name, const std::string& extra, long signals) {
  const std::string rule =
      "[source.http]\n[[rule]]\nname = \"hot\"\nseverity = \"HIGH\"\nsignal = 'cpu_user'\nby = [\"host\", "
      "\"series\"]\nop = \">\"\nthreshold = 1000\n";
  Agent agent(program, rule + extra);
  std::atomic<long> refused{0};
  push(agent.port(), 20, refused);
  std::vector<double> per_core, per_second;
  for (int round = 0; round < 3; ++round) {
    const double cpu = agent.cpu();
    const double seconds = push(agent.port(), signals / 1000, refused);
    per_core.push_back(static_cast<double>(signals) / std::max(agent.cpu() - cpu, 0.01));
    per_second.push_back(static_cast<double>(signals) / seconds);
  }
  std::printf(
      "{\"test\":\"bulk_push\",\"case\":\"%s\",\"signals\":%ld,\"per_core_s\":%.0f,\"per_s\":%.0f,\"refused\":%ld,"
      "\"rss_kib\":%ld}\n",
      name, signals, median(per_core), median(per_second), refused.load(), agent.rss_kib());
  std::fflush(stdout);
}

/// What the bodies cost where nothing is done with them.
void measure_floor(long signals) {
  std::uint16_t port = 0;
  const int socket = listener(port);
  std::thread server([&] {
    std::vector<std::thread> lines;
    for (int c = 0; c < 2; ++c) {
      const int line = accept(socket, nullptr, nullptr);
      lines.emplace_back([line] {
        std::string buffer;
        while (!receive(line, buffer).empty()) send_all(line, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
        close(line);
      });
    }
    for (auto& line : lines) line.join();
  });
  std::atomic<long> refused{0};
  const double seconds = push(port, signals / 1000, refused);
  server.join();
  close(socket);
  std::printf("{\"test\":\"bulk_push\",\"case\":\"baseline: read and answered only\",\"signals\":%ld,\"per_s\":%.0f}\n",
              signals, static_cast<double>(signals) / seconds);
  std::fflush(stdout);
}

void measure_latency(const std::string& program, int alerts) {
  Hook hook;
  Agent agent(program, "[source.http]\n[notifier.hook]\nplugin = \"webhook\"\nurl = \"http://127.0.0.1:" +
                           std::to_string(hook.port) +
                           "/hook\"\n[route]\nstorm_after = 0\ngroup_by = [\"aid\"]\ngroup_wait = \"0s\"\nnotify = "
                           "[\"hook\"]\n[[rule]]\nname = \"hot\"\nseverity = \"HIGH\"\nsignal = 'cpu_user'\nby = "
                           "[\"aid\"]\nop = \">\"\nthreshold = 95\n");
  const int line = dial(agent.port());
  std::string buffer;
  std::map<int, Clock::time_point> sent;
  for (int i = 0; i < alerts; ++i) {
    char body[256];
    std::snprintf(body, sizeof body,
                  "{\"signals\":[{\"name\":\"cpu_user\",\"ts\":%.6f,\"value\":99,\"labels\":{\"aid\":\"%d\"}}]}",
                  now_seconds(), i);
    const auto begin = Clock::now();
    sent[i] = begin;
    send_all(line, post("/api/v1/signals/bulk", body));
    receive(line, buffer);
    std::this_thread::sleep_until(begin + std::chrono::milliseconds(20));
  }
  const auto end = Clock::now() + std::chrono::seconds(10);
  while (hook.seen().size() < sent.size() && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::vector<double> ms;
  for (const auto& [id, at] : hook.seen()) ms.push_back(std::chrono::duration<double>(at - sent[id]).count() * 1e3);
  std::sort(ms.begin(), ms.end());
  close(line);
  if (ms.empty()) return;
  std::printf(
      "{\"test\":\"value_to_webhook\",\"alerts\":%d,\"arrived\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
      alerts, ms.size(), ms[ms.size() / 2], ms[ms.size() * 99 / 100], ms.back());
  std::fflush(stdout);
}

void measure_idle(const std::string& program) {
  const std::string set =
      "[rules]\npack = \"default\"\n[source.host]\n[source.http]\n[source.auth]\nplugin = \"logtail\"\npaths = "
      "[\"/var/log/*.log\"]\n[notifier.terminal]\n[route]\nnotify = [\"terminal\"]\n";
  std::vector<double> ready, rss;
  for (int i = 0; i < 5; ++i) {
    Agent agent(program, set);
    ready.push_back(agent.ready_ms);
    std::this_thread::sleep_for(std::chrono::seconds(3));
    rss.push_back(static_cast<double>(agent.rss_kib()));
  }
  std::printf(
      "{\"test\":\"idle\",\"set\":\"sqlite http host logtail threshold "
      "terminal\",\"ready_ms\":%.1f,\"rss_kib\":%.0f}\n",
      median(ready), median(rss));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "agent_bench PROGRAM [--signals N] [--alerts N]\n"), 2;
  long signals = 2'000'000;
  int alerts = 300;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--signals")) signals = std::atol(argv[i + 1]);
    if (!std::strcmp(argv[i], "--alerts")) alerts = std::atoi(argv[i + 1]);
  }
  measure_idle(argv[1]);
  measure_floor(signals);
  measure_push(argv[1], "through a threshold rule", "", signals);
  measure_push(argv[1], "the same, fsync before each answer", "[storage]\nsync = true\n", signals);
  measure_latency(argv[1], alerts);
}
