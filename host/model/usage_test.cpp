#include "model/usage.hpp"

#include <gtest/gtest.h>

namespace tocsin::model {
namespace {

TEST(Usage, ReadsQuantilesFromTheBuckets) {
  FunctionUsage one;
  one.calls = 100;
  one.buckets[0] = 90;  // up to 10 µs
  one.buckets[4] = 10;  // 0.5 to 1 ms
  one.ns = 9'000'000;
  EXPECT_DOUBLE_EQ(mean_seconds(one), 90e-6);
  EXPECT_DOUBLE_EQ(quantile_seconds(one, 0.45), 5e-6);
  EXPECT_NEAR(quantile_seconds(one, 0.95), 0.75e-3, 1e-9);
}

TEST(Usage, HasNoTimeWithoutCalls) {
  EXPECT_EQ(Usage{}.mean_seconds(), 0);
  EXPECT_EQ(Usage{}.quantile_seconds(0.99), 0);
}

TEST(Usage, SumsWhatPredecessorAndSuccessorDid) {
  Usage before, after;
  before.calls = 3, before.signals = 10, before.cpu_ns = 5, before.of(Function::pull).calls = 3;
  after.calls = 1, after.signals = 4, after.cpu_ns = 2, after.of(Function::pull).calls = 1;
  after.add(before);
  EXPECT_EQ(after.calls, 4u);
  EXPECT_EQ(after.signals, 14u);
  EXPECT_EQ(after.cpu_ns, 7u);
  EXPECT_EQ(after.of(Function::pull).calls, 4u);
}

TEST(Usage, NamesEveryFunction) {
  EXPECT_EQ(to_string(Function::create), "create");
  EXPECT_EQ(to_string(Function::cancel), "cancel");
  EXPECT_EQ(to_string(Function::probe), "probe");
  EXPECT_EQ(static_cast<std::size_t>(Function::query) + 1, functions);
}

}  // namespace
}  // namespace tocsin::model
