// The plugin against a real Prometheus whose samples are known.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <optional>
#include <thread>

#include "test_server_test.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace std::chrono_literals;
using tocsin_plugins::prometheus::TestServer;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::QueryRow;

constexpr tsn::Time zero = 1'700'000'040'000'000'000;  // a whole minute
constexpr int minutes = 40;

/// `requests_total{code}` grows by 60 and 6 a minute, `odd` is not finite, `level` is the minute. One a minute.
std::string samples() {
  std::string out = "# TYPE requests counter\n";
  const auto at = [](int minute) { return " " + std::to_string(zero / 1'000'000'000 + minute * 60) + "\n"; };
  for (const auto* code : {"200", "500"})
    for (int m = 0; m <= minutes; ++m)
      out +=
          "requests_total{code=\"" + std::string(code) + "\"} " + std::to_string(m * (*code == '2' ? 60 : 6)) + at(m);
  out += "# TYPE level gauge\n";
  for (int m = 0; m <= minutes; ++m) out += "level{room=\"Küche\"} " + std::to_string(m) + at(m);
  out += "# TYPE odd gauge\n";
  for (int m = 0; m <= minutes; ++m) out += "odd{is=\"nan\"} NaN" + at(m);
  for (int m = 0; m <= minutes; ++m) out += "odd{is=\"inf\"} +Inf" + at(m);
  return out;
}

class PrometheusServer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!server().why().empty()) GTEST_SKIP() << server().why();
    host_.set_now(zero + 20 * 60'000'000'000);
  }
  static TestServer& server() {
    static TestServer one(samples());
    return one;
  }
  void begin(std::initializer_list<Value> queries = {}) {
    instance_ = host_.create("prometheus",
                             Value::table({{"url", server().url()}, {"every", "1m"}, {"query", Value::array(queries)}}),
                             "metrics");
  }
  tsn::testing::Answer ask(const std::string& expr, std::chrono::nanoseconds time = 10s) {
    rows_.clear();
    return instance_->query(Value::table({{"expr", expr}}), rows_, time);
  }
  /// Samples of `name` that came: time in minutes since zero → value.
  std::map<double, double> got(const std::string& name, const std::string& label = {}, const std::string& value = {}) {
    std::map<double, double> out;
    for (const auto& row : host_.rows())
      if (row.name == name && (label.empty() || row.label(label) == value))
        out[static_cast<double>(row.ts - zero) / 60e9] = row.value;
    return out;
  }

  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
  std::vector<QueryRow> rows_;
};

TEST_F(PrometheusServer, InstantQueriesGiveWhatTheServerHasAtThatTime) {
  begin({Value::table({{"expr", "level"}}),
         Value::table({{"expr", "sum by (code) (rate(requests_total[5m]))"}, {"signal", "rate"}}),
         Value::table({{"expr", "1 + 1"}, {"signal", "two"}}), Value::table({{"expr", "odd"}})});
  ASSERT_EQ(instance_->pull().status, TSN_OK);
  EXPECT_EQ(got("level", "room", "Küche"), (std::map<double, double>{{20, 20}}));
  EXPECT_EQ(got("rate", "code", "200"), (std::map<double, double>{{20, 1}}));
  EXPECT_NEAR(got("rate", "code", "500")[20], 0.1, 1e-9);
  EXPECT_EQ(got("two"), (std::map<double, double>{{20, 2}}));
  EXPECT_TRUE(got("odd").empty());
}

TEST_F(PrometheusServer, ARangeIsReadWithoutGapAndWithoutRepetitionOverRestartsAndPauses) {
  const auto query = Value::table({{"expr", "level"}, {"range", "5m"}, {"step", "30s"}});
  std::vector<std::pair<double, double>> all;
  std::string cursor;
  std::optional<double> first;
  for (const auto pause : {0min, 1min, 1min, 12min, 1min, 3min}) {
    host_.advance(pause);
    begin({query});  // a new instance each time: nothing but the cursor is known
    ASSERT_EQ(instance_->start(cursor).status, TSN_OK);
    ASSERT_EQ(instance_->pull().status, TSN_OK);
    for (const auto& [at, value] : got("level")) all.emplace_back(at, value);
    ASSERT_TRUE(host_.cursor());
    cursor = *host_.cursor();
    instance_.reset();
    host_.clear();
  }
  ASSERT_EQ(all.size(), 10u + 2 * 18);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].first, 15.5 + 0.5 * static_cast<double>(i));
    EXPECT_EQ(all[i].second, std::floor(all[i].first));
  }
}

