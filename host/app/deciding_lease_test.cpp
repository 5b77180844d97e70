#include "app/deciding_lease.hpp"

#include <gtest/gtest.h>

namespace tocsin::app {
namespace {

using base::Result;

/// Answers as it is told.
class FakeShared : public storage::SharedStore {
 public:
  Result<bool> lease(std::string_view, base::Duration, std::string_view) override {
    if (away) return base::fail(base::Fault::unavailable, "the store is away");
    return free;
  }
  Result<void> release(std::string_view) override {
    ++released;
    return {};
  }
  Result<std::optional<storage::Holder>> holder(std::string_view) override { return other; }
  Result<std::vector<storage::PassedAlert>> passed_alerts(std::size_t) override {
    return std::vector<storage::PassedAlert>{};
  }
  Result<void> wait_for_passed(base::Duration) override { return {}; }
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
  int released = 0;
  std::optional<storage::Holder> other;
};

struct Deciding : ::testing::Test {
  FakeShared store;
  bool decides = false, refuses = false;
  int given_up = 0;
  DecidingLease::Steady::time_point sure_until{};
  DecidingLease lease{{&store, "http://a:1",
                       [this](auto until) -> Result<void> {
                         if (refuses) return base::fail(base::Fault::unavailable, "the store is away");
                         sure_until = until;
                         decides = true;
                         return {};
                       },
                       [this] {
                         ++given_up;
                         decides = false;
                       },
                       [this] { return decides; }}};
};

TEST_F(Deciding, WhoHasTheLeaseDecidesForLessThanItLasts) {
  const auto before = DecidingLease::Steady::now();
  EXPECT_EQ(lease.round(), DecidingLease::prolonged_every);
  EXPECT_EQ(*lease.decider(), "");
  EXPECT_GE(sure_until, before + DecidingLease::lasts - DecidingLease::margin);
  EXPECT_LT(sure_until, DecidingLease::Steady::now() + DecidingLease::lasts);
}

TEST_F(Deciding, WhatAnotherHasIsGivenUpAndTheOtherIsNamed) {
  lease.round();
  store.free = false;
  store.other = storage::Holder{"agent-b", "http://b:1"};
  EXPECT_EQ(lease.round(), DecidingLease::asked_every);
  EXPECT_EQ(given_up, 1);
  EXPECT_EQ(*lease.decider(), "http://b:1");
}

TEST_F(Deciding, AStoreThatIsAwayTakesNothing) {
  lease.round();
  store.away = true;
  EXPECT_EQ(lease.round(), DecidingLease::asked_every);
  EXPECT_EQ(given_up, 0);
  EXPECT_EQ(*lease.decider(), "");
}

TEST_F(Deciding, NobodyDecidesWhileItIsTakenOver) {
  refuses = true;
  EXPECT_EQ(lease.round(), DecidingLease::asked_every);
  EXPECT_EQ(lease.decider().error().fault(), base::Fault::unavailable);
}

TEST_F(Deciding, OnesOwnAddressIsNobodyElses) {
  store.free = false;
  store.other = storage::Holder{"agent-a", "http://a:1"};  // of the process before this one
  lease.round();
  EXPECT_FALSE(lease.decider());
}

TEST_F(Deciding, ItIsGivenBack) {
  lease.round();
  lease.release();
  EXPECT_EQ(store.released, 1);
}

}  // namespace
}  // namespace tocsin::app
