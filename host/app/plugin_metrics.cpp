#include "app/plugin_metrics.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace tocsin::app {
namespace {

using Measured = telemetry::Metrics::Measured;
using Type = Measured::Type;
using Lines = std::vector<const model::PluginStatus*>;

struct OfInstance {
  const char *name, *help;
  Type type;
  std::function<double(const model::PluginStatus&)> read;
};

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

const std::vector<OfInstance>& of_instance() {
  using P = model::PluginStatus;
  static const std::vector<OfInstance> all{
      {"tocsin_plugin_signals", "Signals taken from a plugin", Type::counter,
       [](const P& p) { return number(p.usage.signals); }},
      {"tocsin_plugin_signals_rejected", "Signals of a plugin that were not valid", Type::counter,
       [](const P& p) { return number(p.usage.rejected); }},
      {"tocsin_plugin_submits_refused", "Batches that a plugin was told to submit again later", Type::counter,
       [](const P& p) { return number(p.usage.refused); }},
      {"tocsin_plugin_poll_overruns", "Pulls of a source that took longer than its period", Type::counter,
       [](const P& p) { return number(p.usage.overruns); }},
      {"tocsin_plugin_errors", "Calls a plugin failed, batches it got wrong, breaches of its contract", Type::counter,
       [](const P& p) { return number(p.usage.errors); }},
      {"tocsin_plugin_cpu_seconds", "Processor time of a plugin's calls and threads, the host's work in them included",
       Type::counter, [](const P& p) { return number(p.usage.cpu_ns) * 1e-9; }},
      {"tocsin_plugin_memory_bytes", "Memory of an isolated plugin; in-process, what the host holds for it",
       Type::gauge, [](const P& p) { return number(p.usage.memory_bytes); }},
      {"tocsin_plugin_queue_deliveries", "Deliveries waiting for a plugin", Type::gauge,
       [](const P& p) { return number(p.queue_depth); }},
      {"tocsin_plugin_dropped_deliveries", "Deliveries to a plugin that were given up", Type::counter,
       [](const P& p) { return number(p.dropped); }},
      {"tocsin_plugin_upgrades", "Times a plugin was exchanged while it ran", Type::counter,
       [](const P& p) { return number(p.upgrades); }},
      {"tocsin_plugin_upgrades_failed", "Times a plugin was kept because its successor could not take over",
       Type::counter, [](const P& p) { return number(p.upgrades_failed); }},
  };
  return all;
}

telemetry::MetricLabels labels_of(const model::PluginStatus& p) {
  return {{"instance", p.instance}, {"plugin", p.id}};
}

telemetry::Histogram::Snapshot snapshot_of(const model::FunctionUsage& one) {
  telemetry::Histogram::Snapshot out;
  out.bounds.assign(model::call_bounds.begin(), model::call_bounds.end());
  out.counts.assign(one.buckets.begin(), one.buckets.end());
  out.sum = number(one.ns) * 1e-9;
  out.count = std::accumulate(one.buckets.begin(), one.buckets.end(), std::uint64_t{0});
  return out;
}

void add_functions(const Lines& plugins, std::vector<Measured>& out) {
  Measured calls{"tocsin_plugin_calls", "Calls into a plugin, by function", Type::counter, {}};
  Measured failed{"tocsin_plugin_call_errors", "Calls into a plugin that it failed, by function", Type::counter, {}};
  Measured seconds{"tocsin_plugin_call_seconds",
                   "Time of calls into a plugin, by function; evaluate is sampled, one call standing for 64",
                   Type::histogram,
                   {}};
  for (const auto* p : plugins) {
    for (std::size_t i = 0; i < model::functions; ++i) {
      const auto& one = p->usage.by_function[i];
      if (one.calls == 0) continue;
      auto labels = labels_of(*p);
      labels.emplace_back("function", model::to_string(static_cast<model::Function>(i)));
      calls.samples.push_back({labels, number(one.calls), {}});
      failed.samples.push_back({labels, number(one.errors), {}});
      seconds.samples.push_back({std::move(labels), 0, snapshot_of(one)});
    }
  }
  for (auto* family : {&calls, &failed, &seconds}) out.push_back(std::move(*family));
}

}  // namespace

std::vector<Measured> plugin_metrics(const std::vector<model::PluginStatus>& plugins) {
  Lines lines;
  for (const auto& plugin : plugins)
    if (!plugin.instance.empty()) lines.push_back(&plugin);
  std::vector<Measured> out;
  for (const auto& one : of_instance()) {
    Measured family{one.name, one.help, one.type, {}};
    for (const auto* p : lines) family.samples.push_back({labels_of(*p), one.read(*p), {}});
    out.push_back(std::move(family));
  }
  add_functions(lines, out);
  return out;
}

}  // namespace tocsin::app
