#include "runtime/backoff.hpp"

#include <gtest/gtest.h>

namespace tocsin::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsLimit) {
  BackoffPolicy policy{.first = 1s, .most = 10s, .factor = 2};
  EXPECT_EQ(backoff_delay(policy, 1, 1.0), 1s);
  EXPECT_EQ(backoff_delay(policy, 3, 1.0), 4s);
  EXPECT_EQ(backoff_delay(policy, 5, 1.0), 10s);
  EXPECT_EQ(backoff_delay(policy, 4'000'000'000u, 1.0), 10s);
}

TEST(Backoff, NeverJittersBelowHalf) {
  BackoffPolicy policy{.first = 1s, .most = 10s, .factor = 2};
  EXPECT_EQ(backoff_delay(policy, 1, 0.0), 500ms);
  EXPECT_EQ(backoff_delay(policy, 2, 0.5), 1500ms);
}

TEST(Backoff, JittersWithinZeroAndOne) {
  double low = 1, high = 0;
  for (int i = 0; i < 1'000; ++i) {
    double value = jitter();
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_GE(low, 0.0);
  EXPECT_LT(high, 1.0);
  EXPECT_LT(low, high);
}

struct Broken : testing::Test {
  Breaker breaker{{.failures = 3, .open_for = 30s}};
  base::Time t0 = base::from_ns(1'000'000'000);
  void fail_times(int times) {
    for (int i = 0; i < times; ++i) breaker.failure(t0);
  }
};

TEST_F(Broken, OpensOnlyAfterFailuresInARow) {
  fail_times(2);
  breaker.success();
  fail_times(2);
  EXPECT_EQ(breaker.state(), Breaker::State::closed);
  fail_times(1);
  EXPECT_EQ(breaker.state(), Breaker::State::open);
  EXPECT_FALSE(breaker.allow(t0 + 29s));
  EXPECT_EQ(breaker.retry_at(), t0 + 30s);
}

TEST_F(Broken, LetsOneTrialThroughAndClosesWhenItSucceeds) {
  fail_times(3);
  EXPECT_TRUE(breaker.allow(t0 + 30s));
  EXPECT_EQ(breaker.state(), Breaker::State::half_open);
  EXPECT_FALSE(breaker.allow(t0 + 31s));
  breaker.success();
  EXPECT_EQ(breaker.state(), Breaker::State::closed);
  EXPECT_TRUE(breaker.allow(t0 + 31s));
}

TEST_F(Broken, OpensAgainWhenTheTrialFails) {
  fail_times(3);
  EXPECT_TRUE(breaker.allow(t0 + 30s));
  breaker.failure(t0 + 40s);
  EXPECT_EQ(to_string(breaker.state()), "open");
  EXPECT_FALSE(breaker.allow(t0 + 69s));
  EXPECT_TRUE(breaker.allow(t0 + 70s));
}

TEST_F(Broken, DoesNotWaitForEverForALostTrial) {
  fail_times(3);
  EXPECT_TRUE(breaker.allow(t0 + 30s));
  EXPECT_FALSE(breaker.allow(t0 + 59s));
  EXPECT_TRUE(breaker.allow(t0 + 60s));
}

TEST_F(Broken, IsNotHeldOpenLongerByLateFailures) {
  fail_times(3);
  breaker.failure(t0 + 20s);
  EXPECT_TRUE(breaker.allow(t0 + 30s));
}

}  // namespace
}  // namespace tocsin::runtime
