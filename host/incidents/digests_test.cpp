// Promises about storms: who is flooded gets digests, nothing is lost, and it ends by itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::digests_test {
namespace {

model::Routing stormy(model::Routing r) {
  r.storm.after = 3;
  r.root->group_wait = 0s;
  return r;
}

void fire_many(World& w, int count, Severity severity = Severity::high, const std::string& name = "A") {
  for (int i = 0; i < count; ++i) w.fire(Labels{{"alertname", name + std::to_string(i)}}, severity);
}

std::size_t waiting(const World& w) {
  return static_cast<std::size_t>(std::ranges::count_if(w.store.deliveries, [](const auto& entry) {
    return !entry.second.digest.empty() && entry.second.state == DeliveryState::pending;
  }));
}

const Told three{"hook:FIRING", "hook:FIRING", "hook:FIRING"}, one{"hook:FIRING"};

TEST(Digest, TellsWhatIsBeyondInOneMessage) {
  World w(stormy(routing()));
  fire_many(w, 10);
  EXPECT_EQ(w.told(), three);
  w.pass(59s);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1s);
  ASSERT_EQ(w.told(), one);
  EXPECT_EQ(w.newest().alerts.size(), 7u);
  EXPECT_EQ(w.newest().title, "7 messages in one: 7 groups, 7 incidents, 7 alerts");
  EXPECT_TRUE(w.newest().text.starts_with("[DIGEST:7] 7 messages in one")) << w.newest().text;
  EXPECT_NE(w.newest().text.find("HIGH A3; HIGH A4"), std::string::npos) << w.newest().text;
  EXPECT_NE(w.newest().text.find("and 2 more"), std::string::npos) << w.newest().text;
}

TEST(Digest, EachOfItsAlertsCountsAsTold) {
  World w(stormy(routing()));
  fire_many(w, 10);
  w.pass(1min);
  EXPECT_EQ(std::ranges::count(w.store.verdicts, model::VerdictKind::storm, &model::Verdict::kind), 7);
  EXPECT_EQ(std::ranges::count(w.store.verdicts, "group flush: told in a digest of 7", &model::Verdict::text), 7);
  w.deliver_all();
  w.told();
  EXPECT_EQ(waiting(w), 0u);
  w.pass(1h);
  w.deliver_all();
  EXPECT_EQ(w.told(), Told{});
}

TEST(Digest, NamesTheWorstFirst) {
  World w(stormy(routing()));
  fire_many(w, 5, Severity::low);
  fire_many(w, 1, Severity::high, "B");
  w.pass(1min);
  EXPECT_EQ(w.newest().alerts.front().title, "B0");
  EXPECT_EQ(w.newest().incident.severity, Severity::high);
}

TEST(Digest, NeverHoldsTheFirstMessageOfSomethingCritical) {
  World w(stormy(routing()));
  fire_many(w, 5);
  w.told();
  fire_many(w, 2, Severity::critical, "C");
  EXPECT_EQ(w.told(), (Told{"hook:FIRING", "hook:FIRING"}));
  World climbing(stormy(ladder_routing()));
  fire_many(climbing, 5);
  climbing.told();
  fire_many(climbing, 1, Severity::critical, "C");
  EXPECT_EQ(climbing.told(), (Told{"sms>first:FIRING"}));
}

TEST(Digest, TheStormEndsByItself) {
  World w(stormy(routing()));
  fire_many(w, 10);
  w.pass(2min);
  w.deliver_all();
  w.told();
  w.fire(Labels{{"alertname", "Later"}});
  EXPECT_EQ(w.told(), one);
  EXPECT_EQ(waiting(w), 0u);
}

TEST(Digest, WhileItGathersNothingOvertakes) {
  World w(stormy(routing()));
  fire_many(w, 3);
  w.pass(30s);
  fire_many(w, 1, Severity::high, "B");
  w.told();
  w.pass(45s);  // the first three are out of the window, B0 waits no more than 15 s
  w.fire(Labels{{"alertname", "Late"}});
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(waiting(w), 2u);
  w.pass(15s);
  EXPECT_EQ(w.told(), one);
}

TEST(Digest, IsEachRecipientsOwn) {
  model::Routing r = stormy(routing());
  r.root->notify = {"hook", "mail:contact.first"};
  model::Route quiet = *r.root;
  quiet.name = "quiet";
  quiet.path = "root/quiet";
  quiet.notify = {"mail:contact.second"};
  quiet.matchers = matchers({R"(alertname="Quiet")"});
  r.root->routes = {quiet};
  World w(r);
  fire_many(w, 5);
  w.told();
  w.fire(Labels{{"alertname", "Quiet"}});
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING"}));
}

TEST(Digest, WhatIsOwedStaysOwedOverARestart) {
  World w(stormy(routing()));
  fire_many(w, 10);
  w.told();
  w.restart();
  w.pass(30s);
  w.restart();
  w.pass(30s);
  ASSERT_EQ(w.told(), one);
  EXPECT_EQ(w.newest().alerts.size(), 7u);
  w.restart();  // the digest is on its way
  w.pass(10min);
  EXPECT_EQ(w.told(), Told{});
  w.deliver_all();
  EXPECT_EQ(waiting(w), 0u);
  w.restart();
  w.pass(1h);
  w.deliver_all();
  EXPECT_EQ(w.told(), Told{});
}

TEST(Digest, ThatCouldNotBeSentToldNobody) {
  World w(stormy(routing()));
  fire_many(w, 5);
  w.pass(1min);
  w.told();
  w.deliver_all(DeliveryState::dead);
  w.pass(5min);
  EXPECT_NE(w.told(), Told{}) << "told again at the next flush";
}

TEST(Digest, IsTheStepOfALadder) {
  World w(stormy(ladder_routing()));
  fire_many(w, 5);
  w.told();
  w.pass(1min);
  ASSERT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_EQ(w.newest().title, "2 messages in one: 0 groups, 2 incidents, 2 alerts");
  w.deliver_all();
  EXPECT_EQ(w.history(1), (Told{"notified by tocsin:  → sms to first"}));
  w.pass(4min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING", "sms>second:FIRING", "sms>second:FIRING"}))
      << "each ladder went on from when its step was taken";
}

TEST(Digest, DoesNotHoldAPageByHand) {
  World w(stormy(ladder_routing()));
  fire_many(w, 5);
  w.told();
  ASSERT_EQ(w.act(w.desk->page(w.incidents().front().correlation_id, {"sms:contact.first"}, "look", "alice", w.now())),
            "");
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

TEST(Digest, IsOffUnlessConfigured) {
  model::Routing r = routing();
  r.root->group_wait = 0s;
  World w(r);
  fire_many(w, 200);
  EXPECT_EQ(w.told().size(), 200u);
}

}  // namespace
}  // namespace tocsin::incidents::testing::digests_test
