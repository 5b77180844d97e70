// Promises about escalation: steps, waits, rounds, tiers, and who hears of the end.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

const Labels labels{{"alertname", "A"}};

TEST(Ladder, TakesItsFirstStepAtOnceAndTheOthersAfterTheirWaits) {
  World w(ladder_routing());
  w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_EQ(w.newest().address, "+1");
  EXPECT_EQ(w.newest().target, "sms:contact.first");
  w.pass(5min - 1s);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
  w.pass(10min);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
  w.pass(24h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Ladder, StopsWhenSomebodyAcknowledges) {
  World w(ladder_routing());
  w.fire(labels);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "first"));
  w.told();
  w.pass(24h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Ladder, ResolvingStopsItAndTellsEveryoneWhoWasTold) {
  World w(ladder_routing());
  const Alert a = w.fire(labels);
  w.pass(5min);
  w.told();
  w.resolve(a);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED", "sms>second:RESOLVED"}));
  w.pass(24h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Ladder, NobodyIsRungUpToHearThatItIsInHandOrOver) {
  model::Routing r = ladder_routing();
  r.channels["sms"].alarms_only = true;
  r.channels["sms"].send_resolved = false;
  World w(r);
  const Alert a = w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "second"));
  w.resolve(a);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Ladder, ItsEndRingsWhereThatIsAskedFor) {
  model::Routing r = ladder_routing();
  r.channels["sms"].alarms_only = true;
  World w(r);
  const Alert a = w.fire(labels);
  w.told();
  w.resolve(a);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED"}));
}

TEST(Ladder, WhoWasToldIsKnownAfterARestartAndAnAcknowledgement) {
  World w(ladder_routing());
  const Alert a = w.fire(labels);
  w.pass(5min);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "alice"));
  w.restart();
  w.told();
  w.resolve(a);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED", "sms>second:RESOLVED"}));
}

TEST(Ladder, ContinuesAfterARestartWhereItStood) {
  World w(ladder_routing());
  w.fire(labels);
  w.pass(3min);
  w.restart();
  w.told();
  w.pass(2min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Ladder, MakesUpForOneStepOnlyAfterALongOutage) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  w.clock.advance(24h);
  w.restart();
  w.pass(0s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Ladder, IsTheOneThatWasConfiguredWhenItBegan) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  model::Routing r = ladder_routing();
  r.policies["page"].steps.clear();
  w.desk->set_routing(r, w.now());
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Ladder, RepeatsAsOftenAsConfiguredAndThenTellsTheLast) {
  model::Routing r = ladder_routing();
  r.policies["page"] = policy("page", {{{"sms:contact.first"}, 5min}});
  r.policies["page"].repeat = 2;
  r.policies["page"].on_exhausted = {"mail:group.platform"};
  World w(r);
  const Alert a = w.fire(labels);
  w.pass(1h);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "sms>first:FIRING", "sms>first:FIRING", "mail>first:FIRING",
                            "mail>second:FIRING"}));
  w.restart();
  w.resolve(a);
  EXPECT_EQ(w.told().size(), 3u) << "each of them once";
}

TEST(Ladder, RepeatsForEver) {
  model::Routing r = ladder_routing();
  r.policies["page"] = policy("page", {{{"sms:contact.first"}, 5min}});
  r.policies["page"].repeat = -1;
  World w(r);
  w.fire(labels);
  w.pass(100 * 5min);
  EXPECT_EQ(w.told().size(), 101u);
}

TEST(Ladder, ForEverWithoutAWaitDoesNotRunHot) {
  model::Routing r = ladder_routing();
  r.policies["page"] = policy("page", {{{"sms:contact.nobody"}, 0min}});
  r.policies["page"].repeat = -1;
  World w(r);
  w.fire(labels);
  EXPECT_GE(*w.desk->next_due(), w.now() + 1min);
}

TEST(Ladder, PassesOnAtOnceWhenNoneOfItsSendsCanSucceed) {
  model::Routing r = ladder_routing();
  r.policies["page"].steps[0].notify = {"sms:group.platform"};
  World w(r);
  w.fire(labels);
  ASSERT_EQ(w.told().size(), 2u);
  w.deliver(w.store.order[0], DeliveryState::dead);
  EXPECT_EQ(w.told(), Told{}) << "the other one may still arrive";
  w.deliver(w.store.order[1], DeliveryState::dead);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Ladder, StaysWhenOneOfItsSendsSucceeded) {
  model::Routing r = ladder_routing();
  r.policies["page"].steps[0].notify = {"sms:group.platform"};
  World w(r);
  w.fire(labels);
  w.told();
  w.deliver(w.store.order[0]);
  w.deliver(w.store.order[1], DeliveryState::dead);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Ladder, PassesOnAlsoWhenItsSendsFailAfterARestart) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  w.restart();
  w.deliver_all(DeliveryState::dead);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Ladder, PassesOverAStepThatLeadsToNobody) {
  model::Routing r = ladder_routing();
  r.policies["page"].steps[0].notify = {"ivr:contact.first"};
  World w(r);
  w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Ladder, OfSeveralRoutesRunsAsOne) {
  model::Routing r = ladder_routing();
  r.policies["boss"] = policy("boss", {{{"mail:contact.second"}, 2min}, {{"sms:contact.manager"}, 0min}});
  for (const char* name : {"a", "b"}) {
    model::Route child = *r.root;
    child.routes.clear();
    child.path = std::string("root/") + name;
    child.continues = true;
    child.policy = name[0] == 'a' ? "page" : "boss";
    r.root->routes.push_back(child);
  }
  World w(r);
  w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "mail>second:FIRING"}));
  w.pass(2min);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
  w.pass(3min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Ladder, RunsBesideTheTargetsOfNotify) {
  model::Routing r = ladder_routing();
  r.root->notify = {"hook"};
  World w(r);
  w.fire(labels);
  w.pass(30s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "hook:FIRING"}));
}

