// The state machine of received alerts, on its own: occurrences, ends, what costs a sender's repetition.
#include "incidents/received.hpp"

#include <gtest/gtest.h>

#include "base/id.hpp"

namespace tocsin::incidents {
namespace {

using namespace std::chrono_literals;
using base::Time;
using model::Alert;
using model::AlertState;
using model::Labels;
using model::ReceivedAlert;
using Changes = std::vector<Received::Change>;

const Labels manual{{"alertname", "Manual"}, {"node", "n1"}, {"severity", "warning"}};

class ReceivedTest : public ::testing::Test {
 protected:
  Time now() const { return clock.now(); }
  static ReceivedAlert sent(Time starts = {}, Time ends = {}, std::string note = "") {
    ReceivedAlert alert;
    alert.labels = manual;
    alert.starts_at = starts;
    alert.ends_at = ends;
    if (!note.empty()) alert.annotations = Labels{{"summary", note}};
    return alert;
  }
  Changes take(ReceivedAlert alert) {
    std::vector<ReceivedAlert> one;
    one.push_back(std::move(alert));
    return received.take(std::move(one), routing, now());
  }
  Changes pass(base::Duration duration) {
    const Time end = now() + duration;
    Changes all;
    while (auto due = received.next_due()) {
      if (*due > end) break;
      clock.set(std::max(*due, now()));
      for (auto& change : received.expire(now(), grace())) all.push_back(change);
    }
    clock.set(end);
    return all;
  }
  base::Duration grace() const { return routing.resolve_timeout; }
  const Alert& known() const { return *received.find(manual.fingerprint()); }
  /// What a restart finds in the store.
  void restart() {
    const Alert kept = known();
    received = {};
    received.restore({kept}, now(), grace());
  }

  base::ManualClock clock;
  model::Routing routing;
  Received received;
};

TEST_F(ReceivedTest, FingerprintsAreAlertmanagers) {
  take(sent());
  EXPECT_EQ(base::hex16(known().fingerprint), "172e140873e2d000");
}

TEST_F(ReceivedTest, FiresFromNowUntilTheTimeoutWhereNoTimesAreSent) {
  const Changes changes = take(sent());
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].news);
  EXPECT_EQ(known().state, AlertState::firing);
  EXPECT_EQ(known().starts_at, now());
  EXPECT_EQ(known().ends_at, now() + 5min);
  EXPECT_TRUE(known().end_assumed);
  EXPECT_TRUE(known().received);
}

TEST_F(ReceivedTest, BeginsWhenItEndsWhereOnlyTheEndIsSent) {
  take(sent({}, now() + 1min));
  EXPECT_EQ(known().starts_at, now() + 1min);
  EXPECT_FALSE(known().end_assumed);
}

TEST_F(ReceivedTest, SeverityAndCategoryComeFromTheLabels) {
  ReceivedAlert alert = sent();
  routing.severity.map = {{"warning", model::Severity::medium}};
  alert.labels.set("category", "log");
  take(alert);
  const auto found = received.find(alert.labels.fingerprint());
  EXPECT_EQ(found->severity, model::Severity::medium);
  EXPECT_EQ(found->category, model::Category::log);
  EXPECT_EQ(found->rule, "Manual");
  EXPECT_EQ(found->title, "Manual node=n1");
}

TEST_F(ReceivedTest, AnAlertWithoutANameHasOneForPeople) {
  ReceivedAlert alert;
  alert.labels = {{"foo", "bar"}};
  take(alert);
  EXPECT_EQ(received.find(alert.labels.fingerprint())->title, "unnamed foo=bar");
}

TEST_F(ReceivedTest, ARepetitionMovesItsEndAndIsNoNews) {
  take(sent());
  const std::string id = known().id;
  pass(1min);
  const Changes again = take(sent());
  ASSERT_EQ(again.size(), 1u);
  EXPECT_FALSE(again[0].news);
  EXPECT_EQ(known().id, id);
  EXPECT_EQ(known().ends_at, now() + 5min);
  EXPECT_EQ(known().starts_at, now() - 1min);
}

TEST_F(ReceivedTest, ARepetitionThatChangesNothingIsNothingToKeep) {
  const Time starts = now(), ends = now() + 4min;
  take(sent(starts, ends));
  pass(1s);
  EXPECT_TRUE(take(sent(starts, ends)).empty());
}

