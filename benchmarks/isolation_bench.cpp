// What isolation costs, beside the same plugin in the process: a signal, a round trip, a crash.
//
//   isolation_bench [--crashes N]
//
// A port that drops what it takes stands for the agent, so that the figures are the boundary's. Crash to next batch:
// the time between two batches taken in, with a SIGSEGV right after the first one was accepted; the wait for the
// plugin's first batch after it is in it: end of the process noticed, next one started, library loaded, instance made,
// pulled.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "plugin_host/runner/runners.hpp"

namespace {

using namespace tocsin;
using Steady = std::chrono::steady_clock;

constexpr std::uint32_t batches_of_a_pull = 1024;
constexpr int rounds = 21;

class TimingPort final : public plugin_host::Port {
 public:
  ~TimingPort() override {
    reactor_.stop();
    pool_.stop();
  }
  const base::Clock& clock() const override { return clock_; }
  model::SeriesTable& series() override { return series_; }
  base::Result<plugin_host::Taken> take(std::shared_ptr<model::SignalBatch> batch) override {
    if (times) times->push_back(Steady::now());
    return plugin_host::Taken{static_cast<std::uint32_t>(batch->rows()), batch->first_seq};
  }
  void rejected(model::RejectedSignal) override {}
  void log(const std::string& instance, int level, std::string_view text) override {
    if (level >= TSN_LOG_WARN)
      std::fprintf(stderr, "%s: %.*s\n", instance.c_str(), static_cast<int>(text.size()), text.data());
  }
  void metric(const std::string&, tsn_metric_kind, const std::string&, const model::Labels&, double) override {}
  base::Result<std::optional<std::string>> kv_get(const std::string&, const std::string&) override {
    return std::nullopt;
  }
  base::Result<void> kv_put(const std::string&, const std::string&, std::string) override { return {}; }
  runtime::Reactor& reactor() override { return reactor_; }
  runtime::Executor& pool() override { return pool_; }

  std::vector<Steady::time_point>* times = nullptr;

 private:
  base::SystemClock clock_;
  model::SeriesTable series_;
  runtime::Pool pool_{"bench-pool", 2};
  runtime::Reactor reactor_{"bench-reactor"};
};

template <class T>
T must(base::Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "isolation_bench: %s\n", result.error().message().c_str());
  std::exit(1);
}

plugin_host::InstanceSettings settings_of(const std::string& type, std::int64_t rows, std::int64_t batches) {
  plugin_host::InstanceSettings settings;
  settings.name = "source." + type, settings.type = type;
  settings.config.set("rows", base::Value(rows));
  settings.config.set("batches", base::Value(batches));
  return settings;
}

struct Bench {
  TimingPort port;
  plugin_host::runner::Runners runners{{RUNNER, {}}, port, {}};
  plugin_host::Found file;
  Bench() { file.path = BOUNDARY_PLUGIN; }

  std::shared_ptr<plugin_host::Instance> inside(std::int64_t rows) {
    return must(plugin_host::Instance::create(must(plugin_host::load_library(file)),
                                              settings_of("boundary", rows, batches_of_a_pull), port));
  }
  std::shared_ptr<plugin_host::Instance> isolated(std::int64_t rows, std::int64_t batches = batches_of_a_pull) {
    auto made = must(runners.create(file, settings_of("boundary", rows, batches), {}));
    if (auto started = made->start(""); !started) must<int>(base::fail(started.error()));
    return made;
  }
  double ns_per_pull(plugin_host::Instance& instance) {
    const auto begin = Steady::now();
    must(instance.pull(port.clock().now() + std::chrono::seconds(60)));
    return std::chrono::duration<double, std::nano>(Steady::now() - begin).count();
  }
};

double at(std::vector<double>& sorted, double quantile) {
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(quantile * static_cast<double>(sorted.size() - 1))];
}

void signals(Bench& bench) {
  std::printf("%-28s %12s %12s %12s\n", "rows of a batch", "in-process", "isolated", "difference");
  for (const std::int64_t rows : {64, 256, 1024}) {
    auto inside = bench.inside(rows);
    auto isolated = bench.isolated(rows);
    std::vector<double> a, b;
    for (int round = 0; round < rounds; ++round) {
      a.push_back(bench.ns_per_pull(*inside));
      b.push_back(bench.ns_per_pull(*isolated));
    }
    const double per = static_cast<double>(rows) * batches_of_a_pull;
    std::printf("%-28lld %9.2f ns %9.2f ns %9.2f ns\n", static_cast<long long>(rows), at(a, 0.5) / per,
                at(b, 0.5) / per, (at(b, 0.5) - at(a, 0.5)) / per);
  }
}

