// Hot upgrades of a source: upgrade_bench [--count N] [--pause-us N] [--isolated]
//
// 1000 of them, at full load, inside. --pause-us: the source rests that long after each batch of 256; --isolated: in
// runners.
//
// The fleet, the pipeline and the journal are the agent's own; two builds of one source take over from each other while
// its thread submits as fast as the journal takes. The source counts its signals and hands the count on, so a number
// that is missing or comes twice shows at the port. Pause: from the end of the predecessor's last submit to the end of
// the successor's first. Baselines: the same gap between two submits of one instance, and a bare thread begun and
// joined beside the same load.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "app/fleet.hpp"
#include "app/port.hpp"
#include "pipeline/pipeline.hpp"
#include "plugin_host/descriptor.hpp"

namespace {

using namespace tocsin;
using Clock = std::chrono::steady_clock;

template <class T>
T must(base::Result<T> result) {
  if (result) {
    if constexpr (!std::is_void_v<T>)
      return std::move(*result);
    else
      return;
  }
  std::fprintf(stderr, "upgrade_bench: %s\n", result.error().message().c_str());
  std::exit(1);
}

/// What was taken, checked as it goes by. Batches come one at a time: one source, one thread.
struct Count {
  void took(const model::SignalBatch& batch, std::uint64_t first_seq) {
    const auto now = Clock::now();
    const auto series = batch.series.front();
    const double gap = std::chrono::duration<double, std::micro>(now - last_at).count();
    if (rows > 0) (series == last_series ? gaps : pauses).push_back(gap);
    for (const double value : batch.value) {
      const auto number = static_cast<std::uint64_t>(value);
      if (number < next) ++doubled;
      if (number > next) lost += number - next;
      next = std::max(next, number + 1);
    }
    if (first_seq != next_seq && rows > 0) ++seq_breaks;
    next_seq = first_seq + batch.rows();
    rows += batch.rows();
    last_at = now, last_series = series;
    if (served.exchange(pauses.size() + 1) != pauses.size() + 1) served.notify_one();
  }
  std::uint64_t rows = 0, next = 0, lost = 0, doubled = 0, next_seq = 0, seq_breaks = 0;
  std::vector<double> pauses, gaps;
  Clock::time_point last_at;
  model::SeriesId last_series = 0;
  std::atomic<std::size_t> served{0};  ///< instances that have submitted
};

class CountingPort final : public app::AgentPort {
 public:
  CountingPort(Parts parts, Count& count) : AgentPort(parts), count_(count) {}
  base::Result<plugin_host::Taken> take(std::shared_ptr<model::SignalBatch> batch) override {
    const model::SharedBatch kept = batch;
    auto taken = AgentPort::take(std::move(batch));
    if (taken) count_.took(*kept, taken->first_seq);
    return taken;
  }

 private:
  Count& count_;
};

struct World {
  World() {
    char name[] = "/tmp/tocsin-upgrade-XXXXXX";
    directory = ::mkdtemp(name);
    storage::StoreSettings settings;
    settings.data_dir = directory;
    settings.agent = "bench";
    store = must(storage::open_store(settings, series));
    storage::Journal::Settings in;
    in.directory = directory + "/journal";
    journal = must(storage::Journal::open(in, series));
    port = std::make_unique<CountingPort>(
        app::AgentPort::Parts{&clock, &series, store.get(), &metrics, &reactor, &pool}, count);
    pipeline::Parts parts;
    parts.clock = &clock, parts.series = &series, parts.journal = journal.get(), parts.store = store.get();
    parts.metrics = &metrics, parts.reactor = &reactor, parts.pool = &pool;
    parts.evaluators = [](std::uint32_t) -> detection::FindEvaluator {
      return [](const std::string&) -> base::Result<detection::Evaluator*> {
        return base::fail(base::Fault::not_found, "no detectors here");
      };
    };
    pipeline = std::make_unique<pipeline::Pipeline>(pipeline::Settings{}, parts, model::Routing{});
    must(pipeline->start({}, must(store->restore(clock.now()))));
    port->set_pipeline(pipeline.get());
    app::Fleet::Parts fleet_parts;
    factory = std::make_unique<app::InstanceFactory>(app::InstanceFactory::Parts{.port = port.get()});
    fleet_parts.factory = factory.get(), fleet_parts.pipeline = pipeline.get(), fleet_parts.journal = journal.get();
    fleet_parts.reactor = &reactor, fleet_parts.pool = &pool, fleet_parts.clock = &clock;
    fleet_parts.data_dir = directory;
    fleet_parts.prepare = [](const app::Wanted& wanted, const model::PluginType&) -> base::Result<base::Value> {
      return wanted.options;
    };
    fleet = std::make_unique<app::Fleet>(std::move(fleet_parts));
  }
  ~World() {
    fleet->stop_sources();
    pipeline->stop();
    port->set_pipeline(nullptr);
    fleet->stop();
    pool.stop();
    reactor.stop();
    fleet.reset(), pipeline.reset(), factory.reset(), port.reset(), journal.reset(), store.reset();
    std::filesystem::remove_all(directory);
  }

