#include "pipeline/overlap.hpp"

#include <gtest/gtest.h>

namespace tocsin::pipeline {
namespace {

using model::Alert;
using model::AlertState;

Alert alert_of(const std::string& agent, AlertState state, const std::string& id = "") {
  Alert alert;
  alert.agent = agent;
  alert.id = id.empty() ? "id-" + agent : id;
  alert.fingerprint = 7;
  alert.state = state;
  return alert;
}
std::string shown(const Overlap::Split& split) {
  std::string out;
  for (const auto& alert : split.decide) out += alert.id + " " + std::string(to_string(alert.state)) + ";";
  return out;
}

TEST(Overlap, AnAlertOfOneAgentIsAsItIs) {
  Overlap overlap;
  EXPECT_EQ(shown(overlap.take({alert_of("a", AlertState::firing)})), "id-a firing;");
  EXPECT_EQ(shown(overlap.take({alert_of("a", AlertState::resolved)})), "id-a resolved;");
  EXPECT_EQ(shown(overlap.take({alert_of("b", AlertState::firing)})), "id-b firing;");
}

TEST(Overlap, ItFiresUntilTheLastAgentSaysThatItIsOver) {
  Overlap overlap;
  overlap.take({alert_of("a", AlertState::firing)});
  const auto second = overlap.take({alert_of("b", AlertState::firing)});
  EXPECT_EQ(shown(second), "");
  EXPECT_EQ(second.keep.size(), 1u);
  EXPECT_EQ(shown(overlap.take({alert_of("a", AlertState::resolved)})), "");
  const auto last = overlap.take({alert_of("b", AlertState::resolved)});
  EXPECT_EQ(shown(last), "id-a resolved;");
  ASSERT_EQ(last.keep.size(), 1u);
  EXPECT_EQ(last.keep[0].id, "id-b");
}

TEST(Overlap, OneThatFiresAgainMeanwhileIsStillTheSame) {
  Overlap overlap;
  overlap.take({alert_of("a", AlertState::firing), alert_of("b", AlertState::firing)});
  EXPECT_EQ(shown(overlap.take({alert_of("a", AlertState::resolved), alert_of("a", AlertState::firing, "again")})), "");
  EXPECT_EQ(shown(overlap.take({alert_of("b", AlertState::resolved)})), "");
  EXPECT_EQ(shown(overlap.take({alert_of("a", AlertState::resolved, "again")})), "id-a resolved;");
}

TEST(Overlap, ItGoesOnWhereAnotherAgentDecides) {
  storage::Restored restored;
  restored.alerts = {alert_of("a", AlertState::resolved), alert_of("b", AlertState::firing)};
  restored.incident_alerts = {{"incident", alert_of("a", AlertState::firing)}};
  Overlap overlap(restored);
  EXPECT_EQ(shown(overlap.take({alert_of("b", AlertState::resolved)})), "id-a resolved;");
}

TEST(Overlap, WhatNoAgentsShardsJudgeIsLeftAlone) {
  Overlap overlap;
  auto kept = alert_of("a", AlertState::firing);
  kept.keeper = "heartbeats";
  overlap.take({kept});
  EXPECT_EQ(shown(overlap.take({alert_of("", AlertState::resolved)})), "id- resolved;");
}

}  // namespace
}  // namespace tocsin::pipeline