/// The baseline of a round trip from sleep: a thread is woken by a futex and wakes back; what the machine takes for
/// that.
void wakes() {
  std::atomic<std::uint32_t> there{0}, back{0};
  std::atomic<bool> ended{false};
  std::thread peer([&] {
    for (std::uint32_t seen = 0; !ended; seen = there) {
      while (there == seen && !ended) plugin_host::runner::futex_wait(there, seen, 100'000'000);
      back = there.load();
      plugin_host::runner::futex_wake(back);
    }
  });
  std::vector<double> times;
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto begin = Steady::now();
    there = i;
    plugin_host::runner::futex_wake(there);
    while (back != i) plugin_host::runner::futex_wait(back, i - 1, 100'000'000);
    times.push_back(std::chrono::duration<double, std::micro>(Steady::now() - begin).count());
  }
  ended = true;
  plugin_host::runner::futex_wake(there);
  peer.join();
  std::printf("\nbare futex there and back, from sleep: p50 %.1f us, p99 %.1f us", at(times, 0.5), at(times, 0.99));
}

/// Rows there, verdicts back: what a shard waits for.
void round_trips(Bench& bench) {
  auto judge = bench.isolated(1, 1);
  tsn_inputs inputs{};
  inputs.size = sizeof inputs;
  void* program = must(judge->compile(model::Rule{}, nullptr, inputs));
  constexpr std::uint32_t rows = 256;
  std::vector<double> cells(rows, 1.5);
  std::vector<std::int64_t> instants(rows, 1);
  std::vector<const tsn_label*> labels(rows, nullptr);
  std::vector<tsn_verdict> items(rows);
  tsn_rows in{sizeof in, rows, 1, 0, cells.data(), instants.data(), labels.data(), &inputs};
  std::vector<double> warm, cold;
  const auto once = [&] {
    tsn_verdicts out{sizeof out, sizeof(tsn_verdict), items.data(), nullptr, 0, 0};
    const auto begin = Steady::now();
    if (!judge->evaluate(program, in, out)) std::abort();
    return std::chrono::duration<double, std::micro>(Steady::now() - begin).count();
  };
  for (int i = 0; i < 20'000; ++i) warm.push_back(once());
  wakes();
  for (int i = 0; i < 1000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    cold.push_back(once());
  }
  std::printf("\nround trip of 256 rows: warm p50 %.1f us, p99 %.1f us; from sleep p50 %.1f us, p99 %.1f us\n",
              at(warm, 0.5), at(warm, 0.99), at(cold, 0.5), at(cold, 0.99));
}

void crashes(Bench& bench, int count, bool standby) {
  plugin_host::runner::Isolation isolation;
  isolation.standby = standby;
  auto instance = must(bench.runners.create(bench.file, settings_of("crashing", 1, 1), isolation));
  static_cast<void>(instance->start(""));
  std::vector<Steady::time_point> times;
  times.reserve(static_cast<std::size_t>(count) + 8);
  bench.port.times = &times;
  while (times.size() <= static_cast<std::size_t>(count)) {
    static_cast<void>(instance->pull(bench.port.clock().now() + std::chrono::seconds(10)));
    // A standby is there only after a moment of good running: the next crash waits for it.
    if (standby) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  bench.port.times = nullptr;
  std::vector<double> gaps;
  for (std::size_t i = 1; i < times.size(); ++i) {
    const double gap = std::chrono::duration<double, std::milli>(times[i] - times[i - 1]).count();
    if (standby && i % 2 == 0) continue;  // the one that includes the pause
    gaps.push_back(gap);
  }
  const double p50 = at(gaps, 0.5), p99 = at(gaps, 0.99);
  std::printf("crash to next batch, %-8s %5zu crashes: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
              standby ? "standby," : "cold,", gaps.size(), p50, p99, gaps.back());
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 3 && std::strcmp(argv[1], "--crashes") == 0 ? std::atoi(argv[2]) : 1000;
  Bench bench;
  signals(bench);
  round_trips(bench);
  std::printf("\n");
  crashes(bench, count, false);
  crashes(bench, count, true);
}
