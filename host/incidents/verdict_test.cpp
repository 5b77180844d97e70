// Promises about verdicts: for each decision one row that says why somebody was or was not told, and none for sameness.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::verdict_test {
namespace {

using model::VerdictKind;
using Said = std::vector<std::string>;

const Labels one{{"alertname", "A"}, {"host", "1"}}, two{{"alertname", "A"}, {"host", "2"}};

model::Routing pooled(std::uint32_t alerts) {
  model::Routing r = routing();
  r.root->open_after = {alerts, 10min};
  return r;
}

TEST(Verdict, OfAGroupSaysThatItWaitsAndThenWhoWasTold) {
  World w(routing());
  const Alert a = w.fire(one);
  EXPECT_EQ(w.said(), (Said{"group_wait"}));
  EXPECT_EQ(w.last_verdict().until, w.now() + 30s);
  EXPECT_EQ(w.last_verdict().fingerprint, a.fingerprint);
  EXPECT_EQ(w.last_verdict().route, "root");
  EXPECT_EQ(w.last_verdict().group_key, R"({}:{alertname="A"})");
  w.pass(30s);
  EXPECT_EQ(w.said(), (Said{"told hook"}));
  const model::Verdict& told = w.last_verdict();
  EXPECT_EQ(told.at, w.now());
  EXPECT_EQ(told.alert_id, a.id);
  EXPECT_EQ(told.correlation_id, w.only().correlation_id);
  EXPECT_EQ(told.delivery_key, w.newest().key);
  EXPECT_EQ(told.text, "group flush: 1 firing");
}

TEST(Verdict, OfABurstIsOneRowForAllOfItsAlerts) {
  World w(routing());
  std::vector<Alert> burst;
  for (int i = 0; i < 1000; ++i) burst.push_back(w.alert({{"alertname", "A"}, {"host", std::to_string(i)}}));
  w.keep(w.desk->on_alerts(burst, w.now()));
  w.pass(30s);
  EXPECT_EQ(w.said(), (Said{"group_wait", "told hook"}));
  const model::Verdict& told = w.last_verdict();
  EXPECT_EQ(told.alerts, 1000u);
  EXPECT_EQ(told.labels, (Labels{{"alertname", "A"}})) << "what they have in common";
  EXPECT_EQ(told.rule, "A");
  for (const Alert& a : burst) EXPECT_TRUE(told.about(a.fingerprint));
  EXPECT_FALSE(told.about(7));
}

TEST(Verdict, OfAnAlertThatComesBetweenFlushesSaysWhenTheNextOneIs) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.said();
  const Time flushed = w.now();
  w.pass(1min);
  w.fire(two);
  w.fire({{"alertname", "A"}, {"host", "3"}});
  EXPECT_EQ(w.said(), (Said{"group_interval"})) << "once for each flush";
  EXPECT_EQ(w.last_verdict().until, flushed + 5min);
}

TEST(Verdict, OfWhatIsToldAlreadyIsSaidOnceAndNotAtEveryTick) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  const Time told = w.now();
  w.deliver_all();
  w.said();
  w.pass(3h);
  EXPECT_EQ(w.said(), (Said{"repeat_interval hook"}));
  EXPECT_EQ(w.last_verdict().until, told + 4h);
  w.restart();
  w.pass(30min);
  EXPECT_EQ(w.said(), Said{}) << "a restart says nothing anew";
}

TEST(Verdict, OfAnAlertOverBeforeTheFlushSaysSo) {
  World w(routing());
  const Alert a = w.fire(one);
  w.pass(10s);
  w.resolve(a);
  w.said();
  w.pass(20s);
  EXPECT_EQ(w.said(), (Said{"group_wait hook"}));
  EXPECT_EQ(w.last_verdict().text, "resolved before the flush that would have told it");
  w.pass(1h);
  EXPECT_EQ(w.said(), Said{});
}

TEST(Verdict, OfAMessageStillOnItsWaySaysInFlightOnce) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.fire(two);
  w.said();
  w.pass(11min);
  EXPECT_EQ(w.said(), (Said{"in_flight hook"}));
  EXPECT_TRUE(w.last_verdict().about(two.fingerprint()));
}

