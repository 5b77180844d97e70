// What inhibition costs: 13 000 firing alerts and 86 rules, each alert asked once (GET /alerts), and an alert that
// comes and goes. Beside it a walk over each rule's sources, which is the plain reading of the rules.
#include <benchmark/benchmark.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "base/id.hpp"
#include "incidents/inhibitor.hpp"

using namespace tocsin;

namespace {

constexpr int alert_count = 13'000, rule_count = 86;

model::Matchers matchers(std::initializer_list<std::string> texts) {
  model::Matchers out;
  for (const std::string& text : texts) out.push_back(model::Matcher::parse(text).value());
  return out;
}

/// As rules are written: a cause by name or by severity, what follows from it by a regular expression, equal in a
/// place.
model::Routing routing() {
  model::Routing r;
  for (int i = 0; i < rule_count; ++i) {
    const std::string n = std::to_string(i);
    if (i % 4 == 0) {
      r.inhibit_rules.push_back({"",
                                 matchers({"severity=\"critical\"", "service=\"s" + n + "\""}),
                                 matchers({"severity=~\"high|medium\"", "service=\"s" + n + "\""}),
                                 {"host"}});
    } else {
      r.inhibit_rules.push_back({"",
                                 matchers({"alertname=\"Down" + n + "\""}),
                                 matchers({"alertname=~\"Slow.*|Errors" + n + "\"", "dc!=\"\""}),
                                 {"dc", "host"}});
    }
  }
  return r;
}

std::vector<model::Alert> alerts() {
  std::vector<model::Alert> out;
  for (int i = 0; i < alert_count; ++i) {
    const std::string n = std::to_string(i % rule_count);
    const char* name = i % 5 == 0 ? "Down" : i % 5 == 1 ? "Errors" : "Slow";
    model::Alert a;
    a.labels = model::Labels{{"alertname", name + n},
                             {"service", "s" + std::to_string(i % 120)},
                             {"severity", i % 7 == 0 ? "critical" : "high"},
                             {"dc", "dc" + std::to_string(i % 3)},
                             {"host", "h" + std::to_string(i % 701)},
                             {"instance", "10.0.0." + std::to_string(i)}};
    a.fingerprint = a.labels.fingerprint();
    a.id = base::hex16(a.fingerprint);
    a.state = model::AlertState::firing;
    a.severity = i % 7 == 0 ? model::Severity::critical : model::Severity::high;
    out.push_back(std::move(a));
  }
  return out;
}

void ask_every_alert(benchmark::State& state) {
  const model::Routing r = routing();
  const auto all = alerts();
  incidents::Inhibitor inhibitor(r);
  for (const model::Alert& a : all) inhibitor.put(a);
  std::size_t inhibited = 0;
  for (auto _ : state) {
    inhibited = 0;
    for (const model::Alert& a : all) inhibited += inhibitor.of(a).has_value();
  }
  state.counters["inhibited"] = static_cast<double>(inhibited);
}
BENCHMARK(ask_every_alert)->Unit(benchmark::kMillisecond);

/// The sources are matched once; each question walks them, as Alertmanager 0.25 does.
void ask_every_alert_by_a_walk(benchmark::State& state) {
  const model::Routing r = routing();
  const auto all = alerts();
  std::vector<std::vector<std::pair<const model::Alert*, bool>>> sources(r.inhibit_rules.size());
  std::vector<model::Labels> seen;
  for (const model::Alert& a : all) seen.push_back(incidents::seen_labels(r.severity, a));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (incidents::matches_seen(r.inhibit_rules[i].source, seen[k]))
        sources[i].emplace_back(&all[k], incidents::matches_seen(r.inhibit_rules[i].target, seen[k]));
    }
  }
  const auto inhibits = [&](std::size_t rule, const model::Alert& a, const model::Labels& labels) {
    if (!incidents::matches_seen(r.inhibit_rules[rule].target, labels)) return false;
    const bool both = incidents::matches_seen(r.inhibit_rules[rule].source, labels);
    for (const auto& [source, both_too] : sources[rule]) {
      bool equal = true;
      for (const std::string& name : r.inhibit_rules[rule].equal)
        equal = equal && source->labels.get(name) == a.labels.get(name);
      if (equal && !(both && both_too)) return true;
    }
    return false;
  };
  std::size_t inhibited = 0;
  for (auto _ : state) {
    inhibited = 0;
    for (const model::Alert& a : all) {
      const model::Labels labels = incidents::seen_labels(r.severity, a);
      for (std::size_t i = 0; i < sources.size(); ++i) {
        if (!inhibits(i, a, labels)) continue;
        ++inhibited;
        break;
      }
    }
  }
  state.counters["inhibited"] = static_cast<double>(inhibited);
}
BENCHMARK(ask_every_alert_by_a_walk)->Unit(benchmark::kMillisecond);

void fire_and_resolve(benchmark::State& state) {
  const model::Routing r = routing();
  auto all = alerts();
  incidents::Inhibitor inhibitor(r);
  for (const model::Alert& a : all) inhibitor.put(a);
  std::size_t i = 0;
  for (auto _ : state) {
    model::Alert& a = all[i++ % all.size()];
    a.state = model::AlertState::resolved;
    inhibitor.put(a);
    a.state = model::AlertState::firing;
    inhibitor.put(a);
  }
}
BENCHMARK(fire_and_resolve)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
