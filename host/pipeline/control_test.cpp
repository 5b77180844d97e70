// Who decides, and that the order and the count of alerts hold while that changes.
#include "pipeline/control.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/fake_store_test.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::pipeline {
namespace {

using std::chrono::seconds;

model::Alert alert_of(const std::string& name, model::AlertState state, base::Time at) {
  model::Alert alert;
  alert.rule = name;
  alert.title = name;
  alert.labels = model::Labels{{"alertname", name}};
  alert.fingerprint = alert.labels.fingerprint();
  alert.id = model::alert_id(name, alert.labels, base::Time(seconds(1)));
  alert.state = state;
  alert.severity = model::Severity::high;
  alert.active_at = alert.fired_at = base::Time(seconds(1));
  alert.updated_at = at;
  if (state == model::AlertState::resolved) alert.resolved_at = at;
  return alert;
}

struct World : ::testing::Test {
  World() { committer.start(); }
  ~World() override {
    store.hold_up(false);
    control.stop();
    committer.stop();
  }
  std::unique_ptr<incidents::Desk> desk() { return std::make_unique<incidents::Desk>(model::Routing{}); }
  void report(std::uint64_t position, std::vector<model::Alert> alerts) {
    control.judged(Judged{0, position, std::move(alerts)});
  }
  model::Alert firing(const std::string& name) {
    return alert_of(name, model::AlertState::firing, base::Time(seconds(1)));
  }
  model::Alert resolved(const std::string& name) {
    return alert_of(name, model::AlertState::resolved, base::Time(seconds(2)));
  }
  /// The names of alerts that were passed on, and those decided about, in the order they were kept.
  std::vector<std::string> passed() const {
    std::vector<std::string> out;
    for (const auto& changes : store.kept())
      for (const auto& alert : changes.passed_on) out.push_back(alert.rule + " " + std::string(to_string(alert.state)));
    return out;
  }
  bool wait_passed(std::size_t count) {
    return store.wait_for([count](const auto& kept) {
      std::size_t n = 0;
      for (const auto& changes : kept) n += changes.passed_on.size();
      return n >= count;
    });
  }
  bool wait_decided(std::size_t count) {
    return store.wait_for([count](const auto& kept) {
      std::size_t n = 0;
      for (const auto& changes : kept)
        if (changes.decided) n += changes.alerts.size();
      return n >= count;
    });
  }

