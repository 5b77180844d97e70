#include "delivery/pace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "model/limit.hpp"

namespace tocsin::delivery {
namespace {

using namespace std::chrono_literals;
using base::Time;
using model::Limit;

const Time noon = base::ManualClock().now();
const std::vector<Limit> sms = model::usual_limits("sms");

TEST(Pace, LetsAsManyThroughAsTheLimitSays) {
  Pace pace;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(pace.next("first", sms, noon), noon);
    pace.sent("first", noon);
  }
  EXPECT_EQ(pace.next("first", sms, noon), noon + 15min);
}

TEST(Pace, CountsEachRecipientForThemselves) {
  Pace pace;
  for (int i = 0; i < 5; ++i) pace.sent("first", noon);
  EXPECT_EQ(pace.next("second", sms, noon), noon);
}

TEST(Pace, WaitsForTheWidestWindowThatIsFull) {
  Pace pace;
  for (int i = 0; i < 11; ++i) pace.sent("first", noon + i * 4min);  // 5 within 15 min never
  EXPECT_EQ(pace.next("first", sms, noon + 44min), noon + 60min);
}

TEST(Pace, WhatDidNotArriveDoesNotCount) {
  Pace pace;
  for (int i = 0; i < 5; ++i) pace.sent("first", noon);
  pace.undo("first", noon);
  EXPECT_EQ(pace.next("first", sms, noon), noon);
}

TEST(Pace, ForgetsWhatNoLimitLooksBackTo) {
  Pace pace;
  pace.sent("first", noon);
  pace.forget(noon + 3h);
  EXPECT_EQ(pace.recipients(), 0u);
}

/// Against a naive count over every window, for random arrivals.
TEST(Pace, NeverSendsMoreThanEachWindowAllows) {
  std::mt19937 random(2611);
  Pace pace;
  std::vector<Time> sent;
  Time now = noon;
  for (int i = 0; i < 2000; ++i) {
    now += std::chrono::seconds(random() % 240);
    if (pace.next("first", sms, now) > now) continue;
    pace.sent("first", now);
    sent.push_back(now);
    for (const auto& limit : sms) {
      const auto in = std::ranges::count_if(sent, [&](Time at) { return at > now - limit.within && at <= now; });
      ASSERT_LE(in, limit.count) << i;
    }
  }
  EXPECT_GT(sent.size(), 200u);
}

TEST(Limit, ReadsWhatIsWrittenInAFile) {
  EXPECT_EQ(model::parse_limit("5/15m").value(), (Limit{5, 15min}));
  for (const char* wrong : {"", "5", "/15m", "0/15m", "5/", "5/x", "-1/1h", "5/0s", "5 /15m", "99999999999/1h"}) {
    const auto read = model::parse_limit(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_NE(read.error().message().find("5/15m"), std::string::npos);
  }
}

}  // namespace
}  // namespace tocsin::delivery
