// Promises about when people are told because somebody decided so: snoozes, acknowledgements that expire, the next step
// by hand, pages.
#include <gtest/gtest.h>

#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

const Labels alert_a{{"alertname", "A"}};

/// One incident on the ladder first → 5 min → second → 10 min → manager.
class Pace : public ::testing::Test {
 protected:
  Pace() { alert = w.fire(alert_a), id = w.only().correlation_id, w.told(); }
  std::string snooze(base::Duration span) { return w.act(w.desk->snooze(id, w.now() + span, "alice", w.now())); }
  std::string wake() { return w.act(w.desk->snooze(id, base::no_time, "alice", w.now())); }
  std::string ack(base::Duration lasts, const std::string& by = "alice") {
    return w.act(w.desk->set_status(id, {IncidentStatus::acknowledged, by, "", "", lasts}, w.now()));
  }
  std::string escalate() { return w.act(w.desk->escalate(id, "alice", w.now())); }
  std::string page(const std::vector<std::string>& to, const std::string& text = "") {
    return w.act(w.desk->page(id, to, text, "alice", w.now()));
  }

  World w{ladder_routing()};
  Alert alert;
  std::string id;
};

TEST_F(Pace, ASnoozeKeepsTheTimeTheLadderHadLeft) {
  w.pass(2min);
  EXPECT_EQ(snooze(30min), "");
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE"}));
  w.pass(30min);
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE"})) << "the snooze is over";
  w.pass(3min - 1s);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST_F(Pace, ASnoozeSaysSoInTheTimelineAndInTheIncident) {
  snooze(30min);
  EXPECT_EQ(w.only().snoozed_until, w.now() + 30min);
  EXPECT_EQ(w.history(1), (Told{"snoozed by alice:  → until 2023-11-14T22:43:20Z"}));
  w.pass(30min);
  EXPECT_EQ(w.only().snoozed_until, base::no_time);
  EXPECT_EQ(w.history(1), (Told{"snoozed by tocsin: until 2023-11-14T22:43:20Z → "}));
}

TEST_F(Pace, ASnoozeSurvivesARestart) {
  w.pass(2min);
  snooze(30min);
  w.told();
  w.restart();
  w.pass(29min);
  EXPECT_EQ(w.told(), Told{});
  w.restart();
  w.pass(1min);
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE"}));
  w.pass(3min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST_F(Pace, ASnoozeThatEndedDuringAnOutageWakesAtTheStart) {
  snooze(30min);
  w.told();
  w.clock.advance(2h);
  w.restart();
  w.pass(1s);
  EXPECT_EQ(w.only().snoozed_until, base::no_time);
}

TEST_F(Pace, WakingEarlyGoesOnFromThere) {
  w.pass(2min);
  snooze(30min);
  w.pass(10min);
  EXPECT_EQ(wake(), "");
  w.told();
  w.pass(3min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
  EXPECT_NE(wake().find("is not snoozed"), std::string::npos);
}

TEST_F(Pace, ALongerSnoozeReplacesAShorterOne) {
  w.pass(2min);
  snooze(10min);
  w.pass(5min);
  EXPECT_EQ(snooze(30min), "");
  w.told();
  w.pass(33min - 1s);
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE"}));
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST_F(Pace, AcknowledgingAndResolvingEndASnooze) {
  snooze(30min);
  ack({});
  EXPECT_EQ(w.only().snoozed_until, base::no_time);
  w.told();
  w.pass(2h);
  EXPECT_EQ(w.told(), Told{});
}

TEST_F(Pace, ARiseInSeverityEndsASnooze) {
  snooze(30min);
  w.told();
  Alert worse = alert;
  worse.severity = Severity::critical;
  worse.updated_at = w.now() + 1s;
  w.send(worse);
  EXPECT_EQ(w.only().snoozed_until, base::no_time);
}

TEST_F(Pace, AStepThatCannotBeSentWaitsForTheEndOfTheSnooze) {
  snooze(30min);
  w.told();
  w.deliver_all(DeliveryState::dead);
  EXPECT_EQ(w.told(), Told{});
  w.pass(30min);
  const Told told = w.told();
  EXPECT_NE(std::ranges::find(told, "sms>second:FIRING"), told.end());
}

TEST_F(Pace, RefusesASnoozeThatIsNone) {
  EXPECT_NE(snooze(-1s).find("between now and in 30 days"), std::string::npos);
  EXPECT_NE(snooze(24h * 31).find("between now and in 30 days"), std::string::npos);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved));
  EXPECT_NE(snooze(1h).find("is RESOLVED; only one that is OPEN, ACKNOWLEDGED or IN_PROGRESS can be snoozed"),
            std::string::npos);
}

TEST_F(Pace, AnAcknowledgementExpiresWithAReminderAndTheLadderGoesOn) {
  EXPECT_EQ(ack(1h), "");
  EXPECT_EQ(w.only().ack_expires_at, w.now() + 1h);
  w.told();
  w.pass(1h - 1s);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_EQ(w.newest().reason, "acknowledgement expired");
  EXPECT_NE(w.newest().text.find("the acknowledgement by alice expired"), std::string::npos);
  EXPECT_EQ(w.only().status, IncidentStatus::open);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST_F(Pace, AnExpiryKeepsWhenTheFirstAcknowledgementWas) {
  const base::Time first = w.now();
  ack(1h);
  w.pass(1h);
  EXPECT_EQ(w.only().acknowledged_at, first);
  EXPECT_EQ(w.only().acknowledged_by, "");
}

TEST_F(Pace, AnAcknowledgementExpiresAlsoAcrossARestart) {
  ack(1h);
  w.told();
  w.restart();
  w.pass(1h);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

TEST_F(Pace, WhoAcknowledgedIsRemindedThoughNotToldBefore) {
  ack(1h, "second@corp");
  w.told();
  w.pass(1h);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "mail>second:FIRING"}));
}

TEST_F(Pace, AnAcknowledgementMayBeGivenAgain) {
  ack(1h);
  w.pass(30min);
  EXPECT_EQ(ack(2h), "");
  EXPECT_EQ(w.only().ack_expires_at, w.now() + 2h);
  EXPECT_EQ(w.history(1), (Told{"acknowledgement by alice: until 2023-11-14T23:13:20Z → until 2023-11-15T00:43:20Z"}));
  EXPECT_EQ(ack({}), "") << "for good";
  EXPECT_EQ(w.only().ack_expires_at, base::no_time);
  EXPECT_NE(ack({}).find("cannot become ACKNOWLEDGED"), std::string::npos);
  w.told();
  w.pass(24h);
  EXPECT_EQ(w.told(), Told{});
}

TEST_F(Pace, WorkThatBeganDoesNotExpire) {
  ack(1h);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::in_progress));
  w.pass(2h);
  EXPECT_EQ(w.only().status, IncidentStatus::in_progress);
}

