// The default ladders of the severities, walked from end to end: each step at its time, and every stop.
#include <gtest/gtest.h>

#include <string>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::tiers_test {
namespace {

const Labels labels{{"alertname", "A"}};

/// One person on call, a manager with a telephone, and all four channels.
model::Routing tiers() {
  model::Routing r = routing();
  r.channels["slack"] = channel("slack", "slack", "slack");
  r.channels["ivr"] = channel("ivr", "ivr", "phone");
  r.contacts["first"].slack = "U1";
  r.groups["oncall"] = {"oncall", {"first"}};
  r.root->notify.clear();
  return r;
}

struct Rung {
  base::Duration at;  ///< after the incident opened
  Told told;
};

struct Walk {
  Severity severity;
  std::vector<Rung> rungs;
};

std::string name_of_walk(const ::testing::TestParamInfo<Walk>& info) {
  return std::string(model::to_string(info.param.severity));
}

Told sms() {
  return {"sms>first:FIRING"};
}
Told ivr() {
  return {"ivr>first:FIRING"};
}
Told boss() {
  return {"ivr>manager:FIRING"};
}

const Walk walks[] = {
    {Severity::critical,
     {{0min, {"ivr>first:FIRING", "sms>first:FIRING", "mail>first:FIRING", "slack>first:FIRING"}}, {5min, boss()}}},
    {Severity::high,
     {{0min, {"sms>first:FIRING", "mail>first:FIRING", "slack>first:FIRING"}}, {15min, ivr()}, {30min, boss()}}},
    {Severity::medium,
     {{0min, {"mail>first:FIRING", "slack>first:FIRING"}}, {60min, sms()}, {70min, ivr()}, {85min, boss()}}},
    {Severity::low, {{0min, {"slack>first:FIRING"}}}},
};

class TierWalk : public ::testing::TestWithParam<Walk> {
 protected:
  /// Climbs to the step and takes it.
  static void climb(World& w, const Walk& walk, std::size_t step) {
    w.fire(labels, walk.severity);
    w.pass(walk.rungs[step].at);
    w.told();
  }
};

TEST_P(TierWalk, TakesEveryStepAtItsTimeAndNoneAfterTheLast) {
  World w(tiers());
  w.fire(labels, GetParam().severity);
  base::Duration passed{};
  for (const Rung& rung : GetParam().rungs) {
    if (rung.at > passed) {
      w.pass(rung.at - passed - 1s);
      EXPECT_EQ(w.told(), Told{}) << "before " << base::format_duration(rung.at);
      w.pass(1s);
      passed = rung.at;
    }
    EXPECT_EQ(w.told(), rung.told) << "at " << base::format_duration(rung.at);
  }
  w.pass(48h);
  EXPECT_EQ(w.told(), Told{});
}

TEST_P(TierWalk, TakesTheSameStepsWithARestartBeforeEach) {
  World w(tiers());
  w.fire(labels, GetParam().severity);
  base::Duration passed{};
  for (const Rung& rung : GetParam().rungs) {
    w.restart();
    w.pass(rung.at - passed);
    passed = rung.at;
    EXPECT_EQ(w.told(), rung.told) << "at " << base::format_duration(rung.at);
  }
}

TEST_P(TierWalk, AnAcknowledgementAfterAnyStepIsTheLastOfIt) {
  for (std::size_t step = 0; step < GetParam().rungs.size(); ++step) {
    World w(tiers());
    climb(w, GetParam(), step);
    ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "first"));
    w.told();
    w.pass(48h);
    EXPECT_EQ(w.told(), Told{}) << "acknowledged after step " << step + 1;
  }
}

TEST_P(TierWalk, TheEndAfterAnyStepStopsItToo) {
  for (std::size_t step = 0; step < GetParam().rungs.size(); ++step) {
    World w(tiers());
    const Alert a = w.fire(labels, GetParam().severity);
    w.pass(GetParam().rungs[step].at);
    w.resolve(a);
    w.told();
    w.pass(48h);
    EXPECT_EQ(w.told(), Told{}) << "over after step " << step + 1;
  }
}

