#include "app/port.hpp"

#include "app/signal_tail.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {

namespace {

bool is_part_of_loaders(std::string_view name) {
  constexpr std::string_view loaders = "loader_execution_duration_seconds_";
  if (!name.starts_with(loaders)) return false;
  const auto part = name.substr(loaders.size());
  return part == "bucket" || part == "sum" || part == "count";
}

}  // namespace

base::Result<plugin_host::Taken> AgentPort::take(std::shared_ptr<model::SignalBatch> batch) {
  auto* pipeline = pipeline_.load(std::memory_order_acquire);
  if (!pipeline) return base::fail(base::Fault::exhausted, "the agent is starting or stopping");
  const plugin_host::Taken taken{static_cast<std::uint32_t>(batch->rows()), batch->first_seq};
  const model::SharedBatch accepted = batch;
  TRY_VOID(pipeline->take(std::move(batch)));
  if (auto* tail = tail_.load(std::memory_order_acquire)) tail->offer(accepted);
  return taken;
}

void AgentPort::rejected(model::RejectedSignal rejected) {
  if (auto* pipeline = pipeline_.load(std::memory_order_acquire)) pipeline->rejected(std::move(rejected));
}

void AgentPort::log(const std::string& instance, int level, std::string_view text) {
  telemetry::log(static_cast<telemetry::Level>(level), instance, text);
}

void AgentPort::metric(const std::string& instance, tsn_metric_kind kind, const std::string& name,
                       const model::Labels& labels, double value) {
  telemetry::MetricLabels all{{"instance", instance}};
  for (const auto& [key, text] : labels) all.emplace_back(key, text);
  // Dashboards know these by names of their own: the parts of a histogram, added up by the plugin. A counter of ours
  // would get `_total` at its end.
  if (kind == TSN_METRIC_COUNTER && is_part_of_loaders(name)) {
    if (value > 0) parts_.metrics->gauge(name, "How long runs of loaders took", all).add(value);
    return;
  }
  const std::string full = "tocsin_plugin_" + name;
  if (kind == TSN_METRIC_GAUGE) {
    parts_.metrics->gauge(full, "A plugin's own gauge", all).set(value);
  } else {
    parts_.metrics->counter(full + (full.ends_with("_total") ? "" : "_total"), "A plugin's own counter", all)
        .add(value);
  }
}

base::Result<std::optional<std::string>> AgentPort::kv_get(const std::string& instance, const std::string& key) {
  if (!parts_.store) return base::fail(base::Fault::unavailable, "there is no store");
  return parts_.store->kv("plugin/" + instance + "/" + key);
}

base::Result<void> AgentPort::kv_put(const std::string& instance, const std::string& key, std::string value) {
  auto* pipeline = pipeline_.load(std::memory_order_acquire);
  if (!pipeline) return base::fail(base::Fault::unavailable, "the agent is starting or stopping");
  model::Changes changes;
  changes.kv.emplace_back("plugin/" + instance + "/" + key, std::move(value));
  return pipeline->keep(std::move(changes));
}

base::Result<void> AgentPort::receipt(const std::string& instance, model::Receipt receipt) {
  auto* feedback = feedback_.load(std::memory_order_acquire);
  if (!feedback) return base::fail(base::Fault::unavailable, "the agent is starting or stopping");
  return feedback->receipt(instance, std::move(receipt));
}

base::Result<model::Answered> AgentPort::answer(const std::string& instance, model::Answer answer) {
  auto* feedback = feedback_.load(std::memory_order_acquire);
  if (!feedback) return base::fail(base::Fault::unavailable, "the agent is starting or stopping");
  return feedback->answer(instance, std::move(answer));
}

base::Result<void> AgentPort::exchange(const std::string& instance, model::Exchange exchange) {
  auto* exchanges = exchanges_.load(std::memory_order_acquire);
  if (!exchanges) return base::fail(base::Fault::unavailable, "the agent is starting or stopping");
  return exchanges->take(instance, std::move(exchange));
}

}  // namespace tocsin::app
