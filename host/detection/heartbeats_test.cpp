// A manual clock, pings and what is decided: the state machine alone.
#include "detection/heartbeats.hpp"

#include <gtest/gtest.h>

namespace tocsin::detection {
namespace {

using model::BeatKind;
using std::chrono::minutes;
using std::chrono::seconds;
using Told = std::vector<std::string>;

class HeartbeatTest : public testing::Test {
 protected:
  HeartbeatTest() { watch(); }

  model::Heartbeat heartbeat(const std::string& name = "nightly-close") const {
    return {name, minutes(10), minutes(2), model::Severity::high, {{"team", "finance"}}};
  }
  void watch() {
    machine = Heartbeats();
    machine.learn(kept_records());
    machine.set({heartbeat()}, clock.now(), decided);
    keep();
    machine.take_over(alerts, clock.now(), decided);
    keep();
  }
  /// A process that begins with what was kept.
  void restart() { watch(); }
  /// What a store does with what was decided.
  void keep() {
    for (const auto& beat : decided.beats) apply(beat, records[beat.name]);
    for (const auto& alert : decided.alerts) {
      told_.push_back(alert.rule + " " + std::string(model::to_string(alert.state)));
      alerts.push_back(alert);
    }
    decided = {};
  }
  std::vector<model::HeartbeatRecord> kept_records() const {
    std::vector<model::HeartbeatRecord> out;
    for (const auto& [name, record] : records) out.push_back(record);
    return out;
  }
  void ping(BeatKind kind = BeatKind::success, int exit_status = -1, const std::string& note = {}) {
    const auto done = machine.ping({"nightly-close", kind, clock.now(), exit_status, {}, note}, decided);
    ASSERT_TRUE(done) << done.error().message();
    keep();
  }
  /// Time passes; what is due is judged at its instant.
  void pass(base::Duration duration) {
    const base::Time end = clock.now() + duration;
    while (auto due = machine.next_due()) {
      if (*due > end) break;
      clock.set(std::max(*due, clock.now()));
      machine.advance(clock.now(), decided);
      keep();
    }
    clock.set(end);
  }
  Told told() { return std::exchange(told_, {}); }
  model::HeartbeatView now() { return *machine.find("nightly-close", clock.now()); }

