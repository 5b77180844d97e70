// From firing to the provider's socket: delivery_bench PROGRAM [--alerts N]
// The real agent on SQLite, grouping off (group_wait 0s): a value is pushed, a threshold rule fires, a ladder's first
// step tells by `sms` or `webhook`. Measured from the first byte of the push to the first byte at the provider, so
// detection and the incident's commit are in it. Baseline of the same run: the message's own request, sent to the same
// provider directly, on a connection of its own. One JSON object a line.
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "agent_process.hpp"

namespace {

using namespace outside;

/// Answers each request and keeps when the first byte came of the one whose body has "aid=N.".
class Provider {
 public:
  Provider() : listener_(listener(port)) {
    accepting_ = std::thread([this] {
      for (int line; (line = accept(listener_, nullptr, nullptr)) >= 0;) {
        std::lock_guard lock(mutex_);
        sockets_.push_back(line);
        lines_.emplace_back([this, line] { serve(line); });
      }
    });
  }
  ~Provider() {
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    for (const int line : sockets_) shutdown(line, SHUT_RDWR);
    for (auto& line : lines_) line.join();
    for (const int line : sockets_) close(line);
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
    char byte = 0;
    while (recv(line, &byte, 1, MSG_PEEK) == 1) {
      const auto now = Clock::now();
      const auto request = receive(line, buffer);
      if (request.empty()) return;
      if (const auto at = request.find("aid="); at != request.npos) {
        std::lock_guard lock(mutex_);
        seen_.emplace(std::atoi(request.c_str() + at + 4), now);
      }
      send_all(line, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"id\": \"m1\"}");
    }
  }
  int listener_;
  std::thread accepting_;
  std::mutex mutex_;
  std::vector<std::thread> lines_;
  std::vector<int> sockets_;
  std::map<int, Clock::time_point> seen_;
};

struct Sample {
  std::vector<double> ms;
  std::size_t asked = 0;
};

void print(const char* name, Sample sample) {
  std::sort(sample.ms.begin(), sample.ms.end());
  if (sample.ms.empty())
    return void(std::printf("{\"test\":\"firing_to_socket\",\"case\":\"%s\",\"arrived\":0}\n", name));
  const auto at = [&](double q) {
    return sample.ms[static_cast<std::size_t>(static_cast<double>(sample.ms.size() - 1) * q)];
  };
  std::printf(
      "{\"test\":\"firing_to_socket\",\"case\":\"%s\",\"alerts\":%zu,\"arrived\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
      "\"max_ms\":%.3f}\n",
      name, sample.asked, sample.ms.size(), at(0.5), at(0.99), sample.ms.back());
  std::fflush(stdout);
}

constexpr auto pause_between = std::chrono::milliseconds(20);

Sample through_agent(const std::string& program, const std::string& notifier, const char* target, int alerts) {
  Provider provider;
  const std::string url = "http://127.0.0.1:" + std::to_string(provider.port);
  std::string config = notifier;
  for (std::size_t at; (at = config.find("URL")) != config.npos;) config.replace(at, 3, url);
  Agent agent(program,
              "[source.http]\n" + config +
                  "[contact.first]\nphone = \"+966500000001\"\n[policy.duty]\nsteps = [ { notify = [\"" + target +
                  "\"], escalate_after = \"1h\" } ]\n[route]\nstorm_after = 0\ngroup_by = [\"aid\"]\ngroup_wait = "
                  "\"0s\"\npolicy = \"duty\"\n[[rule]]\nname = \"hot\"\nseverity = \"HIGH\"\nsignal = "
                  "'cpu_user'\nby = [\"aid\"]\nop = \">\"\nthreshold = 95\nmessage = \"aid={{aid}}.\"\n");
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
    std::this_thread::sleep_until(begin + pause_between);
  }
  for (const auto end = Clock::now() + std::chrono::seconds(10);
       provider.seen().size() < sent.size() && Clock::now() < end;)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  close(line);
  Sample out{{}, sent.size()};
  for (const auto& [id, at] : provider.seen())
    out.ms.push_back(std::chrono::duration<double, std::milli>(at - sent[id]).count());
  return out;
}

Sample directly(int alerts) {
  Provider provider;
  std::map<int, Clock::time_point> sent;
  for (int i = 0; i < alerts; ++i) {
    const auto begin = sent[i] = Clock::now();
    const int line = dial(provider.port);
    std::string buffer;
    send_all(line, post("/send", "{\"to\": \"+966500000001\", \"text\": \"[HIGH] 1 aid=" + std::to_string(i) + ".\"}"));
    receive(line, buffer);
    close(line);
    std::this_thread::sleep_until(begin + pause_between);
  }
  Sample out{{}, sent.size()};
  for (const auto& [id, at] : provider.seen())
    out.ms.push_back(std::chrono::duration<double, std::milli>(at - sent[id]).count());
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "delivery_bench PROGRAM [--alerts N]\n"), 2;
  int alerts = 1000;
  for (int i = 2; i + 1 < argc; i += 2)
    if (!std::strcmp(argv[i], "--alerts")) alerts = std::atoi(argv[i + 1]);
  print("baseline: direct POST", directly(alerts));
  print("sms", through_agent(argv[1],
                             "[notifier.sms]\nlimits = []\n[notifier.sms.send]\nurl = \"URL/send\"\nbody = '{\"to\": "
                             "\"{{recipient}}\", \"text\": \"{{text}}\"}'\nid = \"/id\"\n",
                             "sms:contact.first", alerts));
  print("webhook",
        through_agent(argv[1], "[notifier.hook]\nplugin = \"webhook\"\nurl = \"URL/hook\"\n", "hook", alerts));
}
