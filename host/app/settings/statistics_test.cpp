// Rules that ask and statistics: whom they ask, and what they ask where nothing is said.
#include "settings/statistics.hpp"

#include <algorithm>

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

class Asking : public Trial {
 protected:
  Asking() {
    using enum base::OptionType;
    using base::Option;
    plugins_.push_back({{.id = "prometheus",
                         .kinds = model::kind_source,
                         .options = {Option{.key = "url", .type = string}},
                         .query_options = {Option{.key = "expr", .type = string, .required = true, .doc = "PromQL."},
                                           Option{.key = "delay", .type = duration, .fallback = "\"0s\""}},
                         .source_features = model::source_queries}});
    plugins_.push_back(
        {{.id = "elasticsearch",
          .kinds = model::kind_source,
          .query_options = {Option{.key = "query", .type = any}, Option{.key = "over", .type = duration}},
          .source_features = model::source_queries}});
  }
  static const model::Rule* find(const Loaded& loaded, const std::string& name) {
    const auto at = std::ranges::find(loaded.rules, name, &model::Rule::name);
    return at == loaded.rules.end() ? nullptr : &*at;
  }
  static std::string types(const Loaded& loaded) {
    std::string out;
    for (const Statistic& one : loaded.statistics.metrics) out += one.type + " " + one.loader + " " + one.origin + "\n";
    return out;
  }
};

TEST_F(Asking, AQuestionIsCheckedAndItsDefaultsAreFilledIn) {
  const Loaded loaded = load(
      "[route]\n[source.prom]\nplugin='prometheus'\n[[rule]]\nname='x'\nseverity='LOW'\n"
      "query={source='prom',expr='up == 0',timeout='3s'}\nop='EXISTS'");
  EXPECT_EQ(says(loaded), "");
  const model::Rule& rule = *find(loaded, "x");
  EXPECT_EQ(rule.query_source, "prom");
  EXPECT_EQ(base::to_json(rule.query), R"({"expr":"up == 0","delay":0})");
  EXPECT_TRUE(rule.by_all && rule.fleet);
  EXPECT_EQ(rule.every, std::chrono::minutes(1));
  EXPECT_EQ(rule.no_data, model::NoData::ok);
}

TEST_F(Asking, ShippedRulesAskWhereWhatTheyAskIsConfigured) {
  const Loaded without = load("[rules]\npack='default'");
  EXPECT_EQ(find(without, "node_cpu_exhaustion")->query_source, "");
  const Loaded with = load(
      "[rules]\npack='default'\n[source.second]\nplugin='elasticsearch'\n[source.prom]\nplugin='prometheus'\n"
      "[pack.default.rule.node_cpu_exhaustion]\nthreshold=50");
  EXPECT_EQ(find(with, "node_cpu_exhaustion")->query_source, "prom");
  EXPECT_EQ(find(with, "node_cpu_exhaustion")->table.find("threshold")->number(), 50);
  EXPECT_EQ(find(with, "error_log_spike")->query_source, "second");
  EXPECT_EQ(find(with, "signal_failure_rate_high")->query_source, "") << "the store is not PostgreSQL";
  EXPECT_EQ(with.rules.size(), without.rules.size());
}

TEST_F(Asking, OnPostgresShippedRulesAskTheStore) {
  const Loaded loaded =
      load("[rules]\npack='default'\n[source.generator]\n[storage]\nurl='postgres://tocsin@db/tocsin'");
  for (const char* name : {"signal_failure_rate_high", "zero_signals_ingested", "authentication_failure_cluster"}) {
    ASSERT_TRUE(find(loaded, name)) << name;
    EXPECT_EQ(find(loaded, name)->query_source, "store") << name;
  }
  const Loaded quiet = load("[rules]\npack='default'\n[storage]\nurl='postgres://tocsin@db/tocsin'");
  EXPECT_FALSE(find(quiet, "zero_signals_ingested")) << "nobody is there to send any";
}

TEST_F(Asking, StatisticsAreCapturedWhereTheirSourceIsConfigured) {
  EXPECT_EQ(types(load("")), "");
  EXPECT_EQ(types(load("[source.prom]\nplugin='prometheus'")),
            "LATENCY_P99_MS STATS-PERF PROMETHEUS\nTHROUGHPUT_REQ_PER_SEC STATS-PERF PROMETHEUS\n"
            "UPTIME_PERCENT_5MIN STATS-AVAIL PROMETHEUS\nCPU_USAGE_PERCENT STATS-INFRA PROMETHEUS\n"
            "MEMORY_USAGE_PERCENT STATS-INFRA PROMETHEUS\nPOD_RESTARTS_5MIN STATS-INFRA PROMETHEUS\n");
  EXPECT_EQ(types(load("[source.logs]\nplugin='elasticsearch'")), "ERROR_COUNT_5MIN STATS-ERROR-RATE ELASTICSEARCH\n");
  EXPECT_EQ(types(load("[source.prom]\nplugin='prometheus'\n[statistics]\nenabled=false")), "");
}

TEST_F(Asking, StatisticsAreChangedAddedAndLeftOut) {
  std::string text = "[source.prom]\nplugin='prometheus'\n[statistics]\nevery='1m'\n";
  for (const char* name :
       {"LATENCY_P99_MS", "THROUGHPUT_REQ_PER_SEC", "CPU_USAGE_PERCENT", "MEMORY_USAGE_PERCENT", "POD_RESTARTS_5MIN"})
    text += std::string("[statistics.metric.") + name + "]\nenabled=false\n";
  text +=
      "[statistics.metric.UPTIME_PERCENT_5MIN]\nquery={expr='100 * avg(up)'}\n"
      "[statistics.metric.QUEUE_LENGTH]\nloader='STATS-QUEUE'\nsource='prom'\nquery={expr='sum(queue)'}\n";
  const Loaded loaded = load(text);
  EXPECT_EQ(says(loaded), "");
  EXPECT_EQ(types(loaded), "UPTIME_PERCENT_5MIN STATS-AVAIL PROMETHEUS\nQUEUE_LENGTH STATS-QUEUE PROMETHEUS\n");
  EXPECT_EQ(base::to_json(loaded.statistics.metrics[0].question), "{\"expr\":\"100 * avg(up)\",\"delay\":0}");
  EXPECT_EQ(loaded.statistics.every, std::chrono::minutes(1));
}

TEST_F(Asking, AStatisticThatCannotBeAskedIsNamedWithItsPlace) {
  EXPECT_EQ(
      says("[route]\n[source.prom]\nplugin='prometheus'\n[statistics.metric.QUEUE]\nsource='prom'"),
      "agent.toml:4:20: error: [statistics.metric.QUEUE] needs `source` and `query`: it is none of the shipped ones\n");
  EXPECT_EQ(
      says("[route]\n[source.prom]\nplugin='prometheus'\n[statistics.metric.QUEUE]\nsource='pron'\nquery={expr='x'}"),
      "agent.toml:6:7: error: [statistics.metric.QUEUE]: there is no [source.pron]; did you mean \"prom\"?\n");
}

}  // namespace
}  // namespace tocsin::settings