  base::ManualClock clock;
  Heartbeats machine;
  Heartbeats::Decided decided;
  std::map<std::string, model::HeartbeatRecord> records;
  std::vector<model::Alert> alerts;
  Told told_;
};

TEST_F(HeartbeatTest, IsMissedOneGraceAfterItWasExpected) {
  ping();
  pass(minutes(12) - seconds(1));
  EXPECT_EQ(told(), Told{});
  EXPECT_EQ(now().status, model::HeartbeatStatus::grace);
  pass(seconds(1));
  EXPECT_EQ(told(), Told{"HeartbeatMissed firing"});
  EXPECT_EQ(now().status, model::HeartbeatStatus::missed);
}

TEST_F(HeartbeatTest, OneThatNeverCameIsMissedToo) {
  EXPECT_EQ(now().status, model::HeartbeatStatus::fresh);
  pass(minutes(12));
  EXPECT_EQ(told(), Told{"HeartbeatMissed firing"});
  EXPECT_NE(alerts.back().annotations.get("message").find("has never reported"), std::string_view::npos);
}

TEST_F(HeartbeatTest, ASuccessResolves) {
  pass(minutes(12));
  told();
  ping();
  EXPECT_EQ(told(), Told{"HeartbeatMissed resolved"});
  EXPECT_EQ(now().status, model::HeartbeatStatus::up);
}

TEST_F(HeartbeatTest, EveryTimeItStaysAwayIsTold) {
  pass(minutes(12));
  ping();
  told();
  pass(minutes(12));
  EXPECT_EQ(told(), Told{"HeartbeatMissed firing"});
  EXPECT_FALSE(alerts.back().silent);
}

TEST_F(HeartbeatTest, AFailIsToldAtOnceWithItsStatusAndNote) {
  ping(BeatKind::fail, 3, "disk full\nsecond line");
  EXPECT_EQ(told(), Told{"HeartbeatFailed firing"});
  EXPECT_EQ(alerts.back().annotations.get("message"), "nightly-close failed with exit status 3: disk full");
  EXPECT_EQ(alerts.back().value, 3);
  EXPECT_EQ(now().status, model::HeartbeatStatus::failed);
  ping();
  EXPECT_EQ(told(), Told{"HeartbeatFailed resolved"});
}

TEST_F(HeartbeatTest, OneThatReportsItsFailuresIsNotMissed) {
  for (int i = 0; i < 5; ++i) {
    ping(BeatKind::fail);
    pass(minutes(10));
  }
  EXPECT_EQ(told(), Told{"HeartbeatFailed firing"});
  pass(minutes(2));
  EXPECT_EQ(told(), Told{"HeartbeatMissed firing"});
}

TEST_F(HeartbeatTest, ARunMustEndWithinItsGrace) {
  ping();
  pass(minutes(1));
  ping(BeatKind::start);
  EXPECT_TRUE(now().running);
  pass(minutes(2));
  EXPECT_EQ(told(), Told{"HeartbeatMissed firing"});
  EXPECT_NE(alerts.back().annotations.get("message").find("has not ended within 2m"), std::string_view::npos);
  ping();
  EXPECT_EQ(told(), Told{"HeartbeatMissed resolved"});
}

TEST_F(HeartbeatTest, ARunIsMeasured) {
  ping(BeatKind::start);
  pass(seconds(90));
  ping();
  EXPECT_EQ(now().record.last_duration, seconds(90));
  EXPECT_FALSE(now().running);
}

TEST_F(HeartbeatTest, AStartDoesNotPutOffWhatIsLate) {
  ping();
  pass(minutes(11));
  ping(BeatKind::start);
  pass(minutes(1));
  EXPECT_EQ(told(), Told{"HeartbeatMissed firing"});
}

TEST_F(HeartbeatTest, NothingIsLateBeforeOneGraceOfBeingUpAgain) {
  ping();
  clock.advance(minutes(30));  // the agent is down
  restart();
  EXPECT_EQ(told(), Told{});
  pass(minutes(2) - seconds(1));
  EXPECT_EQ(told(), Told{});
  pass(seconds(1));
  EXPECT_EQ(told(), Told{"HeartbeatMissed firing"});
}

TEST_F(HeartbeatTest, WhatWasMissedStaysSoOverARestart) {
  pass(minutes(12));
  told();
  restart();
  EXPECT_EQ(told(), Told{});
  EXPECT_EQ(now().status, model::HeartbeatStatus::missed);
  ping();
  EXPECT_EQ(told(), Told{"HeartbeatMissed resolved"});
}

TEST_F(HeartbeatTest, WhatFailedStaysSoOverARestart) {
  ping(BeatKind::fail, 1);
  told();
  restart();
  EXPECT_EQ(now().status, model::HeartbeatStatus::failed);
  ping();
  EXPECT_EQ(told(), Told{"HeartbeatFailed resolved"});
}

TEST_F(HeartbeatTest, AlertsCarryTheConfiguredSeverityAndLabels) {
  pass(minutes(12));
  EXPECT_EQ(alerts.back().labels, (model::Labels{{"alertname", "HeartbeatMissed"},
                                                 {"category", "INFRASTRUCTURE"},
                                                 {"heartbeat", "nightly-close"},
                                                 {"severity", "HIGH"},
                                                 {"team", "finance"}}));
  EXPECT_EQ(alerts.back().keeper, "heartbeats");
}

TEST_F(HeartbeatTest, OneThatIsNoLongerConfiguredIsOver) {
  pass(minutes(12));
  told();
  machine.set({heartbeat("other")}, clock.now(), decided);
  keep();
  EXPECT_EQ(told(), Told{"HeartbeatMissed resolved"});
}

TEST_F(HeartbeatTest, OneThatWasTakenOutWhileTheAgentWasDownIsOver) {
  pass(minutes(12));
  told();
  machine = Heartbeats();
  machine.set({heartbeat("other")}, clock.now(), decided);
  machine.take_over(alerts, clock.now(), decided);
  keep();
  EXPECT_EQ(told(), Told{"HeartbeatMissed resolved"});
}

TEST_F(HeartbeatTest, OneThatComesBackIntoTheConfigurationHasItsGrace) {
  ping();
  machine.set({}, clock.now(), decided);
  clock.advance(std::chrono::hours(5));
  machine.set({heartbeat()}, clock.now(), decided);
  keep();
  pass(minutes(2) - seconds(1));
  EXPECT_EQ(told(), Told{});
}

TEST_F(HeartbeatTest, AnUnknownNameNamesTheNearest) {
  const auto done = machine.ping({"nightly-clsoe", BeatKind::success, clock.now(), -1, {}, {}}, decided);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(), "there is no heartbeat \"nightly-clsoe\"; did you mean \"nightly-close\"?");
  EXPECT_TRUE(decided.empty());
}

TEST_F(HeartbeatTest, AnAgentThatDoesNotJudgeKeepsThePingAndTellsNothing) {
  machine.give_up();
  ping(BeatKind::fail);
  pass(minutes(30));
  EXPECT_EQ(told(), Told{});
  EXPECT_EQ(records["nightly-close"].last_kind, BeatKind::fail);
}

TEST_F(HeartbeatTest, WhoTakesOverContinuesWhatTheOtherTold) {
  pass(minutes(12));
  told();
  Heartbeats other;
  other.learn(kept_records());
  other.set({heartbeat()}, clock.now(), decided);
  other.take_over(alerts, clock.now(), decided);
  keep();
  EXPECT_EQ(told(), Told{});
  ASSERT_TRUE(other.ping({"nightly-close", BeatKind::success, clock.now(), -1, {}, {}}, decided));
  keep();
  EXPECT_EQ(told(), Told{"HeartbeatMissed resolved"});
}

TEST_F(HeartbeatTest, APingToAnotherAgentCounts) {
  ping();
  pass(minutes(9));
  model::HeartbeatRecord theirs = records["nightly-close"];
  apply({"nightly-close", BeatKind::success, clock.now(), -1, {}, {}}, theirs);
  machine.learn({theirs});
  pass(minutes(11));
  EXPECT_EQ(told(), Told{});
}

TEST_F(HeartbeatTest, RecordsOfTwoAgentsMergeInAnyOrder) {
  model::HeartbeatRecord a, b;
  apply({"x", BeatKind::start, clock.now(), -1, {}, {}}, a);
  apply({"x", BeatKind::success, clock.now() + seconds(5), 0, seconds(5), "done"}, b);
  model::HeartbeatRecord ab = a, ba = b;
  merge(b, ab);
  merge(a, ba);
  for (const auto& each : {ab, ba}) {
    EXPECT_EQ(each.last_start, clock.now());
    EXPECT_EQ(each.last_success, clock.now() + seconds(5));
    EXPECT_EQ(each.note, "done");
  }
}

}  // namespace
}  // namespace tocsin::detection