TEST_F(PrometheusServer, ASeriesThatEndsThereEndsHere) {
  begin({Value::table({{"expr", "level < 21"}})});
  instance_->pull();
  host_.clear();
  host_.advance(1min);
  instance_->pull();
  ASSERT_FALSE(host_.rows().empty());
  EXPECT_EQ(host_.rows()[0].name, "level");
  EXPECT_EQ(host_.rows()[0].flags, TSN_ROW_STALE);
}

TEST_F(PrometheusServer, RulesAreAnswered) {
  begin();
  ASSERT_EQ(ask("level").status, TSN_OK);
  ASSERT_EQ(rows_.size(), 1u);
  EXPECT_EQ(rows_[0].labels, (std::map<std::string, std::string>{{"room", "Küche"}}));
  EXPECT_EQ(rows_[0].value, 20);
  EXPECT_EQ(rows_[0].ts, host_.now());
  ASSERT_EQ(ask("odd").status, TSN_OK);
  std::map<std::string, double> odd;
  for (const auto& row : rows_) odd[row.labels.at("is")] = row.value;
  EXPECT_TRUE(std::isnan(odd["nan"]));
  EXPECT_EQ(odd["inf"], INFINITY);
  ASSERT_EQ(ask("scalar(level) * 2").status, TSN_OK);
  EXPECT_EQ(rows_.at(0).value, 40);
  ASSERT_EQ(ask("nothing_there").status, TSN_OK);
  EXPECT_TRUE(rows_.empty());
}

TEST_F(PrometheusServer, WrongQuestionsAreRefusedWithTheirPlace) {
  begin();
  const std::pair<const char*, const char*> cases[] = {{"sum(level", "expr, line 1, column 10"},
                                                       {"level +", "expr, line 1, column"},
                                                       {"level[5m]", "rate()"},
                                                       {"\"text\"", "a number is needed"},
                                                       {"rate(level)", "range vector"},
                                                       {"level * on () requests_total", "many-to-many"}};
  for (const auto& [expr, part] : cases) {
    const auto answer = ask(expr);
    EXPECT_EQ(answer.status, TSN_INVALID) << expr << "\n" << answer.text;
    EXPECT_NE(answer.text.find(part), answer.text.npos) << expr << "\n" << answer.text;
  }
}

TEST_F(PrometheusServer, ALongExpressionIsAsked) {
  begin();
  std::string expr = "level";
  for (int i = 0; i < 2000; ++i) expr += " + 0 * level";
  ASSERT_EQ(ask(expr).status, TSN_OK);
  EXPECT_EQ(rows_.at(0).value, 20);
}

TEST_F(PrometheusServer, QuestionsAreAnsweredBesideAPollAndBesideEachOther) {
  begin({Value::table({{"expr", "level"}}), Value::table({{"expr", "requests_total"}})});
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 25; ++n) {
          std::vector<QueryRow> rows;
          if (instance_->query(Value::table({{"expr", "level"}}), rows).status == TSN_OK && rows.size() == 1) ++good;
        }
      });
    for (int n = 0; n < 25; ++n) {
      EXPECT_EQ(instance_->pull().status, TSN_OK);
      host_.clear();
    }
  }
  EXPECT_EQ(good, 100);
}

TEST_F(PrometheusServer, AProbeTellsTheVersionAndTheSeries) {
  begin({Value::table({{"expr", "requests_total"}}), Value::table({{"expr", "sum("}})});
  std::string report;
  EXPECT_EQ(instance_->probe(report).status, TSN_OK);
  EXPECT_NE(report.find(" has version 2."), report.npos) << report;
  EXPECT_NE(report.find("ok: query \"requests_total\": 2 series, 2 samples"), report.npos) << report;
  EXPECT_NE(report.find("error: query \"sum(\": "), report.npos) << report;
}

TEST_F(PrometheusServer, AServerThatStallsOrDiesFailsAndIsAnsweredAgainAfterwards) {
  begin({Value::table({{"expr", "level"}})});
  ASSERT_EQ(instance_->pull().status, TSN_OK);
  server().stall(true);
  host_.advance(1min);
  EXPECT_EQ(instance_->pull(300ms).status, TSN_FAILED);
  EXPECT_EQ(ask("level", 300ms).status, TSN_FAILED);
  server().stall(false);
  host_.advance(1min);
  host_.clear();
  EXPECT_EQ(instance_->pull().status, TSN_OK);
  EXPECT_EQ(got("level"), (std::map<double, double>{{22, 22}}));
  server().kill();
  host_.advance(1min);
  EXPECT_EQ(instance_->pull().status, TSN_FAILED);
  server().start_again();
  ASSERT_EQ(server().why(), "");
  host_.advance(1min);
  host_.clear();
  EXPECT_EQ(instance_->pull().status, TSN_OK);
  EXPECT_EQ(got("level"), (std::map<double, double>{{24, 24}}));
}

}  // namespace
