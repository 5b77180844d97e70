// Who raises AgentDown for whom.
#include "app/fellows.hpp"

#include <gtest/gtest.h>

namespace tocsin::app {
namespace {

using std::chrono::seconds;

model::Member member(std::string name, int silent, std::string told_by = {}) {
  model::Member out;
  out.name = std::move(name);
  out.silent_for = seconds(silent);
  out.told_by = std::move(told_by);
  return out;
}

TEST(Fellows, AnAgentThatIsHeardIsNotMissed) {
  EXPECT_EQ(judge_fellows({member("a", 0), member("b", 29)}, "a"),
            (std::vector<FellowVerdict>{{"b", false, false, false}}));
}

TEST(Fellows, OfThoseAliveTheFirstByNameRaisesTheAlert) {
  const std::vector<model::Member> members{member("a", 45), member("b", 3), member("c", 1)};
  EXPECT_EQ(judge_fellows(members, "b")[0], (FellowVerdict{"a", true, true, false}));
  EXPECT_EQ(judge_fellows(members, "c")[0], (FellowVerdict{"a", false, false, false}));
}

TEST(Fellows, WhatIsRaisedIsNotRaisedAgain) {
  // b raised it and died too: c, whose turn it is now, raises b's alone.
  const auto verdicts = judge_fellows({member("a", 99, "b"), member("b", 31), member("c", 0)}, "c");
  EXPECT_EQ(verdicts[0], (FellowVerdict{"a", false, false, false}));
  EXPECT_EQ(verdicts[1], (FellowVerdict{"b", true, true, false}));
}

TEST(Fellows, WhoRaisedItKeepsItUp) {
  EXPECT_EQ(judge_fellows({member("a", 0), member("b", 0), member("c", 45, "b")}, "b")[1],
            (FellowVerdict{"c", true, false, false}));
}

TEST(Fellows, WhoRaisedItClearsItWhenTheAgentIsBack) {
  EXPECT_EQ(judge_fellows({member("a", 0), member("b", 0), member("c", 2, "b")}, "b")[1],
            (FellowVerdict{"c", false, false, true}));
}

TEST(Fellows, WhatWasRaisedByOneThatLeftIsRaisedAgain) {
  EXPECT_EQ(judge_fellows({member("b", 0), member("c", 45, "gone")}, "b")[0], (FellowVerdict{"c", true, true, true}));
}

}  // namespace
}  // namespace tocsin::app
