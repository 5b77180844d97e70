// Promises about flap damping: what it holds back, what it says, and that it delays no state.
#include <gtest/gtest.h>

#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::flapping_test {
namespace {

const Labels flappy{{"alertname", "Flappy"}}, other{{"alertname", "Flappy"}, {"host", "2"}};

model::Routing m_of_n(model::Routing r) {
  r.root->flaps.m = 2;
  r.root->flaps.n = 3;
  return r;
}

model::Routing flap_detection(model::Routing r) {
  r.root->flaps.high = 30;
  r.root->flaps.low = 20;
  return r;
}

/// An alert that changes once a minute; every message arrives.
class Flapper {
 public:
  explicit Flapper(World& world) : world_(world) {}

  void change() {
    if (alert_.state == AlertState::firing)
      alert_ = world_.resolve(alert_);
    else
      alert_ = world_.fire(flappy);
    world_.deliver_all();
  }
  void flap(int changes) {
    for (int i = 0; i < changes; ++i) {
      change();
      wait(1min);
    }
  }
  void wait(base::Duration duration) {
    for (const Time end = world_.now() + duration; world_.now() < end;) {
      world_.pass(10s);
      world_.deliver_all();
    }
  }
  bool fires() const { return alert_.state == AlertState::firing; }

 private:
  World& world_;
  Alert alert_;
};

bool says_flapping(const Delivery& message) {
  return std::ranges::any_of(message.alerts, [](const Alert& a) { return a.annotations.has("flapping"); });
}

std::size_t said_of(const World& w, model::VerdictKind kind) {
  return static_cast<std::size_t>(std::ranges::count(w.store.verdicts, kind, &model::Verdict::kind));
}

// --- M of N ----------------------------------------------------------------------------------------------------------

TEST(MOfN, IsToldOnceSoManyReportsSaidThatItFires) {
  World w(m_of_n(routing()));  // the clock stands 20 s after a whole minute
  w.fire(flappy);
  w.pass(99s);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(w.said(), (Told{"group_wait", "flapping hook"}));
  EXPECT_EQ(w.last_verdict().by, "m_of_n 2 of 3");
  EXPECT_EQ(w.last_verdict().until, w.now() + 1s);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"})) << "not only at the next group_interval: nobody was told yet";
}

TEST(MOfN, WhatIsOverBeforeIsNeverToldAndDelaysNoState) {
  World w(m_of_n(routing()));
  const Alert a = w.fire(flappy);
  EXPECT_EQ(w.only().status, IncidentStatus::open);
  w.pass(50s);
  w.resolve(a);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
  w.pass(10min);
  EXPECT_EQ(w.told(), Told{});
}

TEST(MOfN, TheEndOfWhatWasToldIsNotHeld) {
  World w(m_of_n(routing()));
  const Alert a = w.fire(flappy);
  w.pass(100s);
  w.deliver_all();
  w.told();
  w.resolve(a);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
}

TEST(MOfN, HoldsALaddersFirstStepAlsoOverARestart) {
  World w(m_of_n(ladder_routing()));
  w.fire(flappy);
  w.pass(50s);
  w.restart();
  w.pass(49s);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

TEST(MOfN, WhenItIsToldIsForeseen) {
  for (const model::Routing& routing : {m_of_n(routing()), m_of_n(ladder_routing())}) {
    World w(routing);
    w.fire(flappy);
    const auto next = w.desk->next({});
    ASSERT_EQ(next.size(), 1u);
    ASSERT_TRUE(next[0].held);
    EXPECT_EQ(next[0].held->by, "m_of_n 2 of 3");
    EXPECT_EQ(next[0].at, w.now() + 100s);
    w.pass(99s);
    EXPECT_EQ(w.told(), Told{});
    w.pass(1s);
    EXPECT_EQ(w.told().size(), 1u);
  }
}

// --- flap detection, by groups ---------------------------------------------------------------------------------------

TEST(FlapDetection, TellsOnceThatItFlapsAndOnceWhatItIsWhenItHasSettled) {
  World w(flap_detection(routing()));
  Flapper flapper(w);
  flapper.flap(6);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING", "hook:RESOLVED"}));
  EXPECT_TRUE(says_flapping(w.newest())) << "34 % with the sixth change";
  EXPECT_NE(w.newest().text.find("flapping"), std::string::npos);
  flapper.flap(31);
  ASSERT_TRUE(flapper.fires());
  EXPECT_EQ(w.told(), Told{});
  EXPECT_GT(said_of(w, model::VerdictKind::flapping), 0u);
  EXPECT_EQ(w.only().status, IncidentStatus::open) << "its state goes on";
  flapper.wait(30min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_FALSE(says_flapping(w.newest()));
  EXPECT_NE(w.newest().text.find("settled"), std::string::npos);
}

TEST(FlapDetection, AnEndThatWasHeldIsToldWhenItHasSettled) {
  World w(flap_detection(routing()));
  Flapper flapper(w);
  flapper.flap(10);
  ASSERT_FALSE(flapper.fires());
  w.told();
  flapper.wait(1h);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
  EXPECT_TRUE(w.store.groups.empty() || w.store.groups.size() == 1) << "only its reports, until they are blank";
  flapper.wait(1h);
  EXPECT_TRUE(w.store.groups.empty());
}

TEST(FlapDetection, OutlivesRestarts) {
  World w(flap_detection(routing()));
  Flapper flapper(w);
  flapper.flap(6);
  w.told();
  for (int i = 0; i < 10; ++i) {
    flapper.flap(1);
    w.restart();
  }
  EXPECT_EQ(w.told(), Told{}) << "known to flap, and told of it";
  flapper.wait(10min);
  w.restart();
  flapper.wait(20min);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
  flapper.wait(3h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(FlapDetection, HoldsNobodyElse) {
  World w(flap_detection(routing()));
  Flapper flapper(w);
  flapper.flap(8);
  w.told();
  w.fire(other);
  flapper.wait(5min);
  ASSERT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_EQ(w.newest().alerts.size(), 1u);
  EXPECT_EQ(w.newest().alerts.front().labels, other);
}

TEST(FlapDetection, TurnedOffItTellsWhatWasHeld) {
  World w(flap_detection(routing()));
  Flapper flapper(w);
  flapper.flap(9);
  w.told();
  w.routing.root->flaps = {};
  w.desk->set_routing(w.routing, w.now());
  flapper.wait(5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

// --- by ladders ------------------------------------------------------------------------------------------------------

TEST(FlapDetection, OfAnIncidentIsToldInsteadOfEachReopening) {
  World w(flap_detection(ladder_routing()));
  Flapper flapper(w);
  flapper.flap(5);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "sms>first:RESOLVED", "sms>first:FIRING", "sms>first:RESOLVED",
                            "sms>first:FIRING"}));
  flapper.flap(4);
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE"}));
  ASSERT_TRUE(flapper.fires());
  EXPECT_EQ(w.only().status, IncidentStatus::open);
  flapper.wait(16min);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"})) << "the step that waited";
}

TEST(FlapDetection, OwesTheEndOfAnIncidentAlsoOverARestart) {
  World w(flap_detection(ladder_routing()));
  Flapper flapper(w);
  flapper.flap(8);
  ASSERT_FALSE(flapper.fires());
  w.told();
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
  w.restart();
  flapper.wait(30min);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED"}));
  w.restart();
  flapper.wait(3h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(FlapDetection, WhoEndsAnIncidentByHandIsNotHeld) {
  World w(flap_detection(ladder_routing()));
  Flapper flapper(w);
  flapper.flap(7);
  ASSERT_TRUE(flapper.fires());
  w.told();
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved));
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED"}));
}

}  // namespace
}  // namespace tocsin::incidents::testing::flapping_test
