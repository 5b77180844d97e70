// How late the timers of groups are, and how long a page takes that asks for everything: ours beside Debian's
// Alertmanager, in turn.  alertmanager_timers_bench PROGRAM [--groups N] Groups of group_wait 2 s and group_interval 5
// s begin at a pace of 50 a second; when a group was told, another alert of it comes, which is due a group_interval
// after that. Then 13,000 alerts under 86 inhibition rules, GET /api/v2/alerts.
#include "alertmanager_rig.hpp"

namespace {

using namespace rig;

std::string one(std::size_t id, std::size_t group) {
  return R"({"labels":{"alertname":"bench","aid":")" + std::to_string(id) + R"(","host":"h)" + std::to_string(group) +
         R"("}})";
}

void print(const char* what, const std::string& who, std::vector<double> ms) {
  std::ranges::sort(ms);
  std::printf("{\"test\":\"%s\",\"who\":\"%s\",\"n\":%zu,\"p50_ms\":%.3g,\"p99_ms\":%.3g,\"max_ms\":%.3g}\n", what,
              who.c_str(), ms.size(), ms[ms.size() / 2], ms[ms.size() * 99 / 100], ms.back());
  std::fflush(stdout);
}

void timers(const std::string& program, const std::string& who, std::size_t groups) {
  constexpr double wait = 2, interval = 5, pace = 0.02;
  Hook hook(2 * groups);
  Subject subject(
      program, "route: {receiver: hook, group_by: [host], group_wait: 2s, group_interval: 5s, repeat_interval: 4h}\n" +
                   webhook_to(hook.port));
  const int line = dial(subject.port);
  std::vector<Clock::time_point> sent(groups);
  std::size_t first = 0, second = 0;
  const auto begin = Clock::now();
  while (hook.count < 2 * groups && seconds_between(begin, Clock::now()) < 60) {
    if (first < groups && seconds_between(begin, Clock::now()) >= static_cast<double>(first) * pace) {
      sent[first] = Clock::now();
      if (ask(line, post("[" + one(2 * first, first) + "]")) != 200) std::exit(1);
      ++first;
    }
    if (second < first && hook.told[2 * second] != Clock::time_point()) {
      if (ask(line, post("[" + one(2 * second + 1, second) + "]")) != 200) std::exit(1);
      ++second;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  close(line);
  std::vector<double> waits, intervals;
  for (std::size_t i = 0; i < groups; ++i) {
    if (hook.told[2 * i + 1] == Clock::time_point()) std::fprintf(stderr, "not all were told\n"), std::exit(1);
    waits.push_back((seconds_between(sent[i], hook.told[2 * i]) - wait) * 1e3);
    intervals.push_back((seconds_between(hook.told[2 * i], hook.told[2 * i + 1]) - interval) * 1e3);
  }
  print("group_wait_late", who, waits);
  print("group_interval_late", who, intervals);
}

/// Asks for everything, on a line of its own that the answer ends; false: no answer.
bool get_all(std::uint16_t port) {
  const int line = dial(port);
  constexpr std::string_view request = "GET /api/v2/alerts HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
  if (send(line, request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
  std::string answer;
  char chunk[1 << 16];
  for (ssize_t n = 0; (n = read(line, chunk, sizeof chunk)) > 0;) answer.append(chunk, static_cast<std::size_t>(n));
  close(line);
  return answer.size() > 1'000'000 && std::atoi(answer.c_str() + 9) == 200;
}

void page(const std::string& program, const std::string& who) {
  Hook hook(1);
  std::string yaml =
      "route: {receiver: hook, group_by: [alertname], group_wait: 1h, group_interval: 1h, repeat_interval: "
      "4h}\ninhibit_rules:\n";
  for (int i = 0; i < 86; ++i) {
    const std::string n = std::to_string(i);
    yaml +=
        "- {source_matchers: ['cause=\"c" + n + "\"'], target_matchers: ['effect=\"c" + n + "\"'], equal: [host]}\n";
  }
  Subject subject(program, yaml + webhook_to(hook.port));
  const int line = dial(subject.port);
  for (int i = 0; i < 13'000; i += 100) {
    std::string alerts = "[";
    for (int k = i; k < i + 100; ++k) {
      const std::string role = k % 10 == 0 ? "cause" : "effect";
      alerts += (k > i ? "," : "") + (R"({"labels":{"alertname":"page","aid":")" + std::to_string(k)) +
                R"(","host":"h)" + std::to_string(k / 10 % 500) + R"(",")" + role + R"(":"c)" +
                std::to_string(k / 10 % 86) + R"("}})";
    }
    if (ask(line, post(alerts + "]")) != 200) std::exit(1);
  }
  close(line);
  std::vector<double> ms;
  for (int i = 0; i < 7; ++i) {
    const auto begin = Clock::now();
    if (!get_all(subject.port)) std::fprintf(stderr, "the page was refused\n"), std::exit(1);
    ms.push_back(seconds_between(begin, Clock::now()) * 1e3);
  }
  print("get_alerts_13000_with_86_inhibition_rules", who, ms);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "alertmanager_timers_bench PROGRAM [--groups N]\n"), 2;
  const std::size_t groups = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 300;
  const bool beside = fs::exists(baseline);
  if (!beside) std::fprintf(stderr, "%s is not installed: without a baseline\n", baseline);
  for (const auto& [program, who] :
       {std::pair<std::string, std::string>{argv[1], "tocsin"}, {baseline, "alertmanager"}}) {
    if (who != "tocsin" && !beside) continue;
    timers(program, who, groups);
    page(program, who);
  }
}