TEST_F(Pace, OnlyAnAcknowledgementLastsForATime) {
  const auto refused = w.desk->set_status(id, {IncidentStatus::in_progress, "alice", "", "", 1h}, w.now());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::invalid);
}

TEST_F(Pace, AfterAnExpiryALadderAtItsEndBeginsAnew) {
  w.pass(15min);
  ack(1h);
  w.told();
  w.pass(1h + 1min);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "sms>second:FIRING", "sms>manager:FIRING", "sms>first:FIRING"}));
}

TEST_F(Pace, EscalatingTakesTheNextStepNowAndTheLadderGoesOnFromThere) {
  w.pass(1min);
  EXPECT_EQ(escalate(), "");
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
  EXPECT_EQ(w.history(1), (Told{"escalated by alice: step 1 → sms:contact.second"}));
  w.pass(10min);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
}

TEST_F(Pace, EscalatingWhatSomebodyWorksOnLeavesTheLadderStopped) {
  ack({});
  w.told();
  EXPECT_EQ(escalate(), "");
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
  EXPECT_EQ(w.only().status, IncidentStatus::acknowledged);
  w.restart();
  w.pass(24h);
  EXPECT_EQ(w.told(), Told{});
}

TEST_F(Pace, EscalatingEndsASnooze) {
  snooze(1h);
  w.told();
  EXPECT_EQ(escalate(), "");
  EXPECT_EQ(w.only().snoozed_until, base::no_time);
  const Told told = w.told();
  EXPECT_NE(std::ranges::find(told, "sms>second:FIRING"), told.end());
}

TEST_F(Pace, ALadderAtItsEndCannotBeEscalatedAndTheMessageSaysWhatToDo) {
  w.pass(15min);
  const std::string refused = escalate();
  EXPECT_NE(refused.find("has climbed its ladder to the end"), std::string::npos) << refused;
  EXPECT_NE(refused.find("tocsin incident page 1001 --to TARGET"), std::string::npos) << refused;
}

TEST(Escalate, AnIncidentWithoutALadderSaysSo) {
  World w(routing());
  w.fire(alert_a);
  const auto refused = w.act(w.desk->escalate("1001", "alice", w.now()));
  EXPECT_NE(refused.find("has no ladder"), std::string::npos) << refused;
}

TEST_F(Pace, APageTellsItsTargetsNowAndTheyHearOfTheEnd) {
  EXPECT_EQ(page({"mail:contact.second", "hook"}, "please look"), "");
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING", "hook:FIRING"}));
  EXPECT_EQ(w.newest().reason, "paged by alice");
  EXPECT_EQ(w.newest().note, "please look");
  EXPECT_EQ(w.history(1), (Told{"paged by alice:  → mail:contact.second, hook"}));
  w.resolve(alert);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED", "mail>second:RESOLVED", "hook:RESOLVED"}));
}

TEST_F(Pace, APageLeavesTheLadderAsItIs) {
  w.pass(1min);
  page({"hook"});
  w.told();
  w.pass(4min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST_F(Pace, RefusesAPageThatReachesNobody) {
  EXPECT_NE(page({"sms:contact.frist"}).find("leads to nobody"), std::string::npos);
  EXPECT_NE(page({"hook", "mail:contact.manager"}).find("\"mail:contact.manager\" leads to nobody"), std::string::npos);
  EXPECT_EQ(w.told(), Told{}) << "all of them, or none";
}

}  // namespace
}  // namespace tocsin::incidents::testing
