// Alerts in at POST /api/v2/alerts, notifications out at a webhook: ours beside Debian's Alertmanager with the same
// alertmanager.yml, in turn, in one run.  alertmanager_bench PROGRAM [--alerts N] [--runs N] [--rate PER_S]
// Every alert is a group of its own with group_wait 0s, 100 to a request in a burst, 10 in a paced run; ours has kept
// them in SQLite before it answers. One JSON object a line: medians over the runs, processor time with what is put off
// until the burst is over, then ours divided by the baseline. Without /usr/bin/prometheus-alertmanager only ours is
// measured, and that is said.
#include "alertmanager_rig.hpp"

namespace {

using namespace rig;

std::string request(std::size_t first, std::size_t count) {
  std::string body = "[";
  for (std::size_t id = first; id < first + count; ++id) {
    const std::string n = std::to_string(id);
    body += body.size() > 1 ? "," : "";
    body += R"({"labels":{"alertname":"bench","aid":")" + n + R"(","job":"load","instance":"host-)" +
            std::to_string(id % 500) + R"(:9100","severity":"critical"},"annotations":{"summary":"alert number )" + n +
            R"(","runbook_url":"http://runbooks/bench"},"generatorURL":"http://prometheus/graph?g0.expr=up"})";
  }
  body += "]";
  return post(body);
}

struct Figures {
  double per_s = 0, cpu_us = 0, kib = 0, p50_ms = 0, p99_ms = 0;
};

Figures measure(const std::string& program, std::size_t alerts, double rate) {
  Hook hook(alerts);
  Subject subject(
      program, "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 5m, repeat_interval: 4h}\n" +
                   webhook_to(hook.port));
  const std::size_t batch = rate > 0 ? 10 : 100;
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < alerts; i += batch) requests.push_back(request(i, std::min(batch, alerts - i)));
  std::vector<Clock::time_point> sent;
  const double cpu = subject.cpu(), kib = subject.kib("VmRSS:");
  const int line = dial(subject.port);
  const auto begin = Clock::now();
  for (const std::string& each : requests) {
    const double due = rate > 0 ? static_cast<double>(sent.size() * batch) / rate : 0;
    std::this_thread::sleep_until(begin +
                                  std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(due)));
    sent.push_back(Clock::now());
    if (ask(line, each) != 200) std::fprintf(stderr, "a request was refused\n"), std::exit(1);
  }
  while (hook.count < alerts && seconds_between(begin, Clock::now()) < 120)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  close(line);
  if (hook.count < alerts) std::fprintf(stderr, "%zu of %zu were told\n", hook.count.load(), alerts), std::exit(1);
  std::vector<double> ms;
  for (std::size_t id = 0; id < alerts; ++id) ms.push_back(seconds_between(sent[id / batch], hook.told[id]) * 1e3);
  std::ranges::sort(ms);
  const double n = static_cast<double>(alerts);
  return {n / seconds_between(begin, *std::ranges::max_element(hook.told)), (subject.cpu_when_idle() - cpu) / n * 1e6,
          (subject.kib("VmHWM:") - kib) / n, ms[ms.size() / 2], ms[ms.size() * 99 / 100]};
}

Figures median(const std::vector<Figures>& runs) {
  const auto of = [&](double Figures::* which) {
    std::vector<double> values;
    for (const Figures& run : runs) values.push_back(run.*which);
    std::ranges::sort(values);
    return values[values.size() / 2];
  };
  return {of(&Figures::per_s), of(&Figures::cpu_us), of(&Figures::kib), of(&Figures::p50_ms), of(&Figures::p99_ms)};
}

void print(const char* who, std::size_t alerts, double rate, const Figures& f) {
  std::printf(
      "{\"test\":\"alerts_to_webhook\",\"case\":\"%s\",\"who\":\"%s\",\"alerts\":%zu,\"per_s\":%.4g,"
      "\"cpu_us_per_alert\":%.4g,\"kib_per_alert\":%.3g,\"p50_ms\":%.4g,\"p99_ms\":%.4g}\n",
      rate > 0 ? "paced" : "burst", who, alerts, f.per_s, f.cpu_us, f.kib, f.p50_ms, f.p99_ms);
  std::fflush(stdout);
}

void compare(const std::string& program, bool beside, std::size_t alerts, double rate, int runs) {
  std::vector<Figures> ours, theirs;
  for (int run = 0; run < runs; ++run) {
    ours.push_back(measure(program, alerts, rate));
    if (beside) theirs.push_back(measure(baseline, alerts, rate));
  }
  const Figures a = median(ours);
  print("tocsin", alerts, rate, a);
  if (!beside) return;
  const Figures b = median(theirs);
  print("alertmanager", alerts, rate, b);
  print("ratio", alerts, rate,
        {a.per_s / b.per_s, a.cpu_us / b.cpu_us, a.kib / b.kib, a.p50_ms / b.p50_ms, a.p99_ms / b.p99_ms});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "alertmanager_bench PROGRAM [--alerts N] [--runs N] [--rate PER_S]\n"), 2;
  std::size_t alerts = 10'000;
  int runs = 3;
  double rate = 1000;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--alerts")) alerts = std::strtoul(argv[i + 1], nullptr, 10);
    if (!std::strcmp(argv[i], "--runs")) runs = std::max(1, std::atoi(argv[i + 1]));
    if (!std::strcmp(argv[i], "--rate")) rate = std::atof(argv[i + 1]);
  }
  const bool beside = fs::exists(baseline);
  if (!beside) std::fprintf(stderr, "%s is not installed: without a baseline\n", baseline);
  compare(argv[1], beside, alerts, 0, runs);
  compare(argv[1], beside, static_cast<std::size_t>(std::min<double>(static_cast<double>(alerts), rate * 5)), rate,
          runs);
}
