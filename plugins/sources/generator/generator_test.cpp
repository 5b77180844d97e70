#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "etl_day.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using tocsin_plugins::EtlDay;
using tsn::Value;
using tsn::testing::FakeHost;

constexpr std::int64_t second = 1'000'000'000;

std::vector<tsn::testing::Row> day_of(std::vector<Value> faults, int seed = 7) {
  FakeHost host;
  Value list = Value::array();
  for (auto& fault : faults) list.push(fault);
  auto instance = host.create({}, Value::table({{"day", "60s"}, {"faults", list}, {"seed", seed}}));
  for (int i = 0; i < 240; ++i) {
    EXPECT_EQ(instance->pull().status, TSN_OK);
    host.advance(std::chrono::milliseconds(250));
  }
  return host.rows();
}

std::size_t count(const std::vector<tsn::testing::Row>& rows, const std::string& name, const std::string& label,
                  const std::string& value) {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const auto& row) { return row.name == name && row.label(label) == value; }));
}

TEST(Generator, ADayWithoutFaultsIsQuiet) {
  const auto rows = day_of({});
  EXPECT_GT(count(rows, "etl.run", "status", "SUCCESS"), 100u);
  EXPECT_LT(count(rows, "etl.run", "status", "FAILED"), 8u);
  EXPECT_EQ(count(rows, "auth.failure", "client_ip", "203.0.113.7"), 0u);
}

TEST(Generator, AFailingLoaderFailsWhileTheOthersSucceed) {
  const auto rows = day_of({"failing_loader"});
  std::size_t failed = 0, others = 0;
  for (const auto& row : rows) {
    if (row.name == "etl.run" && row.label("status") == "FAILED")
      (row.label("loader") == "DAILY_SALES" ? failed : others)++;
  }
  EXPECT_GT(failed, 20u);
  EXPECT_LT(others, 8u);
}

TEST(Generator, ABruteForceComesFromOneAddress) {
  EXPECT_GT(count(day_of({"brute_force"}), "auth.failure", "client_ip", "203.0.113.7"), 30u);
}

TEST(Generator, AFillingDiskPasses95Percent) {
  double most = 0;
  for (const auto& row : day_of({"filling_disk"})) {
    if (row.name == "host.disk.used_percent") most = std::max(most, row.value);
  }
  EXPECT_GT(most, 95);
  EXPECT_LT(most, 100);
}

TEST(Generator, TheSameSeedGivesTheSameDay) {
  const auto first = day_of({"brute_force"}, 3), again = day_of({"brute_force"}, 3), other = day_of({"brute_force"}, 4);
  ASSERT_EQ(first.size(), again.size());
  EXPECT_TRUE(std::equal(first.begin(), first.end(), again.begin(),
                         [](const auto& a, const auto& b) { return a.name == b.name && a.value == b.value; }));
  EXPECT_FALSE(first.size() == other.size() &&
               std::equal(first.begin(), first.end(), other.begin(),
                          [](const auto& a, const auto& b) { return a.value == b.value; }));
}

TEST(Generator, BeginsAFaultOnDemand) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"day", "60s"}}));
  instance->pull();
  tsn::testing::HttpRequest request;
  request.path = "/api/v1/generator/faults";
  request.body = R"({"fault": "brute_force", "for": 10})";
  EXPECT_EQ(instance->handle(request).response.status, 202u);
  host.advance(std::chrono::seconds(5));
  instance->pull();
  EXPECT_GT(count(host.rows(), "auth.failure", "client_ip", "203.0.113.7"), 3u);
  request.body = R"({"fault": "meteor"})";
  const auto refused = instance->handle(request);
  EXPECT_EQ(refused.response.status, 400u);
  EXPECT_NE(refused.response.body.find("brute_force"), std::string::npos);
}

/// Rows of `name` while `fault` is on for as long as the rules of the default pack look, then without it.
std::pair<std::vector<double>, std::vector<double>> with_and_without(const std::string& fault, const std::string& name,
                                                                     const std::string& state = {}) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"day", "1h"}}));
  tsn::testing::HttpRequest request;
  request.path = "/api/v1/generator/faults";
  const auto minutes = [&](const std::string& seconds) {
    request.body = R"({"fault": ")" + fault + R"(", "for": )" + seconds + "}";
    EXPECT_EQ(instance->handle(request).response.status, 202u);
    host.clear();
    for (int i = 0; i < 600; ++i) {
      host.advance(std::chrono::seconds(1));
      instance->pull();
    }
    std::vector<double> values;
    for (const auto& row : host.rows())
      if (row.name == name && (state.empty() || row.label("state") == state)) values.push_back(row.value);
    return values;
  };
  instance->pull();
  auto with = minutes("600");
  return {with, minutes("0")};
}

