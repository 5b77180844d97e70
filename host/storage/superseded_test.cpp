#include "storage/superseded.hpp"

#include <gtest/gtest.h>

namespace tocsin::storage {
namespace {

model::Delivery superseded_delivery(const std::string& key, model::DeliveryState state, std::uint32_t attempts = 0) {
  model::Delivery d;
  d.key = key;
  d.state = state;
  d.attempts = attempts;
  return d;
}

TEST(Superseded, ADeliveryThatWasSentMeanwhileIsWrittenOnce) {
  std::vector<model::Changes> decisions(3);
  decisions[0].deliveries = {superseded_delivery("a", model::DeliveryState::pending),
                             superseded_delivery("b", model::DeliveryState::pending)};
  decisions[2].deliveries = {superseded_delivery("a", model::DeliveryState::sent, 1)};
  leave_out_superseded(decisions);
  ASSERT_EQ(decisions[0].deliveries.size(), 2u);
  EXPECT_EQ(decisions[0].deliveries[0].state, model::DeliveryState::sent);
  EXPECT_EQ(decisions[0].deliveries[1].state, model::DeliveryState::pending);
  EXPECT_TRUE(decisions[2].deliveries.empty());
}

TEST(Superseded, AJournalReadAgainDoesNotBringADeliveryBack) {
  std::vector<model::Changes> decisions(2);
  decisions[0].deliveries = {superseded_delivery("a", model::DeliveryState::sent, 1)};
  decisions[1].deliveries = {superseded_delivery("a", model::DeliveryState::pending)};
  leave_out_superseded(decisions);
  EXPECT_EQ(decisions[0].deliveries[0].state, model::DeliveryState::sent);
  EXPECT_TRUE(decisions[1].deliveries.empty());
}

TEST(Superseded, WithAReplayedLetterDeliveriesStayInTheirOrder) {
  std::vector<model::Changes> decisions(2);
  decisions[0].deliveries = {superseded_delivery("a", model::DeliveryState::dead, 3)};
  decisions[1].dead_letters_replayed = {4};
  decisions[1].deliveries = {superseded_delivery("a", model::DeliveryState::pending)};
  leave_out_superseded(decisions);
  EXPECT_EQ(decisions[0].deliveries.size(), 1u);
  EXPECT_EQ(decisions[1].deliveries.size(), 1u);
}

TEST(Superseded, AnIncidentStandsWhereItWasOpenedAsItIsNow) {
  std::vector<model::Changes> decisions(2);
  for (auto& decision : decisions) decision.incidents.resize(1), decision.incidents[0].correlation_id = "i";
  decisions[1].incidents[0].owner = "ops";
  decisions[0].timeline.resize(1);
  leave_out_superseded(decisions);
  ASSERT_EQ(decisions[0].incidents.size(), 1u);
  EXPECT_EQ(decisions[0].incidents[0].owner, "ops");
  EXPECT_TRUE(decisions[1].incidents.empty());
  EXPECT_EQ(decisions[0].timeline.size(), 1u);
}

TEST(Superseded, OfGroupsLaddersAndKeysTheNewestStays) {
  std::vector<model::Changes> decisions(2);
  for (auto& decision : decisions) {
    decision.groups.resize(2);
    decision.groups[0].key = "g", decision.groups[1].key = "h";
    decision.ladders.resize(1);
    decision.kv = {{"k", "old"}};
  }
  decisions[1].groups.pop_back();
  decisions[1].groups[0].gone = true;
  decisions[1].kv[0].second = "new";
  leave_out_superseded(decisions);
  ASSERT_EQ(decisions[0].groups.size(), 1u);
  EXPECT_EQ(decisions[0].groups[0].key, "h");
  EXPECT_TRUE(decisions[1].groups[0].gone);
  EXPECT_TRUE(decisions[0].ladders.empty());
  EXPECT_TRUE(decisions[0].kv.empty());
  EXPECT_EQ(decisions[1].kv[0].second, "new");
}

TEST(Superseded, ThePositionIsThatOfTheLastOne) {
  std::vector<model::Changes> decisions(3);
  decisions[0].journal_position = 5, decisions[1].journal_position = 9;
  leave_out_superseded(decisions);
  EXPECT_EQ(decisions[0].journal_position, 0u);
  EXPECT_EQ(decisions[1].journal_position, 9u);
}

std::vector<const model::Changes*> pointers(const std::vector<model::Changes>& decisions) {
  std::vector<const model::Changes*> all;
  for (const auto& each : decisions) all.push_back(&each);
  return all;
}

TEST(Awaited, ARowThatALaterDecisionWritesIsLeftOut) {
  std::vector<model::Changes> first(1), second(1);
  first[0].deliveries = {superseded_delivery("a", model::DeliveryState::pending),
                         superseded_delivery("b", model::DeliveryState::pending)};
  first[0].groups.resize(1);
  second[0].deliveries = {superseded_delivery("a", model::DeliveryState::sent, 1)};
  second[0].groups.resize(1);
  Awaited awaited;
  awaited.note(pointers(first), 1);
  awaited.note(pointers(second), 2);
  awaited.leave_out(first, 1);
  ASSERT_EQ(first[0].deliveries.size(), 1u);
  EXPECT_EQ(first[0].deliveries[0].key, "b");
  EXPECT_TRUE(first[0].groups.empty());
  awaited.forget(1);
  awaited.leave_out(second, 2);
  EXPECT_EQ(second[0].deliveries.size(), 1u);
  EXPECT_EQ(second[0].groups.size(), 1u);
}

TEST(Awaited, WhatAJournalGivesOnceMoreReplacesNothing) {
  std::vector<model::Changes> sent(1), again(1);
  sent[0].deliveries = {superseded_delivery("a", model::DeliveryState::sent, 1)};
  again[0].deliveries = {superseded_delivery("a", model::DeliveryState::pending)};
  Awaited awaited;
  awaited.note(pointers(sent), 1);
  awaited.note(pointers(again), 2);
  awaited.leave_out(sent, 1);
  EXPECT_EQ(sent[0].deliveries.size(), 1u);
}

TEST(Awaited, ForgetsWhatIsWritten) {
  std::vector<model::Changes> one(1);
  one[0].deliveries = {superseded_delivery("a", model::DeliveryState::sent, 1),
                       superseded_delivery("a", model::DeliveryState::sent, 2)};
  Awaited awaited;
  for (std::uint64_t position = 1; position <= 4; ++position) awaited.note(pointers(one), position);
  awaited.forget(3);
  awaited.leave_out(one, 3);
  EXPECT_TRUE(one[0].deliveries.empty());
  one[0].deliveries = {superseded_delivery("a", model::DeliveryState::sent, 1)};
  awaited.forget(4);
  awaited.leave_out(one, 3);
  EXPECT_EQ(one[0].deliveries.size(), 1u);
}

}  // namespace
}  // namespace tocsin::storage
