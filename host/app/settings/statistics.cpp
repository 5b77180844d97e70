#include "settings/statistics.hpp"

#include <algorithm>

#include "config/schema.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using enum base::OptionType;

struct Shipped {
  const char *type, *loader, *plugin, *question;
};

// Names: Micrometer (http_server_requests_seconds), node-exporter, kube-state-metrics, Elastic Common Schema.
constexpr Shipped shipped[] = {
    {"ERROR_COUNT_5MIN", "STATS-ERROR-RATE", "elasticsearch",
     R"({"bool": {"should": [{"match": {"level": "ERROR"}}, {"match": {"log.level": "ERROR"}}], "minimum_should_match": 1}})"},
    {"LATENCY_P99_MS", "STATS-PERF", "prometheus",
     "1000 * histogram_quantile(0.99, sum by (job, le) (rate(http_server_requests_seconds_bucket[5m])))"},
    {"THROUGHPUT_REQ_PER_SEC", "STATS-PERF", "prometheus",
     "sum by (job) (rate(http_server_requests_seconds_count[5m]))"},
    {"UPTIME_PERCENT_5MIN", "STATS-AVAIL", "prometheus", "100 * avg by (job) (avg_over_time(up[5m]))"},
    {"CPU_USAGE_PERCENT", "STATS-INFRA", "prometheus",
     "100 - 100 * avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))"},
    {"MEMORY_USAGE_PERCENT", "STATS-INFRA", "prometheus",
     "100 - 100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"},
    {"POD_RESTARTS_5MIN", "STATS-INFRA", "prometheus",
     "sum by (namespace) (increase(kube_pod_container_status_restarts_total[5m]))"},
};

}  // namespace

std::span<const Option> statistics_options() {
  static const std::vector<Option> options = {
      {.key = "enabled", .type = boolean, .fallback = "true", .doc = "false: nothing is captured."},
      {.key = "every", .type = duration, .fallback = "\"5m\"", .min = "10s", .doc = "How often each is asked."},
      {.key = "metric",
       .type = table,
       .doc = "By metric type: another question, or one of your own.",
       .children =
           {{.key = "*",
             .type = table,
             .doc = "LATENCY_P99_MS, or a type of your own.",
             .children = {{.key = "enabled", .type = boolean, .fallback = "true", .doc = "false: not captured."},
                          {.key = "loader", .type = string, .doc = "Loader code; STATS-CUSTOM for a type of your own."},
                          {.key = "source",
                           .type = string,
                           .doc = "The [source.X] that is asked; default the first of its plugin."},
                          {.key = "query",
                           .type = table,
                           .doc = "The question, by the keys of its source.",
                           .children = {{.key = "*", .type = any}}}}}}},
  };
  return options;
}

namespace {

class Reader {
 public:
  Reader(const Answerers& answerers, Diagnostics& diagnostics) : answerers_(answerers), diagnostics_(diagnostics) {}

  void ship(const Shipped& each, const Value* changes) {
    if (changes && !flag_of(*changes, "enabled", true)) return;
    Statistic metric{each.type, each.loader, answerers_.instance_of(each.plugin), {}, Value(Value::Table())};
    if (std::string_view(each.plugin) == "elasticsearch") {
      metric.question.set("query", each.question);
      metric.question.set("over", "5m");
    } else {
      metric.question.set("expr", each.question);
    }
    if (changes) change(metric, *changes);
    if (metric.source.empty()) return;
    // One that nobody has touched must not keep an agent from starting.
    Diagnostics unimportant;
    take(std::move(metric), changes ? diagnostics_ : unimportant);
  }

  void add(const Value::Member& member) {
    if (!flag_of(member.value, "enabled", true)) return;
    Statistic metric{member.key, "STATS-CUSTOM", {}, {}, Value()};
    change(metric, member.value);
    if (metric.source.empty() || metric.question.is_null()) {
      return config::error_at(
          diagnostics_, member.key_place,
          "[statistics.metric." + member.key + "] needs `source` and `query`: it is none of the shipped ones");
    }
    take(std::move(metric), diagnostics_);
  }

  std::vector<Statistic> metrics;

 private:
  static void change(Statistic& metric, const Value& by) {
    metric.loader = text_of(by, "loader", metric.loader);
    metric.source = text_of(by, "source", metric.source);
    if (const Value* query = by.find("query")) metric.question = *query;
  }
  void take(Statistic metric, Diagnostics& diagnostics) {
    const std::string where = "[statistics.metric." + metric.type + "]";
    if (!answerers_.check(metric.source, metric.question, metric.question.place, where, diagnostics)) return;
    for (const char c : answerers_.plugin_of(metric.source))
      metric.origin += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    metrics.push_back(std::move(metric));
  }

  const Answerers& answerers_;
  Diagnostics& diagnostics_;
};

}  // namespace

Statistics read_statistics(const Value& root, const Answerers& answerers, Diagnostics& diagnostics) {
  Statistics out;
  const Value* section = root.find("statistics");
  const Value table =
      section ? config::validate(*section, statistics_options(), "[statistics]", diagnostics) : Value(Value::Table());
  out.every = duration_of(table, "every", out.every);
  if (!flag_of(table, "enabled", true)) return out;
  const Value* own = table.find("metric");
  Reader reader(answerers, diagnostics);
  for (const Shipped& each : shipped) reader.ship(each, own ? own->find(each.type) : nullptr);
  if (own && own->table()) {
    for (const Value::Member& member : *own->table()) {
      if (std::ranges::none_of(shipped, [&](const Shipped& each) { return each.type == member.key; }))
        reader.add(member);
    }
  }
  out.metrics = std::move(reader.metrics);
  return out;
}

}  // namespace tocsin::settings
