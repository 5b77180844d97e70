// What both stores promise about receipts: they go into the row that says SENT, once.
#include "storage/store_contract_test.hpp"

namespace tocsin::storage {
namespace {

using model::Receipt;
using model::ReceiptState;
using std::chrono::seconds;

class ReceiptStore : public StoreContract {
 protected:
  /// A first attempt that is to be repeated, and one that was taken.
  void sent(const std::string& key, const std::string& provider_id, const std::string& instance = "sms") {
    model::Changes c;
    c.attempts.push_back({key, "i-1", instance, "sms", "first", "RETRYING", now, {}, "", "busy", 1});
    c.attempts.push_back({key, "i-1", instance, "sms", "first", "SENT", now, now + seconds(1), provider_id, "", 2});
    commit(c);
  }
  void say(Receipt receipt) {
    model::Changes c;
    c.receipts.push_back(std::move(receipt));
    EXPECT_FALSE(c.empty());
    commit(c);
  }
  /// Of the newest attempt.
  model::Attempt row(const std::string& key) { return must(store->attempts({.key = key})).items.at(0); }
};

TEST_P(ReceiptStore, ADeliveredMessageHasTheTimeItArrived) {
  sent("k1", "p1");
  say({ReceiptState::delivered, "sms", "k1", "", "", now + seconds(9)});
  EXPECT_EQ(row("k1").status, "DELIVERED");
  EXPECT_EQ(row("k1").delivered_at, now + seconds(9));
  EXPECT_EQ(must(store->attempts({.key = "k1"})).items.at(1).status, "RETRYING");
}

TEST_P(ReceiptStore, AFailedOneHasItsCauseAndNoSuchTime) {
  sent("k1", "p1");
  sent("k2", "p2");
  say({ReceiptState::failed, "sms", "", "p1", "UNDELIV", now + seconds(9)});
  EXPECT_EQ(row("k1").status, "FAILED");
  EXPECT_EQ(row("k1").error, "UNDELIV");
  EXPECT_EQ(row("k1").delivered_at, base::no_time);
  EXPECT_EQ(row("k2").status, "SENT");
}

TEST_P(ReceiptStore, WhatIsFinalStays) {
  sent("k1", "p1");
  say({ReceiptState::delivered, "", "k1", "", "", now + seconds(9)});
  say({ReceiptState::failed, "", "k1", "", "UNDELIV", now + seconds(10)});
  say({ReceiptState::on_its_way, "", "k1", "", "QUEUED", now + seconds(11)});
  say({ReceiptState::delivered, "", "k1", "", "", now + seconds(12)});
  EXPECT_EQ(row("k1").status, "DELIVERED");
  EXPECT_EQ(row("k1").delivered_at, now + seconds(9));
  EXPECT_EQ(row("k1").error, "");
}

TEST_P(ReceiptStore, OnItsWaySaysWhereItStandsAndIsNotFinal) {
  sent("k1", "p1");
  say({ReceiptState::on_its_way, "sms", "k1", "", "QUEUED", now + seconds(2)});
  EXPECT_EQ(row("k1").status, "SENT");
  EXPECT_EQ(row("k1").error, "QUEUED");
  say({ReceiptState::delivered, "sms", "k1", "", "", now + seconds(9)});
  EXPECT_EQ(row("k1").status, "DELIVERED");
}

TEST_P(ReceiptStore, AnotherInstancesMessageIsNotTouched) {
  sent("k1", "p1", "sms");
  sent("k2", "p1", "other");
  say({ReceiptState::delivered, "other", "", "p1", "", now + seconds(9)});
  EXPECT_EQ(row("k1").status, "SENT");
  EXPECT_EQ(row("k2").status, "DELIVERED");
  say({ReceiptState::delivered, "other", "k1", "", "", now + seconds(9)});
  EXPECT_EQ(row("k1").status, "SENT");
}

TEST_P(ReceiptStore, FindsAMessageByWhatItsProviderCallsIt) {
  sent("k1", "p1");
  sent("k2", "p2");
  const auto found = must(store->attempts({.instance = "sms", .provider_id = "p2"}));
  ASSERT_EQ(found.items.size(), 1u);
  EXPECT_EQ(found.items[0].delivery_key, "k2");
}

TEST_P(ReceiptStore, AReceiptOfNothingIsNoError) {
  say({ReceiptState::delivered, "sms", "nobody's", "", "", now});
  EXPECT_TRUE(must(store->attempts({})).items.empty());
}

INSTANTIATE_TEST_SUITE_P(Receipts, ReceiptStore, ::testing::Values("sqlite", "postgres"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace tocsin::storage