TEST(Verdict, OfAReFireWithinTheCooldownSaysUntilWhen) {
  World w(routing());
  Alert a = w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.resolve(a);
  w.pass(5min);
  w.deliver_all();
  w.said();
  Alert again = w.alert(one);
  again.silent = true;
  again.cooldown_until = w.now() + 8min;
  w.send(again);
  w.pass(5min);
  EXPECT_EQ(w.said(), (Said{"group_wait", "cooldown hook"}));
  EXPECT_EQ(w.last_verdict().until, again.cooldown_until);
  w.pass(4min);
  EXPECT_EQ(w.said(), Said{}) << "the same is not said at the next tick";
  w.pass(5min);
  EXPECT_EQ(w.said(), (Said{"told hook"}));
}

TEST(Verdict, BelowOpenAfterSaysHowManyOfHowMany) {
  World w(pooled(3));
  w.fire(one);
  EXPECT_EQ(w.said().front(), "below_open_after");
  EXPECT_EQ(w.store.verdicts.front().text, "1 of 3 alerts within 10m");
  Alert update = w.alert(one);
  update.id = w.store.alerts.begin()->second.id;
  update.value = 7;
  w.clock.advance(1s);
  update.updated_at = w.now();
  w.send(update);
  EXPECT_EQ(w.said(), Said{}) << "an update is no new alert";
  w.fire(two);
  EXPECT_EQ(w.said(), (Said{"below_open_after"}));
  EXPECT_EQ(w.last_verdict().text, "2 of 3 alerts within 10m");
}

TEST(Verdict, OfALadderNamesTheStepAndThePerson) {
  World w(ladder_routing());
  w.fire(one);
  EXPECT_EQ(w.said(), (Said{"told sms:contact.first>first"}));
  EXPECT_EQ(w.last_verdict().text, "ladder step 1");
  EXPECT_EQ(w.last_verdict().correlation_id, w.only().correlation_id);
  w.pass(5min);
  EXPECT_EQ(w.said(), (Said{"told sms:contact.second>second"}));
}

TEST(Verdict, OfAnAlertThatJoinsSaysThatItsIncidentWasTold) {
  World w(ladder_routing());
  w.fire(one);
  w.said();
  std::vector<Alert> burst;
  for (int i = 2; i < 100; ++i) burst.push_back(w.alert({{"alertname", "A"}, {"host", std::to_string(i)}}));
  w.keep(w.desk->on_alerts(burst, w.now()));
  EXPECT_EQ(w.said(), (Said{"repeat_interval"})) << "one row for all that joined together";
  EXPECT_EQ(w.last_verdict().alerts, 98u);
  EXPECT_EQ(w.last_verdict().until, w.now() + 5min) << "the ladder's next step";
}

TEST(Verdict, OfAnAcknowledgementNamesWhoAndWhatWasDue) {
  World w(ladder_routing());
  w.fire(one);
  w.said();
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "alice"));
  ASSERT_FALSE(w.store.verdicts.empty());
  const auto said = w.said();
  EXPECT_EQ(said.front(), "acknowledged");
  const model::Verdict& v = w.store.verdicts[1];
  EXPECT_EQ(v.by, "alice");
  EXPECT_NE(v.text.find("ladder step 2 was due at"), std::string::npos) << v.text;
  w.clock.advance(1s);
  w.fire(two);
  EXPECT_EQ(w.said(), (Said{"acknowledged"})) << "an alert that joins tells nobody either";
}

TEST(Verdict, OfARepeatedNoticeSaysFromWhenItMayGoAgain) {
  World w(ladder_routing());
  w.fire(one);
  w.deliver_all();
  w.keep(w.desk->note(w.only().correlation_id, "looking", "alice", w.now()).value());
  w.said();
  const Time first = w.now();
  w.clock.advance(1min);
  w.keep(w.desk->note(w.only().correlation_id, "still looking", "alice", w.now()).value());
  EXPECT_EQ(w.said(), (Said{"deduplicated sms:contact.first>first"}));
  EXPECT_EQ(w.last_verdict().until, first + 5min);
}

TEST(Verdict, OfADeadDeliveryCarriesItsError) {
  World w(ladder_routing());
  w.fire(one);
  w.said();
  w.store.deliveries.begin()->second.last_error = "sms: 401 at sms.corp";
  const std::string key = w.newest().key;
  w.deliver(key, DeliveryState::dead);
  const auto said = w.said();
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said.front(), "failed sms:contact.first>first");
  const model::Verdict& v = w.store.verdicts[1];
  EXPECT_EQ(v.text, "sms: 401 at sms.corp");
  EXPECT_EQ(v.delivery_key, key);
  EXPECT_EQ(v.correlation_id, w.only().correlation_id);
}

