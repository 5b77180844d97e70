#include "app/lease.hpp"

#include <gtest/gtest.h>

namespace tocsin::app {
namespace {

using base::Result;

/// Answers as it is told and counts the questions.
class FakeShared : public storage::SharedStore {
 public:
  Result<bool> lease(std::string_view, base::Duration) override {
    ++asked;
    if (away) return base::fail(base::Fault::unavailable, "the store is away");
    return free;
  }
  Result<void> release(std::string_view) override {
    ++released;
    return {};
  }
  Result<std::vector<model::Member>> meet(std::string_view, std::string_view) override {
    return std::vector<model::Member>{};
  }
  Result<void> leave() override { return {}; }
  Result<bool> claim(std::string_view) override { return false; }
  Result<void> disclaim(std::string_view) override { return {}; }
  Result<model::RuleAnswer> ask(const std::string&, base::Duration, std::size_t) override {
    return model::RuleAnswer{};
  }

  bool free = true, away = false;
  int asked = 0, released = 0;
};

TEST(Lease, AStoreOfOnesOwnNeedsNone) {
  EXPECT_TRUE(*Lease(nullptr, "rules").held());
}

TEST(Lease, IsAskedForOnceInAWhile) {
  FakeShared store;
  Lease lease(&store, "rules");
  EXPECT_TRUE(*lease.held());
  EXPECT_TRUE(*lease.held());
  EXPECT_EQ(store.asked, 1);
}

TEST(Lease, WhatAnotherHasIsAskedForAgainEachTime) {
  FakeShared store;
  store.free = false;
  Lease lease(&store, "rules");
  EXPECT_FALSE(*lease.held());
  store.free = true;
  EXPECT_TRUE(*lease.held());
}

TEST(Lease, AStoreThatIsAwayGivesNone) {
  FakeShared store;
  store.away = true;
  EXPECT_FALSE(Lease(&store, "rules").held());
}

TEST(Lease, OnlyWhatIsHeldIsGivenUp) {
  FakeShared store;
  Lease lease(&store, "rules");
  lease.release();
  EXPECT_EQ(store.released, 0);
  ASSERT_TRUE(lease.held());
  lease.release();
  EXPECT_EQ(store.released, 1);
}

}  // namespace
}  // namespace tocsin::app
