// Promises about what `tocsin check` shows of ladders: who is told how long after the beginning.
#include "incidents/ladder_plan.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::ladder_plan_test {
namespace {

std::vector<std::string> lines_of(const LadderPlan& plan) {
  std::vector<std::string> out;
  for (const PlannedTelling& one : plan.tellings) {
    std::string line = base::format_duration(one.after) + " " + one.step + " " + one.by + ":";
    for (const std::string& who : one.who) line += " " + who;
    out.push_back(std::move(line));
  }
  return out;
}

TEST(LadderPlan, TellsEachStepsTimeFromTheBeginning) {
  const auto plans = plan_ladders(ladder_routing());
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].name, "page");
  EXPECT_EQ(lines_of(plans[0]),
            (Told{"0s ladder step 1 sms: first", "5m ladder step 2 sms: second", "15m ladder step 3 sms: manager"}));
}

TEST(LadderPlan, HasTheFurtherWaysAndTheEndOfAllRounds) {
  model::Routing r = ladder_routing();
  r.contacts["first"].prefer = {{"sms", 0s}, {"mail", 2min}};
  r.policies["page"] = policy("page", {{{"contact.first"}, 5min}});
  r.policies["page"].repeat = 2;
  r.policies["page"].on_exhausted = {"mail:group.platform"};
  const auto plans = plan_ladders(r);
  EXPECT_EQ(plans[0].round, 5min);
  EXPECT_EQ(lines_of(plans[0]), (Told{"0s ladder step 1 sms: first", "2m ladder step 1, by preference mail: first",
                                      "15m ladder exhausted mail: first second"}));
}

TEST(LadderPlan, OneForEverIsNeverExhausted) {
  model::Routing r = ladder_routing();
  r.policies["page"].repeat = -1;
  r.policies["page"].on_exhausted = {"mail:group.platform"};
  EXPECT_EQ(plan_ladders(r)[0].tellings.size(), 3u);
}

TEST(LadderPlan, HasTheTiersWhereARouteUsesThem) {
  model::Routing r = routing();
  EXPECT_TRUE(plan_ladders(r).empty());
  r.root->notify.clear();
  r.groups["oncall"] = {"oncall", {"first"}};
  const auto plans = plan_ladders(r);
  ASSERT_EQ(plans.size(), 3u);
  EXPECT_EQ(plans[1].name, "tier HIGH");
  EXPECT_EQ(lines_of(plans[1]),
            (Told{"0s ladder step 1 sms: first", "0s ladder step 1 mail: first", "15m ladder step 2 sms: manager"}));
}

}  // namespace
}  // namespace tocsin::incidents::testing::ladder_plan_test
