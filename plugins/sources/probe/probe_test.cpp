// The plugin on a fake host: schedule, rows, logs, and that one target's trouble is its own.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>

#include "local_server.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace std::chrono_literals;
using namespace tocsin_plugins::probing::testing;
using tsn::Value;
using tsn::testing::FakeHost;

Value watch(const std::string& name, const std::string& url,
            std::initializer_list<std::pair<const char*, Value>> more = {}) {
  auto made = Value::table({{"name", name}, {"url", url}});
  for (const auto& [key, value] : more) made.set(key, value);
  return made;
}

class ProbeSource : public ::testing::Test {
 protected:
  void begin(std::initializer_list<Value> targets, std::initializer_list<std::pair<const char*, Value>> more = {}) {
    auto config = Value::table({{"target", Value::array(targets)}, {"spread", "0s"}});
    for (const auto& [key, value] : more) config.set(key, value);
    instance_ = host_.create("probe", config, "net");
    ASSERT_EQ(instance_->start().status, TSN_OK);
  }
  /// Lets the clock go on until every target was due once more, and waits for so many rows.
  std::vector<tsn::testing::Row> rows(std::size_t count) {
    host_.clear();
    host_.advance(std::exchange(first_, false) ? 0s : 30s);
    EXPECT_TRUE(host_.wait_for_rows(count));
    return host_.rows();
  }
  static double value_of(const std::vector<tsn::testing::Row>& rows, const std::string& name,
                         const std::string& target) {
    for (const auto& row : rows)
      if (row.name == name && row.label("target") == target) return row.value;
    return -1;
  }
  bool logged(const std::string& text) {
    for (int i = 0; i < 500 && !host_.logged(text); ++i) host_.pump(10ms);
    return host_.logged(text);
  }

  bool first_ = true;
  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
};

TEST_F(ProbeSource, TellsOfEachTargetWithItsLabels) {
  LocalServer up([](int) {});
  begin(
      {watch("shop", up.url("tcp"), {{"service", "checkout"}, {"dc", "riyadh"}}), watch("gone", "tcp://127.0.0.1:1")});
  const auto seen = rows(4);
  EXPECT_EQ(value_of(seen, "probe.up", "shop"), 1);
  EXPECT_EQ(value_of(seen, "probe.up", "gone"), 0);
  EXPECT_GE(value_of(seen, "probe.duration", "shop"), 0);
  for (const auto& row : seen) {
    if (row.label("target") != "shop") continue;
    EXPECT_EQ(row.label("service"), "checkout");
    EXPECT_EQ(row.label("dc"), "riyadh");
    EXPECT_EQ(row.label("kind"), "tcp");
    EXPECT_EQ(row.labels.size(), 4u) << "no reason, no address";
    EXPECT_EQ(row.ts, host_.now());
  }
}

TEST_F(ProbeSource, SaysOnceThatATargetWentDownAndWhyAndThatItIsBack) {
  std::atomic<bool> good{true};
  LocalServer moody([&good](int line) { say(line, good ? "hello" : "sorry"); });
  begin({watch("shop", moody.url("tcp"), {{"expect", "hello"}})});
  rows(2);
  EXPECT_FALSE(host_.logged("shop"));
  good = false;
  rows(2);
  EXPECT_TRUE(logged("target \"shop\" (" + moody.url("tcp") + ") is down: it closed the connection"));
  rows(2);
  EXPECT_FALSE(host_.logged("is down")) << "said once";
  good = true;
  rows(2);
  EXPECT_TRUE(logged("is up again"));
}

TEST_F(ProbeSource, LetsATargetThatHangsCostOnlyItself) {
  LocalServer hung(keep_silent), up([](int) {});
  begin({watch("hung", hung.url("tcp"), {{"expect", "x"}, {"timeout", "30s"}}), watch("shop", up.url("tcp"))});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(value_of(rows(2), "probe.up", "shop"), 1);
  EXPECT_EQ(host_.metrics()["checks_skipped"], 2) << "a target is looked at once at a time";
}

TEST_F(ProbeSource, StopsAtOnceWhateverItWaitsFor) {
  std::promise<void> reached;
  LocalServer hung([&reached](int line) {
    reached.set_value();
    keep_silent(line);
  });
  begin({watch("hung", hung.url("tcp"), {{"expect", "x"}, {"timeout", "30s"}})});
  host_.advance(1s);
  ASSERT_EQ(reached.get_future().wait_for(10s), std::future_status::ready);
  const auto begin = std::chrono::steady_clock::now();
  instance_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_EQ(host_.threads(), 0u);
  EXPECT_TRUE(host_.rows().empty()) << "that it stopped is no finding";
  EXPECT_TRUE(host_.violations().empty());
}

TEST_F(ProbeSource, RunsAgainAfterAStop) {
  LocalServer up([](int) {});
  begin({watch("shop", up.url("tcp"))});
  rows(2);
  instance_->stop();
  ASSERT_EQ(instance_->start().status, TSN_OK);
  EXPECT_EQ(value_of(rows(2), "probe.up", "shop"), 1);
}

TEST_F(ProbeSource, SpreadsItsFirstChecks) {
  LocalServer up([](int) {});
  auto targets = Value::array();
  for (int i = 0; i < 20; ++i) targets.push(watch("t" + std::to_string(i), up.url("tcp")));
  auto config = Value::table({{"target", targets}, {"spread", "20s"}});
  instance_ = host_.create("probe", config, "net");
  instance_->start();
  host_.advance(10s);
  ASSERT_TRUE(host_.wait_for_rows(2 * 3));
  host_.advance(10s);
  ASSERT_TRUE(host_.wait_for_rows(2 * 20));
  std::set<tsn::Time> times;
  for (const auto& row : host_.rows()) times.insert(row.ts);
  EXPECT_GE(times.size(), 2u);
}

TEST_F(ProbeSource, TriesAgainWhenTheAgentIsFull) {
  LocalServer up([](int) {});
  begin({watch("shop", up.url("tcp"))});
  host_.refuse_submits(2);
  EXPECT_EQ(value_of(rows(2), "probe.up", "shop"), 1);
}

TEST_F(ProbeSource, LooksAtNothingInAReplay) {
  host_.replay = true;
  begin({watch("gone", "tcp://127.0.0.1:1")});
  EXPECT_EQ(host_.timers(), 0u);
  EXPECT_EQ(host_.threads(), 0u);
}

TEST_F(ProbeSource, LooksOnceForACheckOfTheConfiguration) {
  LocalServer up([](int) {});
  auto instance = host_.create(
      "probe",
      Value::table({{"target", Value::array({watch("shop", up.url("tcp")), watch("gone", "tcp://127.0.0.1:1")})}}));
  std::string report;
  EXPECT_EQ(instance->probe(report).status, TSN_OK);
  EXPECT_NE(report.find("ok: target \"shop\" (" + up.url("tcp") + ") is as expected\n"), std::string::npos) << report;
  EXPECT_NE(report.find("error: target \"gone\" (tcp://127.0.0.1:1): cannot connect"), std::string::npos) << report;
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(ProbeSource, ShowsNeitherSecretsNorPaths) {
  begin({watch("shop", "http://127.0.0.1:1/token-in-a-path", {{"bearer", "hunter2"}})});
  rows(2);
  EXPECT_TRUE(logged("is down"));
  EXPECT_FALSE(host_.logged("hunter2"));
  EXPECT_FALSE(host_.logged("token-in-a-path"));
}

}  // namespace