  std::string directory;
  base::SystemClock clock;
  model::SeriesTable series;
  telemetry::Metrics metrics;
  runtime::Reactor reactor{"reactor"};
  runtime::Pool pool{"pool", 2};
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<storage::Journal> journal;
  Count count;
  std::unique_ptr<CountingPort> port;
  std::unique_ptr<pipeline::Pipeline> pipeline;
  std::unique_ptr<app::InstanceFactory> factory;
  std::unique_ptr<app::Fleet> fleet;
};

double at(std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))];
}

void print(const char* what, std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  std::printf("%-28s p50 %8.1f us   p99 %8.1f us   max %8.1f us   (%zu)\n", what, at(values, 0.5), at(values, 0.99),
              values.empty() ? 0 : values.back(), values.size());
}

/// What the system needs for one hop of an upgrade's five at the same load: a thread that does nothing, begun and
/// joined.
std::vector<double> bare_hops(std::size_t times) {
  std::vector<double> out;
  for (std::size_t i = 0; i < times; ++i) {
    const auto from = Clock::now();
    std::thread([] {}).join();
    out.push_back(std::chrono::duration<double, std::micro>(Clock::now() - from).count());
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return out;
}

int run(std::size_t upgrades, std::int64_t pause_us, bool isolated) {
  World world;
  std::vector<app::Wanted> wanted(1);
  wanted[0].isolation.mode = isolated ? settings::Isolation::Mode::process : settings::Isolation::Mode::none;
  wanted[0].kind = "source", wanted[0].name = wanted[0].plugin = "counting";
  wanted[0].options = base::Value(base::Value::Table{});
  if (pause_us > 0) wanted[0].options.set("pause_us", base::Value(pause_us));
  std::vector<plugin_host::Found> files(2);
  for (std::size_t i = 0; i < 2; ++i) {
    files[i].path = i == 0 ? UPGRADE_PLUGIN_1 : UPGRADE_PLUGIN_2;
    files[i].identity = i + 1;
    files[i].descriptor = must(plugin_host::read_descriptor(files[i].path));
  }
  const auto began = Clock::now();
  for (std::size_t i = 0; i <= upgrades; ++i) {
    const auto lines = world.fleet->reconcile(wanted, {files[i % 2]});
    const std::string expected = i == 0 ? "source.counting: started" : "source.counting: exchanged";
    if (lines.size() != 1 || !lines[0].starts_with(expected)) {
      std::fprintf(stderr, "upgrade_bench: %s\n", lines.empty() ? "nothing was done" : lines[0].c_str());
      return 1;
    }
    // The next one when this one has submitted.
    for (auto served = world.count.served.load(); served <= i; served = world.count.served.load())
      world.count.served.wait(served);
  }
  auto bare = bare_hops(upgrades);
  world.fleet->stop_sources();
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  auto& count = world.count;
  std::printf("upgrades %zu   signals %.1f M   %.2f M/s   lost %llu   doubled %llu   breaks in row numbers %llu\n",
              upgrades, static_cast<double>(count.rows) / 1e6, static_cast<double>(count.rows) / 1e6 / took,
              static_cast<unsigned long long>(count.lost), static_cast<unsigned long long>(count.doubled),
              static_cast<unsigned long long>(count.seq_breaks));
  print("pause at an upgrade", count.pauses);
  print("between submits otherwise", count.gaps);
  print("a bare thread and back", bare);
  return count.lost + count.doubled + count.seq_breaks == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t upgrades = 1000;
  std::int64_t pause_us = 0;
  bool isolated = false;
  for (int i = 1; i < argc; ++i) {
    const char* value = i + 1 < argc ? argv[i + 1] : "0";
    if (std::strcmp(argv[i], "--count") == 0) upgrades = static_cast<std::size_t>(std::atoll(value));
    if (std::strcmp(argv[i], "--pause-us") == 0) pause_us = std::atoll(value);
    if (std::strcmp(argv[i], "--isolated") == 0) isolated = true;
  }
  return run(upgrades, pause_us, isolated);
}