TEST(Verdict, WithoutAnyoneToTellSaysSo) {
  model::Routing nobody = ladder_routing();
  nobody.policies["page"].steps = {{{"sms:contact.ghost"}, 0min}};
  World w(nobody);
  w.fire(one);
  EXPECT_EQ(w.said(), (Said{"no_receiver sms:contact.ghost"}));
  EXPECT_NE(w.last_verdict().text.find("there is no contact \"ghost\""), std::string::npos) << w.last_verdict().text;

  model::Routing none = routing();
  none.root.reset();
  World unrouted(none);
  unrouted.fire(one);
  EXPECT_EQ(unrouted.said(), (Said{"no_receiver"}));
  EXPECT_EQ(unrouted.last_verdict().text, "no [route] is configured");

  model::Routing dead_target = routing();
  dead_target.root->notify = {"mail:contact.manager"};
  World v(dead_target);
  v.fire(one);
  v.pass(30min);
  EXPECT_EQ(v.said(), (Said{"group_wait", "no_receiver mail:contact.manager"})) << "not again at every tick";
}

TEST(Verdict, InShadowSaysThatNothingLeft) {
  model::Routing r = ladder_routing();
  r.shadow = true;
  World w(r);
  w.fire(one);
  EXPECT_EQ(w.said(), (Said{"shadow sms:contact.first>first"}));
}

TEST(Verdict, OfAnIncidentEndedByHandSaysThatItsAlertsStayQuiet) {
  World w(ladder_routing());
  w.fire(one);
  w.said();
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved, "alice"));
  EXPECT_EQ(w.said().front(), "acknowledged");
  EXPECT_EQ(w.store.verdicts[1].by, "alice");
}

// --- what comes next -------------------------------------------------------------------------------------------------

TEST(Next, NamesTheFlushAndWhatItWouldTell) {
  World w(routing());
  w.fire(one);
  w.fire(two);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].what, "group flush");
  EXPECT_EQ(next[0].at, w.now() + 30s);
  EXPECT_EQ(next[0].target, "hook");
  EXPECT_EQ(next[0].who, (std::vector<std::string>{"hook"}));
  EXPECT_EQ(next[0].alerts, 2u);
  EXPECT_EQ(next[0].text, "2 firing");
}

TEST(Next, AfterATellingIsTheFirstTickPastTheRepeatInterval) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  const Time told = w.now();
  w.deliver_all();
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  w.told();
  w.pass(next[0].at - w.now() - 1ns);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1ns);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"})) << "at the instant that was named";
  EXPECT_GT(w.now(), told + 4h);
}

TEST(Next, OfALadderIsItsNextStepUntilSomebodyAcknowledges) {
  World w(ladder_routing());
  w.fire(one);
  auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].what, "ladder step 2");
  EXPECT_EQ(next[0].at, w.now() + 5min);
  EXPECT_EQ(next[0].who, (std::vector<std::string>{"second"}));
  EXPECT_EQ(next[0].incident, w.only().number);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "alice"));
  EXPECT_TRUE(w.desk->next({}).empty());
}

TEST(Next, IsNarrowedByLabelsRuleIncidentAndPerson) {
  World w(ladder_routing());
  w.fire(one);
  w.fire({{"alertname", "B"}});
  EXPECT_EQ(w.desk->next({}).size(), 2u);
  EXPECT_EQ(w.desk->next({.matchers = matchers({"host=1"})}).size(), 1u);
  EXPECT_EQ(w.desk->next({.rule = "B"}).size(), 1u);
  EXPECT_EQ(w.desk->next({.incident = std::to_string(w.incidents()[0].number)}).size(), 1u);
  EXPECT_EQ(w.desk->next({.incident = "99"}).size(), 0u);
  EXPECT_EQ(w.desk->next({.who = "Second"}).size(), 2u);
  EXPECT_EQ(w.desk->next({.who = "manager"}).size(), 0u);
  EXPECT_EQ(w.desk->next({.most = 1}).size(), 1u);
}

TEST(Next, BelowOpenAfterSaysHowManyAreWanting) {
  World w(pooled(3));
  w.fire(one);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 2u);
  EXPECT_EQ(next[0].what, "group flush");
  EXPECT_EQ(next[1].what, "open_after");
  EXPECT_EQ(next[1].at, base::no_time);
  EXPECT_EQ(next[1].text, "1 of 3 alerts: an incident opens with 2 more within 10m");
}

}  // namespace
}  // namespace tocsin::incidents::testing::verdict_test
