// What crossing into a plugin costs: filling and submitting batches, judging rows.
//
// Ours: a loaded .so fills the columns and submits them; the host checks the block, maps the series, makes the columns
// of the model and hands them to a port that drops them. Baseline: the same columns filled and checked inline, no
// plugin, no block, no port. The difference is the boundary.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "plugin_host/session.hpp"

namespace {

using namespace tocsin;

constexpr std::uint32_t batches_of_a_pull = 256;

/// Takes everything and keeps nothing.
class DroppingPort final : public plugin_host::Port {
 public:
  const base::Clock& clock() const override { return clock_; }
  model::SeriesTable& series() override { return series_; }
  base::Result<plugin_host::Taken> take(std::shared_ptr<model::SignalBatch> batch) override {
    benchmark::DoNotOptimize(batch->value.data());
    return plugin_host::Taken{static_cast<std::uint32_t>(batch->rows()), batch->first_seq};
  }
  void rejected(model::RejectedSignal) override {}
  void log(const std::string&, int, std::string_view) override {}
  void metric(const std::string&, tsn_metric_kind, const std::string&, const model::Labels&, double) override {}
  base::Result<std::optional<std::string>> kv_get(const std::string&, const std::string&) override {
    return std::nullopt;
  }
  base::Result<void> kv_put(const std::string&, const std::string&, std::string) override { return {}; }
  runtime::Reactor& reactor() override { return reactor_; }
  runtime::Executor& pool() override { return pool_; }

 private:
  base::SystemClock clock_;
  model::SeriesTable series_;
  runtime::Pool pool_{"bench-pool", 1};
  runtime::Reactor reactor_{"bench-reactor"};
};

template <class T>
T must(base::Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "boundary_bench: %s\n", result.error().message().c_str());
  std::exit(1);
}

std::shared_ptr<plugin_host::Instance> make(plugin_host::Port& port, std::int64_t rows) {
  plugin_host::InstanceSettings settings;
  settings.name = "source.boundary", settings.type = "boundary";
  settings.config.set("rows", base::Value(rows));
  settings.config.set("batches", base::Value(std::int64_t{batches_of_a_pull}));
  return must(plugin_host::Instance::create(must(plugin_host::load_library(BOUNDARY_PLUGIN)), settings, port));
}

void per_item(benchmark::State& state, double items_of_a_round) {
  using benchmark::Counter;
  state.counters["ns_per_item"] =
      Counter(items_of_a_round * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

void fill_and_submit_plugin(benchmark::State& state) {
  DroppingPort port;
  auto instance = make(port, state.range(0));
  for (auto _ : state) {
    if (!must(instance->pull(port.clock().now() + std::chrono::seconds(10)))) std::abort();
  }
  per_item(state, static_cast<double>(state.range(0)) * batches_of_a_pull);
}

void fill_and_check_inline(benchmark::State& state) {
  base::SystemClock clock;
  const auto rows = static_cast<std::size_t>(state.range(0));
  model::SignalBatch batch;
  double next = 0;
  for (auto _ : state) {
    for (std::uint32_t b = 0; b < batches_of_a_pull; ++b) {
      const std::int64_t now = base::to_ns(clock.now());
      batch.ts.resize(rows), batch.series.resize(rows), batch.value.resize(rows);
      bool bad = false;
      for (std::size_t r = 0; r < rows; ++r) {
        batch.ts[r] = now, batch.series[r] = 1, batch.value[r] = next;
        next += 1;
        bad |= batch.ts[r] <= 0 || !std::isfinite(batch.value[r]);
      }
      if (bad) std::abort();
      benchmark::DoNotOptimize(batch.value.data());
      benchmark::ClobberMemory();
    }
  }
  per_item(state, static_cast<double>(rows) * batches_of_a_pull);
}

/// `rows` cells none of which fires: the common case.
struct Question {
  explicit Question(std::size_t rows) : cells(rows, 1.5), items(rows) {
    in.size = sizeof in, in.rows = static_cast<std::uint32_t>(rows), in.columns = 1, in.cells = cells.data();
    out.size = sizeof out, out.stride = sizeof(tsn_verdict), out.items = items.data();
  }
  std::vector<double> cells;
  std::vector<tsn_verdict> items;
  tsn_rows in{};
  tsn_verdicts out{};
};

void evaluate_plugin(benchmark::State& state) {
  DroppingPort port;
  auto instance = make(port, 1);
  tsn_inputs inputs{};
  inputs.size = sizeof inputs;
  void* program = must(instance->compile(model::Rule{}, nullptr, inputs));
  Question question(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!instance->evaluate(program, question.in, question.out)) std::abort();
    benchmark::ClobberMemory();
  }
  per_item(state, static_cast<double>(state.range(0)));
}

void evaluate_inline(benchmark::State& state) {
  Question question(static_cast<std::size_t>(state.range(0)));
  double threshold = 1e300;
  benchmark::DoNotOptimize(threshold);
  for (auto _ : state) {
    for (std::uint32_t r = 0; r < question.in.rows; ++r) {
      if (question.cells[r] > threshold) question.items[r].state = TSN_VERDICT_FIRING;
    }
    benchmark::ClobberMemory();
  }
  per_item(state, static_cast<double>(state.range(0)));
}

}  // namespace

BENCHMARK(fill_and_submit_plugin)->Arg(16)->Arg(64)->Arg(256)->Arg(1024);
BENCHMARK(fill_and_check_inline)->Arg(16)->Arg(64)->Arg(256)->Arg(1024);
BENCHMARK(evaluate_plugin)->Arg(1)->Arg(16)->Arg(256);
BENCHMARK(evaluate_inline)->Arg(1)->Arg(16)->Arg(256);
BENCHMARK_MAIN();
