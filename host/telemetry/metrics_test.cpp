#include "telemetry/metrics.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

namespace tocsin::telemetry {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

/// A registry with one of everything, awkward texts included.
void fill(Metrics& metrics) {
  metrics.counter("signals_ingested_total", "Signals taken in.", {{"source", "http"}, {"loader_code", "A\"B\\C\nD"}})
      .add(3);
  metrics.gauge("circuit_breaker_state", "0 closed, 1 open,\n2 half-open.", {{"name", "mail"}}).set(1);
  Histogram& seconds = metrics.histogram("loader_execution_duration_seconds", "Run time.", {}, {1, 0.5});
  for (double value : {0.1, 0.5, 0.7, 3.0}) seconds.observe(value);
  metrics.add_process_metrics();
}

TEST(Metrics, GivesTheSameMetricForTheSameLabelsInAnyOrder) {
  Metrics metrics;
  Counter& first = metrics.counter("a_total", "A.", {{"x", "1"}, {"y", "2"}});
  Counter& second = metrics.counter("a_total", "ignored", {{"y", "2"}, {"x", "1"}});
  EXPECT_EQ(&first, &second);
  EXPECT_NE(&first, &metrics.counter("a_total", "A.", {{"x", "2"}}));
}

TEST(Metrics, NeverLetsACounterFall) {
  Metrics metrics;
  Counter& counter = metrics.counter("a_total", "A.");
  counter.add(2);
  counter.add(-1);
  counter.add(std::nan(""));
  EXPECT_EQ(counter.value(), 2);
}

TEST(Metrics, WritesCountersAndGaugesWithLabelsEscaped) {
  Metrics metrics;
  fill(metrics);
  std::string text = metrics.text();
  EXPECT_TRUE(has_line(text, R"(signals_ingested_total{loader_code="A\"B\\C\nD",source="http"} 3)")) << text;
  EXPECT_TRUE(has_line(text, R"(# HELP circuit_breaker_state 0 closed, 1 open,\n2 half-open.)"));
  EXPECT_TRUE(has_line(text, R"(circuit_breaker_state{name="mail"} 1)"));
}

TEST(Metrics, WritesHistogramsCumulatively) {
  Metrics metrics;
  fill(metrics);
  std::string text = metrics.text();
  EXPECT_TRUE(has_line(text, R"(loader_execution_duration_seconds_bucket{le="0.5"} 2)")) << text;
  EXPECT_TRUE(has_line(text, R"(loader_execution_duration_seconds_bucket{le="1"} 3)"));
  EXPECT_TRUE(has_line(text, R"(loader_execution_duration_seconds_bucket{le="+Inf"} 4)"));
  EXPECT_TRUE(has_line(text, "loader_execution_duration_seconds_sum 4.3"));
  EXPECT_TRUE(has_line(text, "loader_execution_duration_seconds_count 4"));
}

TEST(Metrics, FollowsTheRulesOfOpenMetrics) {
  Metrics metrics;
  fill(metrics);
  std::string text = metrics.text(true);
  EXPECT_TRUE(has_line(text, "# TYPE signals_ingested counter")) << text;
  EXPECT_TRUE(has_line(text, R"(signals_ingested_total{loader_code="A\"B\\C\nD",source="http"} 3)"));
  EXPECT_TRUE(has_line(text, R"(loader_execution_duration_seconds_bucket{le="1.0"} 3)"));
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_EQ(metrics.text().find("# EOF"), std::string::npos);
}

TEST(Metrics, MakesNamesValidAndKeepsTypesApart) {
  Metrics metrics;
  metrics.counter("plugin.http-calls", "Calls.", {{"le.vel", "1"}}).add();
  metrics.gauge("plugin_http_calls_total", "Not a counter.").set(5);
  std::string text = metrics.text();
  EXPECT_TRUE(has_line(text, R"(plugin_http_calls_total{le_vel="1"} 1)")) << text;
  EXPECT_TRUE(has_line(text, "plugin_http_calls_total_gauge 5"));
}

TEST(Metrics, RunsHooksBeforeEachExposition) {
  Metrics metrics;
  int depth = 0;
  metrics.on_collect([&] { metrics.gauge("depth", "Depth.").set(++depth); });
  EXPECT_TRUE(has_line(metrics.text(), "depth 1"));
  EXPECT_TRUE(has_line(metrics.text(true), "depth 2"));
}

TEST(Metrics, TellsTheFamiliesForTheReference) {
  Metrics metrics;
  fill(metrics);
  auto families = metrics.families();
  ASSERT_GE(families.size(), 3u);
  EXPECT_EQ(families[0].name, "circuit_breaker_state");
  EXPECT_EQ(families[0].type, "gauge");
}

TEST(Metrics, MeasuresTheProcess) {
  Metrics metrics;
  metrics.add_process_metrics();
  metrics.text();
  EXPECT_GT(metrics.gauge("process_resident_memory_bytes", "").value(), 1e5);
  EXPECT_GT(metrics.gauge("process_virtual_memory_bytes", "").value(),
            metrics.gauge("process_resident_memory_bytes", "").value());
  EXPECT_GE(metrics.gauge("process_open_fds", "").value(), 3);
  double started = metrics.gauge("process_start_time_seconds", "").value();
  double now = static_cast<double>(std::time(nullptr));
  EXPECT_NEAR(started, now, 3600);
}

TEST(Metrics, LosesNothingBetweenThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        metrics.counter("a_total", "A.", {{"i", std::to_string(i % 10)}}).add();
        metrics.histogram("h", "H.").observe(0.3);
        if (i % 1'000 == 0) metrics.text();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics.counter("a_total", "A.", {{"i", "3"}}).value(), 4'000);
  EXPECT_EQ(metrics.histogram("h", "H.").snapshot().count, 40'000u);
  EXPECT_NEAR(metrics.histogram("h", "H.").snapshot().sum, 12'000, 0.01);
}

TEST(Metrics, AreAcceptedByPromtool) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  Metrics metrics;
  fill(metrics);
  char path[] = "/tmp/tocsin_metrics_XXXXXX";
  int descriptor = ::mkstemp(path);
  std::string text = metrics.text();
  ASSERT_EQ(::write(descriptor, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(descriptor);
  EXPECT_EQ(std::system((std::string("promtool check metrics <") + path).c_str()), 0) << text;
  ::unlink(path);
}

TEST(Metrics, ShowWhatIsMeasuredOnlyWhileItIsThere) {
  Metrics metrics;
  metrics.gauge("a_kept", "Kept.").set(1);
  metrics.counter("c_both", "Both.", {{"from", "kept"}}).add(1);
  bool there = true;
  metrics.on_expose([&]() -> std::vector<Metrics::Measured> {
    if (!there) return {};
    using Type = Metrics::Measured::Type;
    Histogram::Snapshot times{{1, 2}, {1, 0, 1}, 4, 2};
    return {{"b_measured", "Measured.", Type::gauge, {{{{"x", "1"}}, 7, {}}}},
            {"c_both", "Both.", Type::counter, {{{{"from", "measured"}}, 2, {}}}},
            {"d_times", "Times.", Type::histogram, {{{}, 0, times}}}};
  });
  EXPECT_EQ(metrics.text(),
            "# HELP a_kept Kept.\n# TYPE a_kept gauge\na_kept 1\n"
            "# HELP b_measured Measured.\n# TYPE b_measured gauge\nb_measured{x=\"1\"} 7\n"
            "# HELP c_both_total Both.\n# TYPE c_both_total counter\nc_both_total{from=\"measured\"} 2\n"
            "c_both_total{from=\"kept\"} 1\n"
            "# HELP d_times Times.\n# TYPE d_times histogram\nd_times_bucket{le=\"1\"} 1\nd_times_bucket{le=\"2\"} 1\n"
            "d_times_bucket{le=\"+Inf\"} 2\nd_times_sum 4\nd_times_count 2\n");
  there = false;
  EXPECT_EQ(metrics.text().find("measured"), std::string::npos);
}

}  // namespace
}  // namespace tocsin::telemetry
