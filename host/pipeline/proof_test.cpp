#include "pipeline/proof.hpp"

#include <gtest/gtest.h>

namespace tocsin::pipeline {
namespace {

model::Alert alert(std::string rule, model::AlertState state, double value = 7) {
  model::Alert out;
  out.rule = std::move(rule);
  out.state = state;
  out.value = value;
  out.group = model::Labels{{"lane", "2"}};
  return out;
}

TEST(Proof, ItsAlertsLeaveTheReportAndOnlyTheRaisedGoOn) {
  std::vector<model::Alert> report{
      alert("disk", model::AlertState::firing), alert(proof_name, model::AlertState::resolved, 6),
      alert(proof_name, model::AlertState::firing), alert("disk", model::AlertState::resolved)};
  const auto raised = take_proofs(report);
  ASSERT_EQ(raised.size(), 1u);
  EXPECT_EQ(raised[0].value, 7);
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report[0].rule + report[1].rule, "diskdisk");
}

TEST(Proof, ItsDeliverySaysWhichProofAndLane) {
  const base::ManualClock clock;
  const auto delivery =
      proof_delivery(alert(proof_name, model::AlertState::firing), clock.now(), std::chrono::minutes(1));
  EXPECT_TRUE(delivery.proof);
  EXPECT_EQ(delivery.text, "7");
  EXPECT_EQ(delivery.recipient, "2");
  EXPECT_EQ(delivery.deadline, clock.now() + std::chrono::minutes(1));
}

TEST(Proof, HistoryGetsItsPositionAlone) {
  const base::ManualClock clock;
  model::SeriesTable series;
  auto batch = proof_batch(7, {"0", "1"}, series, clock.now());
  batch->position = 41;
  EXPECT_EQ(batch->rows(), 4u);
  const auto bare = without_proof(batch);
  EXPECT_EQ(bare->position, 41u);
  EXPECT_EQ(bare->rows(), 0u);
}

TEST(Proof, OtherBatchesAreLeftAsTheyAre) {
  auto batch = std::make_shared<model::SignalBatch>();
  batch->instance = "source.http";
  batch->ts = {1};
  EXPECT_EQ(without_proof(batch), batch);
}

}  // namespace
}  // namespace tocsin::pipeline
