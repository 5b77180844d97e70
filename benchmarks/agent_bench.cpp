// The real agent, measured from outside: agent_bench PROGRAM [--signals N] [--alerts N]
// Prints one JSON object a line: time to ready, resident memory of the default set, bulk push through a threshold rule
// (per CPU second of the agent, and by the clock), the same with fsync before each answer, and the time from a value's
// push to the webhook's socket. Baseline of the same run: the same bodies sent to a server that reads and answers them.
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "agent_process.hpp"

namespace {

using namespace outside;

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