TEST(Ladder, SaysWhatWasToldInTheTimeline) {
  World w(ladder_routing());
  w.fire(labels);
  w.deliver_all();
  EXPECT_EQ(w.store.timeline.back().what, "notified");
  EXPECT_EQ(w.store.timeline.back().to, "sms to first");
  w.pass(5min);
  EXPECT_EQ(w.store.timeline.back().what, "escalated");
}

class Tier : public ::testing::Test {
 protected:
  static model::Routing make() {
    model::Routing r = routing();
    r.channels["slack"] = channel("slack", "slack", "slack");
    r.channels["ivr"] = channel("ivr", "ivr", "phone");
    r.contacts["first"].slack = "U1";
    r.groups["oncall"] = {"oncall", {"first"}};
    r.root->notify.clear();
    return r;
  }
  static Told run(const model::Routing& r, Severity severity, base::Duration time = 0s) {
    World w(r);
    w.fire(labels, severity);
    w.told();
    World again(r);
    again.fire(labels, severity);
    if (time == 0s) return again.told();
    w.pass(time);
    return w.told();
  }
};

TEST_F(Tier, OfCriticalTellsEveryChannelAtOnceAndThenTheManager) {
  EXPECT_EQ(run(make(), Severity::critical),
            (Told{"ivr>first:FIRING", "sms>first:FIRING", "mail>first:FIRING", "slack>first:FIRING"}));
  EXPECT_EQ(run(make(), Severity::critical, 5min), (Told{"ivr>manager:FIRING"}));
}

TEST_F(Tier, OfHighClimbsTheRungsItHasNotUsed) {
  EXPECT_EQ(run(make(), Severity::high), (Told{"sms>first:FIRING", "mail>first:FIRING", "slack>first:FIRING"}));
  EXPECT_EQ(run(make(), Severity::high, 15min), (Told{"ivr>first:FIRING"}));
  EXPECT_EQ(run(make(), Severity::high, 30min), (Told{"ivr>first:FIRING", "ivr>manager:FIRING"}));
}

TEST_F(Tier, OfMediumWaitsAnHour) {
  EXPECT_EQ(run(make(), Severity::medium), (Told{"mail>first:FIRING", "slack>first:FIRING"}));
  EXPECT_EQ(run(make(), Severity::medium, 60min), (Told{"sms>first:FIRING"}));
}

TEST_F(Tier, OfLowTellsSlackAndClimbsNowhere) {
  EXPECT_EQ(run(make(), Severity::low), (Told{"slack>first:FIRING"}));
  EXPECT_EQ(run(make(), Severity::low, 24h), Told{});
}

TEST_F(Tier, SkipsChannelsWithoutAnInstance) {
  model::Routing r = make();
  r.channels.erase("ivr");
  r.channels.erase("slack");
  EXPECT_EQ(run(r, Severity::critical), (Told{"sms>first:FIRING", "mail>first:FIRING"}));
}

TEST_F(Tier, TellsEveryContactWithoutAnOncallGroup) {
  model::Routing r = make();
  r.groups.erase("oncall");
  r.channels.erase("ivr");
  r.channels.erase("slack");
  r.contacts.erase("manager");
  EXPECT_EQ(run(r, Severity::high),
            (Told{"sms>first:FIRING", "sms>second:FIRING", "mail>first:FIRING", "mail>second:FIRING"}));
}

TEST_F(Tier, ARiseInSeverityTellsByTheHigherTier) {
  World w(make());
  Alert a = w.fire(labels, Severity::medium);
  w.told();
  a.severity = Severity::critical;
  a.updated_at += 1s;
  w.send(a);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING", "sms>first:FIRING", "mail>first:FIRING", "slack>first:FIRING"}));
}

TEST_F(Tier, IsNotUsedWhereTheRouteHasNotify) {
  model::Routing r = make();
  r.root->notify = {"hook"};
  EXPECT_EQ(run(r, Severity::critical), Told{});
}

}  // namespace
}  // namespace tocsin::incidents::testing
