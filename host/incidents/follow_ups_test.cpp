// Promises about `prefer` with `after`: who does not answer is told by the next way, who answers is left alone.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"
#include "incidents/people.hpp"
#include "incidents/trial.hpp"

namespace tocsin::incidents::testing::follow_ups_test {
namespace {

const Labels labels{{"alertname", "A"}};
const Told nothing;

/// first prefers sms, a call after two minutes, mail after seven; the ladder tells first, after 5 min second.
model::Routing preferring() {
  model::Routing r = ladder_routing();
  r.channels["ivr"] = channel("ivr", "ivr", "phone");
  r.contacts["first"].prefer = {{"sms", 0s}, {"ivr", 2min}, {"mail", 7min}};
  r.policies["page"] = policy("page", {{{"contact.first"}, 5min}, {{"sms:contact.second"}, 0min}});
  return r;
}

TEST(FollowUp, WhoDoesNotAnswerIsToldByTheNextWay) {
  World w(preferring());
  w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  w.pass(2min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"}));
  EXPECT_EQ(w.newest().reason, "ladder step 1, by preference");
  w.pass(3min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"})) << "the ladder's own time goes on";
  w.pass(2min);
  EXPECT_EQ(w.told(), (Told{"mail>first:FIRING"}));
  w.pass(24h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(FollowUp, AnAnswerWithdrawsTheWaysThatAreLeft) {
  World w(preferring());
  w.fire(labels);
  w.pass(1min);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "first"));
  w.told();
  w.pass(24h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(FollowUp, SoDoesTheEndOfTheIncident) {
  World w(preferring());
  const Alert a = w.fire(labels);
  w.pass(1min);
  w.resolve(a);
  w.told();
  w.pass(24h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(FollowUp, SurvivesARestart) {
  World w(preferring());
  w.fire(labels);
  w.pass(1min);
  w.restart();
  w.told();
  w.pass(1min);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"}));
  w.restart();
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING", "mail>first:FIRING"}));
}

TEST(FollowUp, IsMadeAtOnceWhereTheFirstWayFails) {
  World w(preferring());
  w.fire(labels);
  w.told();
  w.deliver_all(DeliveryState::dead);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"})) << "before the step passes on";
  w.deliver_all(DeliveryState::dead);
  EXPECT_EQ(w.told(), (Told{"mail>first:FIRING"}));
  w.deliver_all(DeliveryState::dead);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(FollowUp, IsMadeAtOnceWhereTheFirstMessageNeverArrived) {
  World w(preferring());
  w.fire(labels);
  w.told();
  const std::string key = w.store.order.back();
  w.deliver_all();
  w.keep(w.desk->on_lost(w.only().correlation_id, key, "sms to first", "UNDELIV", w.now()));
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"}));
}

TEST(FollowUp, WaitsWhatASilenceHoldsBack) {
  model::Routing r = preferring();
  World w(r);
  w.fire(labels);
  w.told();
  model::Silence silence;
  silence.matchers = matchers({R"(alertname="A")"});
  silence.starts_at = w.now();
  silence.ends_at = w.now() + 10min;
  silence.created_by = "alice";
  silence.comment = "known";
  ASSERT_EQ(w.act(w.desk->set_silence(silence, w.now())), "");
  w.pass(10min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told().size(), 3u) << "both ways and the second step";
}

TEST(FollowUp, StandsStillWithTheLadder) {
  World w(preferring());
  w.fire(labels);
  w.told();
  w.pass(1min);
  ASSERT_EQ(w.act(w.desk->snooze(w.only().correlation_id, w.now() + 1h, "alice", w.now())), "");
  w.told();
  w.pass(1h);
  w.told();
  w.pass(1min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"}));
}

TEST(FollowUp, StepsOutOfTheWayWhenSomebodyEscalates) {
  World w(preferring());
  w.fire(labels);
  ASSERT_EQ(w.act(w.desk->escalate(w.only().correlation_id, "first", w.now())), "");
  w.told();
  w.pass(24h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(FollowUp, IsForGroupsAndRotationsToo) {
  model::Routing r = preferring();
  r.policies["page"] = policy("page", {{{"group.platform"}, 1h}});
  World w(r);
  w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "mail>second:FIRING"}));
  w.pass(2min);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"})) << "second has no preference with a time";
}

TEST(FollowUp, APageByHandHasThemToo) {
  World w(preferring());
  w.fire(labels);
  w.pass(10min);
  w.told();
  ASSERT_EQ(w.act(w.desk->page(w.only().correlation_id, {"contact.first"}, "", "alice", w.now())), "");
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  w.pass(2min);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"}));
}

TEST(FollowUp, WithoutAWayBeforeItTheNextIsTheFirst) {
  model::Routing r = preferring();
  r.channels.erase("sms");
  r.policies["page"].steps[1].notify = {"mail:contact.second"};
  World w(r);
  w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"ivr>first:FIRING"}));
  w.pass(4min);
  EXPECT_EQ(w.told(), nothing) << "not twice by the same";
}

TEST(FollowUp, APreferenceWithoutATimeIsOnlyTheOther) {
  model::Routing r = preferring();
  r.contacts["first"].prefer = {{"sms", 0s}, {"mail", 0s}};
  EXPECT_TRUE(find_people(r, "contact.first").later.empty());
}

TEST(FollowUp, StandsInWhatComesNext) {
  World w(preferring());
  w.fire(labels);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 3u);
  EXPECT_EQ(next[0].what, "ladder step 1, by preference");
  EXPECT_EQ(next[0].target, "ivr:contact.first");
  EXPECT_EQ(next[0].at, w.now() + 2min);
  EXPECT_EQ(next[0].who, (Told{"first"}));
  EXPECT_EQ(next[1].what, "ladder step 2");
  EXPECT_EQ(next[2].at, w.now() + 7min);
}

TEST(FollowUp, StandsInATrialOfTheRoute) {
  World w(preferring());
  const Trial trial = try_routes(w.routing, w.alert(labels), w.now(), {});
  std::vector<std::string> messages;
  for (const auto& m : trial.messages)
    messages.push_back(base::format_duration(m.at - w.now()) + " " + m.step + " " + m.instance + ">" + m.who);
  EXPECT_EQ(messages, (Told{"0s ladder step 1 sms>first", "2m ladder step 1, by preference ivr>first",
                            "5m ladder step 2 sms>second", "7m ladder step 1, by preference mail>first"}));
}

}  // namespace
}  // namespace tocsin::incidents::testing::follow_ups_test