  base::SystemClock clock;
  FakeStore store;
  telemetry::Metrics metrics;
  Committer committer{store, metrics};
  std::atomic<int> lost{0};
  std::vector<std::string> sent;
  Control control{{&committer, &clock, 1, "agent-a",
                   [this](auto deliveries) {
                     for (const auto& each : deliveries) sent.push_back(each.key);
                   },
                   [this] { ++lost; }}};
};

TEST_F(World, AFollowerPassesItsAlertsOnTogetherWithThePosition) {
  control.start(0, nullptr);
  report(7, {firing("a")});
  ASSERT_TRUE(wait_passed(1));
  const auto kept = store.kept();
  EXPECT_EQ(kept[0].journal_position, 7u);
  EXPECT_FALSE(kept[0].decided);
  EXPECT_EQ(kept[0].passed_on[0].agent, "agent-a");
  EXPECT_TRUE(kept[0].incidents.empty());
}

TEST_F(World, WhereNobodyDecidesADecisionIsRefused) {
  control.start(0, nullptr);
  std::promise<base::Result<void>> done;
  control.decide([](incidents::Desk&, base::Time) -> base::Result<model::Changes> { return model::Changes{}; },
                 [&](base::Result<void> result) { done.set_value(std::move(result)); });
  EXPECT_EQ(done.get_future().get().error().fault(), base::Fault::unavailable);
}

TEST_F(World, WhoTakesOverDecidesFirstAboutWhatItHadPassedOn) {
  control.start(0, nullptr);
  report(1, {firing("a")});
  ASSERT_TRUE(wait_passed(1));
  ASSERT_TRUE(control.hold(seconds(5)));
  report(2, {resolved("a")});
  control.begin(desk(), {}, *store.passed_alerts(10));
  ASSERT_TRUE(wait_decided(2));
  std::vector<std::string> states;
  for (const auto& changes : store.kept())
    for (const auto& alert : changes.alerts) states.emplace_back(to_string(alert.state));
  EXPECT_EQ(states, (std::vector<std::string>{"firing", "resolved"}));
  EXPECT_TRUE(store.passed_alerts(10)->empty());
}

TEST_F(World, HoldingWaitsForWhatIsOnItsWay) {
  control.start(0, nullptr);
  store.hold_up(true);
  report(1, {firing("a")});
  store.wait_until_it_waits();
  EXPECT_EQ(control.hold(std::chrono::milliseconds(30)).error().fault(), base::Fault::deadline);
  store.hold_up(false);
  EXPECT_TRUE(control.hold(seconds(5)));
  EXPECT_EQ(passed(), std::vector<std::string>{"a firing"});
}

TEST_F(World, WhatIsRefusedBecauseAnotherDecidesIsPassedOnInItsOrder) {
  control.start(0, desk());
  store.hold_up(true);
  report(1, {firing("a")});
  store.wait_until_it_waits();
  report(2, {firing("b")});
  store.mine = false;
  control.end();
  report(3, {resolved("a")});
  store.hold_up(false);
  ASSERT_TRUE(wait_passed(3));
  EXPECT_EQ(passed(), (std::vector<std::string>{"a firing", "b firing", "a resolved"}));
  EXPECT_GE(lost, 1);
}

TEST_F(World, ThePositionNeverCoversWhatIsNotKept) {
  control.start(0, desk());
  store.hold_up(true);
  report(1, {firing("a")});
  store.wait_until_it_waits();
  report(2, {firing("b")});
  report(5000, {});
  store.mine = false;
  control.end();
  report(6000, {});
  store.hold_up(false);
  ASSERT_TRUE(wait_passed(2));
  std::size_t seen = 0;
  for (const auto& changes : store.kept()) {
    seen += changes.passed_on.size();
    if (changes.journal_position != 0) EXPECT_EQ(seen, 2u) << changes.journal_position;
  }
}

TEST_F(World, WhatTheOutboxKeepsWithADecisionAndWhatADigestWillTellAreNotHandedToIt) {
  control.start(0, desk());
  model::Delivery waits, fresh, gathered;
  waits.key = "waits", fresh.key = "fresh", gathered.key = "gathered";
  gathered.digest = "a digest";
  model::Changes with;
  with.deliveries = {waits};
  std::promise<base::Result<void>> done;
  control.conclude(
      with,
      [fresh, gathered](incidents::Desk&, base::Time) -> base::Result<model::Changes> {
        model::Changes decided;
        decided.deliveries = {gathered, fresh};
        return decided;
      },
      [&](base::Result<void> result) { done.set_value(std::move(result)); });
  EXPECT_TRUE(done.get_future().get());
  EXPECT_EQ(store.kept().back().deliveries.size(), 3u);
  EXPECT_EQ(sent, std::vector<std::string>{"fresh"});
}

TEST_F(World, WhatOthersPassedOnIsTakenOnceItIsDecided) {
  control.start(0, desk());
  model::Changes others;
  others.passed_on = {firing("b"), firing("c")};
  (void)store.commit(others);
  std::promise<base::Result<void>> done;
  control.take_passed(*store.passed_alerts(10), [&](base::Result<void> result) { done.set_value(std::move(result)); });
  EXPECT_TRUE(done.get_future().get().has_value());
  EXPECT_TRUE(store.passed_alerts(10)->empty());
  EXPECT_EQ(store.kept().back().alerts.size(), 2u);
}

TEST_F(World, WhatIsRefusedStaysToBeTakenByTheOther) {
  control.start(0, desk());
  model::Changes others;
  others.passed_on = {firing("b")};
  (void)store.commit(others);
  store.mine = false;
  std::promise<base::Result<void>> done;
  control.take_passed(*store.passed_alerts(10), [&](base::Result<void> result) { done.set_value(std::move(result)); });
  EXPECT_EQ(done.get_future().get().error().fault(), base::Fault::cancelled);
  EXPECT_EQ(store.passed_alerts(10)->size(), 1u);
}

}  // namespace
}  // namespace tocsin::pipeline
