#include "base/id.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::base {
namespace {

TEST(UuidV7, CarriesVersionVariantAndMilliseconds) {
  std::string id = uuid_v7(from_ns(0x0123456789abll * 1'000'000));
  ASSERT_EQ(id.size(), 36u);
  EXPECT_EQ(id.substr(0, 13), "01234567-89ab");
  EXPECT_EQ(id[14], '7');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

TEST(UuidV7, SortsInTheOrderOfMakingWithinOneMillisecond) {
  Time now = from_ns(1'795'168'800'000'000'000);
  std::string last = uuid_v7(now);
  for (int i = 0; i < 10'000; ++i) {  // more than the counter holds
    std::string next = uuid_v7(now);
    ASSERT_LT(last, next);
    last = next;
  }
}

TEST(UuidV7, IsUniqueAcrossThreads) {
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 2'000; ++i) mine.push_back(uuid_v7(from_ns(1'800'000'000'000'000'000)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (auto& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 8'000u);
}

TEST(Fnv1a, AgreesWithThePublishedVectors) {
  EXPECT_EQ(Fnv1a().value(), 0xcbf29ce484222325ull);
  EXPECT_EQ(Fnv1a().add("a").value(), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(Fnv1a().add("foobar").value(), 0x85944171f73967e8ull);
}

TEST(Hex16, PadsToSixteenDigits) {
  EXPECT_EQ(hex16(0x1f), "000000000000001f");
  EXPECT_EQ(hex16(~0ull), "ffffffffffffffff");
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(from_ns(5));
  clock.advance(Duration(3));
  EXPECT_EQ(to_ns(clock.now()), 8);
  clock.set(from_ns(1));
  EXPECT_EQ(to_ns(clock.now()), 1);
}

Result<int> half(int n) {
  if (n % 2) return fail(Fault::invalid, "odd");
  return n / 2;
}
Result<int> quarter(int n) {
  TRY(int once, half(n));
  TRY(int twice, half(once));
  return twice;
}

TEST(Try, UnwrapsOrReturnsTheError) {
  EXPECT_EQ(quarter(8).value(), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().in("quarter").message(), "quarter: odd");
}

}  // namespace
}  // namespace tocsin::base
