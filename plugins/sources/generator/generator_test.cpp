#include <gtest/gtest.h>

#include <algorithm>

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
