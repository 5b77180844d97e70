// What silences cost: 20 000 firing alerts, each asked once, beside 5 000 silences that mean one host each; and a walk
// over all silences, which is the plain reading of the rules.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/id.hpp"
#include "incidents/silences.hpp"

using namespace tocsin;

namespace {

constexpr int alert_count = 20'000, silence_count = 5'000;
constexpr base::Time now = base::from_ns(1'795'435'200'000'000'000);

std::vector<model::Alert> alerts() {
  std::vector<model::Alert> out;
  for (int i = 0; i < alert_count; ++i) {
    model::Alert a;
    a.labels = model::Labels{{"alertname", "Down" + std::to_string(i % 40)},
                             {"host", "h" + std::to_string(i)},
                             {"dc", "dc" + std::to_string(i % 3)},
                             {"severity", i % 7 == 0 ? "critical" : "warning"}};
    a.fingerprint = a.labels.fingerprint();
    a.state = model::AlertState::firing;
    out.push_back(std::move(a));
  }
  return out;
}

/// As a change writes them: a name, and a host or a list of hosts.
std::vector<model::Silence> silences() {
  std::vector<model::Silence> out;
  for (int i = 0; i < silence_count; ++i) {
    const std::string host = "h" + std::to_string(i * 4);
    model::Silence s;
    s.matchers.push_back(model::Matcher::parse("alertname=~\"Down.*\"").value());
    s.matchers.push_back(
        model::Matcher::parse(i % 2 ? "host=\"" + host + "\"" : "host=~\"" + host + "|x" + host + "\"").value());
    s.ends_at = now + std::chrono::hours(1);
    out.push_back(std::move(s));
  }
  return out;
}

void ask_every_alert(benchmark::State& state) {
  const auto all = alerts();
  incidents::Silences kept;
  incidents::Silences::Rows rows;
  for (model::Silence& s : silences()) benchmark::DoNotOptimize(kept.set(std::move(s), now, {}, rows));
  std::size_t silenced = 0;
  for (auto _ : state) {
    silenced = 0;
    for (const model::Alert& a : all) silenced += kept.of(a, now).has_value();
  }
  state.counters["silenced"] = static_cast<double>(silenced);
}
BENCHMARK(ask_every_alert)->Unit(benchmark::kMillisecond);

void ask_every_alert_by_a_walk(benchmark::State& state) {
  const auto all = alerts();
  const auto kept = silences();
  std::size_t silenced = 0;
  for (auto _ : state) {
    silenced = 0;
    for (const model::Alert& a : all) {
      for (const model::Silence& s : kept) {
        if (s.state(now) != model::SilenceState::active && s.starts_at > now) continue;
        if (!model::matches(s.matchers, a.labels)) continue;
        ++silenced;
        break;
      }
    }
  }
  state.counters["silenced"] = static_cast<double>(silenced);
}
BENCHMARK(ask_every_alert_by_a_walk)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