TEST_F(ReceivedTest, TheEarliestStartWinsWhoeverSendsIt) {
  const Time begin = now();
  take(sent(begin + 100ms));
  pass(200ms);
  const Changes earlier = take(sent(begin));
  ASSERT_EQ(earlier.size(), 1u);
  EXPECT_TRUE(earlier[0].news);
  EXPECT_EQ(known().starts_at, begin);
  pass(1s);
  take(sent(now()));
  EXPECT_EQ(known().starts_at, begin);
}

TEST_F(ReceivedTest, TheIdStaysThatOfTheFirstStart) {
  const Time begin = now();
  take(sent(begin));
  const std::string id = known().id;
  EXPECT_EQ(id, model::alert_id("Manual", manual, begin));
  take(sent(begin - 1h));
  EXPECT_EQ(known().starts_at, begin - 1h);
  EXPECT_EQ(known().id, id);
}

TEST_F(ReceivedTest, NewAnnotationsAreNews) {
  take(sent({}, {}, "v1"));
  pass(1s);
  const Changes changes = take(sent({}, {}, "v2"));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].news);
  EXPECT_EQ(known().annotations.get("summary"), "v2");
}

TEST_F(ReceivedTest, AnEndInThePastResolves) {
  const Time begin = now();
  take(sent(begin));
  pass(10s);
  const Changes changes = take(sent(begin, now() - 1s));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(known().state, AlertState::resolved);
  EXPECT_EQ(known().resolved_at, now() - 1s);
}

TEST_F(ReceivedTest, OfTwoResolvesTheLaterWins) {
  const Time begin = now();
  take(sent(begin));
  pass(5s);
  take(sent(begin + 2s, begin + 4500ms, "v2"));
  take(sent(begin + 2s, begin + 4800ms, "v3"));
  const Changes last = take(sent(begin + 2s, begin + 4100ms, "v3"));
  EXPECT_TRUE(last.empty());
  EXPECT_EQ(known().starts_at, begin);
  EXPECT_EQ(known().ends_at, begin + 4800ms);
  EXPECT_EQ(known().annotations.get("summary"), "v3");
}

TEST_F(ReceivedTest, AnAssumedEndDoesNotShortenOneThatWasSent) {
  take(sent(now(), now() + 30min));
  pass(1min);
  EXPECT_TRUE(take(sent()).empty());
  EXPECT_EQ(known().ends_at, now() + 29min);
}

TEST_F(ReceivedTest, AnEndThatIsSentReplacesAnAssumedOne) {
  take(sent());
  take(sent(now(), now() + 1min));
  EXPECT_EQ(known().ends_at, now() + 1min);
  EXPECT_EQ(pass(1min).size(), 1u);
  EXPECT_EQ(known().state, AlertState::resolved);
}

TEST_F(ReceivedTest, ResolvesByItselfAtItsEnd) {
  take(sent());
  EXPECT_TRUE(pass(5min - 1ms).empty());
  const Changes changes = pass(1ms);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].alert->state, AlertState::resolved);
  EXPECT_EQ(changes[0].alert->resolved_at, now());
}

TEST_F(ReceivedTest, DoesNotResolveWhileItIsSentAgain) {
  take(sent());
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(pass(4min).empty());
    take(sent());
  }
  EXPECT_EQ(known().state, AlertState::firing);
}

TEST_F(ReceivedTest, AfterItsEndItIsANewOccurrence) {
  take(sent());
  const std::string first = known().id;
  pass(6min);
  const Changes changes = take(sent());
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].news);
  EXPECT_NE(known().id, first);
  EXPECT_EQ(known().starts_at, now());
}

TEST_F(ReceivedTest, AnOldStartAfterItsEndGoesOnWithTheSameOccurrence) {
  const Time begin = now();
  take(sent(begin, begin + 1min));
  const std::string first = known().id;
  pass(2min);
  ASSERT_EQ(known().state, AlertState::resolved);
  take(sent(begin, now() + 4min));
  EXPECT_EQ(known().state, AlertState::firing);
  EXPECT_EQ(known().id, first);
  EXPECT_EQ(known().starts_at, begin);
  EXPECT_EQ(known().resolved_at, base::no_time);
}

TEST_F(ReceivedTest, WhatWasOverBeforeThisOneBeganChangesNothing) {
  take(sent(now()));
  const Alert before = known();
  EXPECT_TRUE(take(sent(now() - 2h, now() - 1h)).empty());
  EXPECT_EQ(known().state, AlertState::firing);
  EXPECT_EQ(known().ends_at, before.ends_at);
}

