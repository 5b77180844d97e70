// A signal through one threshold rule: slots, windows, rows, the threshold plugin over the ABI, verdicts, timers.
// Beside it a bare compare over the same columns, inlined, without groups, windows or life cycle: what nobody can go
// below.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <tocsin/plugin.hpp>
#include <vector>

#include "detection/shard.hpp"

extern "C" const tsn_plugin* tsn_plugin_entry_v1() noexcept;

namespace {

using namespace tocsin;

constexpr int groups = 1000;
constexpr int rows = 1000;
constexpr std::int64_t start = 1'700'000'000'000'000'000;

/// The plugin itself, called over its vtable.
class Plugin : public detection::Evaluator {
 public:
  Plugin() {
    host_.size = sizeof host_;
    host_.abi = TSN_ABI_VERSION;
    tsn::Value config = tsn::Value::table();
    tsn_create create{};
    create.size = sizeof create;
    create.instance = 1;
    create.config = config.view();
    tsn_err err{};
    err.size = sizeof err;
    if (type().create(&host_, &create, &self_, &err) != TSN_OK) std::abort();
  }
  ~Plugin() override { type().destroy(self_); }
  base::Result<void*> compile(const model::Rule& rule, const tsn_inputs& inputs) override {
    tsn::Value table = tsn::Value::table({{"op", ">"}, {"threshold", rule.table.find("threshold")->number()}});
    tsn_rule given{};
    given.size = sizeof given;
    given.name = {rule.name.data(), static_cast<std::uint32_t>(rule.name.size())};
    given.table = table.view();
    given.aggregate = static_cast<tsn_aggregate>(rule.aggregate);
    given.over = rule.over.count();
    void* program = nullptr;
    tsn_err err{};
    err.size = sizeof err;
    if (vtable().compile(self_, &given, &inputs, &program, &err) != TSN_OK)
      return base::fail(base::Fault::invalid, std::string(err.msg, err.n));
    return program;
  }
  void release(void* program) override { vtable().release(self_, program); }
  base::Result<void> evaluate(void* program, const tsn_rows& in, tsn_verdicts& out) override {
    tsn_err err{};
    err.size = sizeof err;
    if (vtable().evaluate(self_, program, &in, &out, &err) != TSN_OK)
      return base::fail(base::Fault::internal, std::string(err.msg, err.n));
    return {};
  }

 private:
  static const tsn_type& type() { return *tsn_plugin_entry_v1()->types[0]; }
  static const tsn_detector_vtable& vtable() { return *type().detector; }
  tsn_host host_{};  ///< threshold asks nothing of its host
  void* self_ = nullptr;
};

model::SharedRule rule(model::Aggregate aggregate, std::chrono::seconds over) {
  auto out = std::make_shared<model::Rule>();
  out->name = "bench";
  out->severity = model::Severity::high;
  out->signal = *model::Selector::parse("bench.value");
  out->signal_text = "bench.value";
  out->by = {"host"};
  out->aggregate = aggregate;
  out->over = over;
  out->table.set("threshold", 1e6);
  return out;
}

struct World {
  World(model::Aggregate aggregate, std::chrono::seconds over, std::int64_t step)
      : step_(step), shard(detection::ShardSettings{}, series, [this](const std::string&) { return &plugin; }) {
    batch.instance = "source.bench";
    for (int i = 0; i < groups; ++i)
      ids_.push_back(series.intern({"bench.value", model::Labels{{"host", "node-" + std::to_string(i)}}}));
    for (int i = 0; i < rows; ++i) {
      batch.series.push_back(ids_[static_cast<std::size_t>(i * 7 % groups)]);
      batch.value.push_back(i % 100);
      batch.ts.push_back(0);
    }
    shard.set_rules({rule(aggregate, over)}, base::from_ns(now_), alerts);
  }
  void next() {
    for (auto& ts : batch.ts) ts = now_ += step_;
    batch.arrived = base::from_ns(now_);
  }
  void push() { shard.push(batch, base::from_ns(now_), alerts); }

  std::int64_t step_, now_ = start;
  std::vector<model::SeriesId> ids_;
  model::SeriesTable series;
  Plugin plugin;
  model::SignalBatch batch;
  std::vector<model::Alert> alerts;
  detection::Shard shard;
};

void through(benchmark::State& state, model::Aggregate aggregate, std::chrono::seconds over, std::int64_t step) {
  World world(aggregate, over, step);
  for (int i = 0; i < 300; ++i) world.next(), world.push();
  for (auto _ : state) {
    world.next();
    world.push();
  }
  state.SetItemsProcessed(state.iterations() * rows);
  state.counters["signal_in_1e-9"] = benchmark::Counter(static_cast<double>(state.iterations()) * rows * 1e-9,
                                                        benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BareCompare(benchmark::State& state) {
  World world(model::Aggregate::last, std::chrono::seconds(0), 1000);
  const double threshold = 1e6;
  for (auto _ : state) {
    world.next();
    int firing = 0;
    for (int i = 0; i < rows; ++i) firing += world.batch.value[static_cast<std::size_t>(i)] > threshold;
    benchmark::DoNotOptimize(firing);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * rows);
  state.counters["signal_in_1e-9"] = benchmark::Counter(static_cast<double>(state.iterations()) * rows * 1e-9,
                                                        benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BareCompare);

// Steps of 1 µs are a million signals a second; those of 600 µs keep a hundred signals of each group in a minute's
// window, so that in the steady state each signal that enters sees another one leave, with an evaluation of its own.
void Last(benchmark::State& state) {
  through(state, model::Aggregate::last, std::chrono::seconds(0), 1000);
}
void CountEntering(benchmark::State& state) {
  through(state, model::Aggregate::count, std::chrono::hours(24), 1000);
}
void CountEnteringAndLeaving(benchmark::State& state) {
  through(state, model::Aggregate::count, std::chrono::seconds(60), 600'000);
}
void AvgEnteringAndLeaving(benchmark::State& state) {
  through(state, model::Aggregate::avg, std::chrono::seconds(60), 600'000);
}
void MaxEnteringAndLeaving(benchmark::State& state) {
  through(state, model::Aggregate::max, std::chrono::seconds(60), 600'000);
}
BENCHMARK(Last);
BENCHMARK(CountEntering)->Iterations(2000);
BENCHMARK(CountEnteringAndLeaving);
BENCHMARK(AvgEnteringAndLeaving);
BENCHMARK(MaxEnteringAndLeaving);

}  // namespace

BENCHMARK_MAIN();