double most(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

TEST(Generator, EachRuleOfThePlatformHasAFaultThatRaisesIt) {
  auto [with, without] = with_and_without("open_breaker", "resilience4j_circuitbreaker_state", "open");
  EXPECT_EQ(most(with), 1);
  EXPECT_EQ(most(without), 0);
  std::tie(with, without) = with_and_without("exhausted_pool", "hikaricp_connections_active");
  EXPECT_GT(most(with) / 20, 0.9);
  EXPECT_LT(most(without) / 20, 0.9);
  std::tie(with, without) = with_and_without("high_memory", "host.memory.used_percent");
  EXPECT_GT(std::count_if(with.begin(), with.end(), [](double v) { return v > 85; }), 120) << "two minutes of it";
  EXPECT_LT(most(without), 85);
  std::tie(with, without) = with_and_without("high_cpu", "host.cpu.used_percent");
  EXPECT_GT(*std::min_element(with.begin(), with.end()), 90);
  EXPECT_LT(most(without), 90);
  std::tie(with, without) = with_and_without("pod_restarts", "kube_pod_container_status_restarts_total");
  EXPECT_GT(with[299] - with[0], 3) << "in five minutes";
  EXPECT_EQ(without.back(), without.front());
}

TEST(Generator, ASilentDayHasNoRunsAndASlowServiceAnswersLate) {
  auto [with, without] = with_and_without("no_runs", "etl.run");
  EXPECT_TRUE(with.empty());
  EXPECT_GT(without.size(), 10u);
  std::tie(with, without) = with_and_without("slow_service", "http.server.request.duration");
  ASSERT_GT(with.size(), 500u);
  ASSERT_GT(without.size(), 500u);
  std::nth_element(with.begin(), with.begin() + 250, with.end());
  std::nth_element(without.begin(), without.begin() + 250, without.end());
  EXPECT_GT(with[250], 5 * without[250]);
}

TEST(Generator, ListsItsFaultsAndRefusesATimeThatIsNone) {
  FakeHost host;
  auto instance = host.create();
  instance->pull();
  tsn::testing::HttpRequest request;
  request.path = "/api/v1/generator/faults";
  for (const char* body : {R"({"fault": "high_cpu", "for": "soon"})", R"({"fault": "high_cpu", "for": -1})"}) {
    request.body = body;
    EXPECT_EQ(instance->handle(request).response.status, 400u) << body;
  }
  request.body = R"({"fault": "high_cpu", "for": 60})";
  EXPECT_EQ(instance->handle(request).response.status, 202u);
  request.method = "GET";
  const auto told = instance->handle(request).response.body;
  EXPECT_NE(told.find(R"({"fault":"high_cpu","active":true})"), std::string::npos) << told;
  EXPECT_NE(told.find(R"({"fault":"no_runs","active":false})"), std::string::npos) << told;
}

TEST(Generator, APauseIsNotMadeUpForAtOnce) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"rate", 100.0}, {"series", 10}}));
  instance->pull();
  host.advance(std::chrono::hours(1));
  instance->pull();
  std::size_t loads = 0;
  for (const auto& row : host.rows()) loads += row.name == "load.value";
  EXPECT_EQ(loads, 1000u);
}

TEST(Generator, RefusesAnUnknownFaultByName) {
  FakeHost host;
  try {
    host.create({}, Value::table({{"faults", Value::array({"meteor"})}}));
    FAIL() << "created";
  } catch (const tsn::Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("meteor"), std::string::npos);
  }
}

TEST(Generator, KeepsItsRate) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"rate", 500.0}, {"series", 10}}));
  for (int i = 0; i < 11; ++i) {
    instance->pull();
    host.advance(std::chrono::seconds(1));
  }
  const auto rows = host.rows();
  EXPECT_NEAR(static_cast<double>(
                  std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.name == "load.value"; })),
              5000, 1);
}

TEST(EtlDay, ALateCallCatchesUpOnEveryRun) {
  EtlDay day({.begin = second, .length = 48 * second, .loaders = {"A"}, .faults = {}, .seed = 1});
  day.advance(second);
  std::size_t runs = 0;
  for (const auto& emission : day.advance(49 * second)) runs += emission.name == "etl.run";
  EXPECT_GE(runs, 40u);
}

}  // namespace