TEST_F(ReceivedTest, AStartToComeFiresNowAsInAlertmanager) {
  take(sent(now() + 1h));
  EXPECT_EQ(known().state, AlertState::firing);
  EXPECT_EQ(known().ends_at, now() + 1h + 5min);
  EXPECT_EQ(known().fired_at, now());
}

TEST_F(ReceivedTest, ResolvedFromTheStartIsKnownAsResolved) {
  const Changes changes = take(sent(now() - 2h, now() - 1h));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].alert->state, AlertState::resolved);
}

TEST_F(ReceivedTest, ForgetsWhatWasOverLongAgo) {
  take(sent());
  pass(5min + Received::kept);
  EXPECT_EQ(received.size(), 0u);
  EXPECT_FALSE(received.next_due());
}

TEST_F(ReceivedTest, TakesOneFingerprintSeveralTimesInOneMessage) {
  std::vector<ReceivedAlert> batch{sent(now() - 1s, {}, "a"), sent(now(), {}, "b"), sent(now() - 1s, now())};
  received.take(std::move(batch), routing, now());
  EXPECT_EQ(known().state, AlertState::resolved);
  EXPECT_EQ(received.size(), 1u);
}

TEST_F(ReceivedTest, AfterADowntimeItGetsOneTimeoutToBeSentAgain) {
  take(sent());
  clock.advance(1h);  // nobody runs
  restart();
  EXPECT_TRUE(pass(5min - 1ms).empty());
  EXPECT_EQ(known().state, AlertState::firing);
  EXPECT_EQ(pass(1ms).size(), 1u);
}

TEST_F(ReceivedTest, TheGraceDoesNotOutliveAnEndThatIsSent) {
  const Time begin = now();
  take(sent(begin, begin + 10min));
  clock.advance(9min);
  restart();
  EXPECT_EQ(known().ends_at, now() + 5min);
  take(sent(begin, now() + 1min));
  EXPECT_EQ(known().ends_at, now() + 1min);
}

TEST_F(ReceivedTest, ARestartKeepsTheOccurrence) {
  take(sent());
  const std::string id = known().id;
  clock.advance(1h);
  restart();
  clock.advance(1s);
  const Changes changes = take(sent());
  EXPECT_EQ(known().id, id);
  EXPECT_FALSE(changes.empty());
  EXPECT_FALSE(changes[0].news);
}

TEST_F(ReceivedTest, ARestartKeepsWhatResolvedLately) {
  const Time begin = now();
  take(sent(begin, begin + 1min));
  pass(2min);
  restart();
  EXPECT_EQ(known().state, AlertState::resolved);
  EXPECT_TRUE(take(sent(begin, begin + 30s)).empty());
}

TEST_F(ReceivedTest, OfSeveralRowsOfOneFingerprintTheNewestIsKnown) {
  take(sent());
  const Alert first = [&] {
    pass(6min);
    return known();
  }();
  take(sent());
  const Alert second = known();
  received = {};
  received.restore({second, first}, now(), grace());
  EXPECT_EQ(known().id, second.id);
  received = {};
  received.restore({first, second}, now(), grace());
  EXPECT_EQ(known().id, second.id);
}

TEST_F(ReceivedTest, ASuspendedMachineIsADowntimeToo) {
  take(sent());
  clock.advance(1h);
  EXPECT_TRUE(received.expire(now(), grace()).empty());
  EXPECT_EQ(known().state, AlertState::firing);
  EXPECT_EQ(known().ends_at, now() + 5min);
}

TEST_F(ReceivedTest, AClockSetBackDoesNotMakeItOlder) {
  take(sent());
  const Time updated = known().updated_at;
  clock.advance(-10s);
  take(sent({}, {}, "new"));
  EXPECT_GT(known().updated_at, updated);
}

TEST_F(ReceivedTest, AFarEndIsNoTrouble) {
  take(sent(now(), base::from_ns(9'183'110'400'000'000'000)));
  EXPECT_TRUE(pass(24h).empty());
  EXPECT_EQ(known().state, AlertState::firing);
  restart();
  EXPECT_EQ(base::to_ns(known().ends_at), 9'183'110'400'000'000'000);
}

TEST_F(ReceivedTest, RepetitionsDoNotFillTheTimers) {
  take(sent());
  for (int i = 0; i < 1000; ++i) {
    clock.advance(1ms);
    take(sent());
  }
  EXPECT_EQ(pass(5min - 1s).size(), 0u);
  EXPECT_EQ(pass(1s).size(), 1u);
  pass(Received::kept);
  EXPECT_FALSE(received.next_due());
}

}  // namespace
}  // namespace tocsin::incidents