TEST_P(TierWalk, AnAcknowledgementJustBeforeAStepSparesIt) {
  for (std::size_t step = 1; step < GetParam().rungs.size(); ++step) {
    World w(tiers());
    w.fire(labels, GetParam().severity);
    w.pass(GetParam().rungs[step].at - 1ns);
    w.told();
    ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "first"));
    w.pass(0s);
    w.told();
    w.pass(1s);
    EXPECT_EQ(w.told(), Told{}) << "step " << step + 1;
  }
}

TEST_P(TierWalk, PassesOnAtOnceWhereNobodyCanBeReached) {
  World w(tiers());
  w.fire(labels, GetParam().severity);
  Told all, expected;
  for (std::size_t i = 0; i < 10; ++i) {
    for (std::string& one : w.told()) all.push_back(std::move(one));
    w.deliver_all(DeliveryState::dead);
  }
  for (const Rung& rung : GetParam().rungs) expected.insert(expected.end(), rung.told.begin(), rung.told.end());
  EXPECT_EQ(all, expected) << "all of it within a moment, each once";
}

INSTANTIATE_TEST_SUITE_P(Severities, TierWalk, ::testing::ValuesIn(walks), name_of_walk);

TEST(Telephone, DoesNotRingToSayThatSomebodyElseAcknowledged) {
  World w(tiers());
  w.fire(labels, Severity::critical);
  w.told();
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "second"));
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE", "mail>first:UPDATE", "slack>first:UPDATE"}));
}

TEST(TierManager, IsToldAsTheManagerPrefers) {
  model::Routing r = tiers();
  r.contacts["manager"].email = "boss@corp";
  r.contacts["manager"].prefer = {{"mail", 0s}, {"ivr", 10min}};
  World w(r);
  w.fire(labels, Severity::critical);
  w.told();
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"mail>manager:FIRING"}));
  w.pass(10min);
  EXPECT_EQ(w.told(), (Told{"ivr>manager:FIRING"}));
}

TEST(TierManager, IsToldByMessageWhereNoCallCanBeMade) {
  model::Routing r = tiers();
  r.channels.erase("ivr");
  World w(r);
  w.fire(labels, Severity::high);
  w.told();
  w.pass(15min);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
}

TEST(Exhausted, TellsTheLastOnesOnceAndAnAnswerBeforeSparesThem) {
  model::Routing r = ladder_routing();
  r.policies["page"].steps[2].escalate_after = 15min;
  r.policies["page"].on_exhausted = {"mail:group.platform"};
  World w(r);
  w.fire(labels);
  w.pass(30min - 1s);
  w.told();
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"mail>first:FIRING", "mail>second:FIRING"}));
  w.pass(48h);
  EXPECT_EQ(w.told(), Told{});
  World answered(r);
  answered.fire(labels);
  answered.pass(20min);
  ASSERT_TRUE(answered.set(answered.only(), IncidentStatus::acknowledged, "manager"));
  answered.told();
  answered.pass(48h);
  EXPECT_EQ(answered.told(), Told{});
}

TEST(Exhausted, WaitsForTheTimeOfItsLastStepInEachRound) {
  model::Routing r = ladder_routing();
  r.policies["page"] = policy("page", {{{"sms:contact.first"}, 5min}, {{"sms:contact.second"}, 10min}});
  r.policies["page"].repeat = 1;
  r.policies["page"].on_exhausted = {"sms:contact.manager"};
  World w(r);
  w.fire(labels);
  w.pass(30min - 1s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "sms>second:FIRING", "sms>first:FIRING", "sms>second:FIRING"}));
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
}

}  // namespace
}  // namespace tocsin::incidents::testing::tiers_test
