// Rows of the rule table and answers to their queries: what fires, what resolves, what is written back.
#include "detection/row_rules.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tocsin::detection {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Told = std::vector<std::string>;

class RowRulesTest : public testing::Test {
 protected:
  RowRulesTest() {
    set();
    rules.take_over({}, clock.now());
  }
  static model::RuleRow make_row() {
    model::RuleRow row;
    row.id = 1;
    row.name = "late_loads";
    row.category = model::Category::transaction;
    row.query = "SELECT …";
    row.query_type = "SQL";
    row.op = "GT";
    row.threshold = 5;
    row.severity = model::Severity::high;
    row.message = "{{loader}} has {{value}} late loads, above {{threshold}}";
    row.every = minutes(1);
    row.cooldown = minutes(5);
    return row;
  }
  void set() {
    rules.set({row}, clock.now(), decided);
    keep();
  }
  void keep() {
    for (const auto& alert : decided.alerts) {
      told_.push_back(alert.rule + "{" + std::string(alert.group.get("loader")) + "} " +
                      std::string(model::to_string(alert.state)) + (alert.silent ? " silent" : ""));
      alerts.push_back(alert);
    }
    for (const auto& each : decided.evaluations) evaluations.push_back(each);
    decided = {};
  }
  void answer(std::vector<model::RuleAnswer::Row> rows) {
    for (const auto& due : rules.due(clock.now()))
      rules.answered(due, model::RuleAnswer{std::move(rows)}, clock.now(), decided);
    keep();
    clock.advance(minutes(1));
  }
  void broken() {
    for (const auto& due : rules.due(clock.now()))
      rules.answered(due, base::fail(base::Fault::invalid, "column x does not exist"), clock.now(), decided);
    keep();
    clock.advance(minutes(1));
  }
  Told told() { return std::exchange(told_, {}); }
  RowRules::Status status() const { return rules.status().at(0); }

  base::ManualClock clock;
  model::RuleRow row = make_row();
  RowRules rules;
  RowRules::Decided decided;
  std::vector<model::Alert> alerts;
  std::vector<model::RuleEvaluation> evaluations;
  Told told_;
};

TEST_F(RowRulesTest, EachRowBeyondTheThresholdFires) {
  answer({{6, {{"loader", "A"}}}, {5, {{"loader", "B"}}}, {9, {{"loader", "C"}}}});
  EXPECT_EQ(told(), (Told{"late_loads{A} firing", "late_loads{C} firing"}));
  EXPECT_EQ(alerts.back().annotations.get("message"), "C has 9 late loads, above 5");
  EXPECT_EQ(alerts.back().labels.get("severity"), "HIGH");
  EXPECT_EQ(alerts.back().keeper, "rule rows");
}

TEST_F(RowRulesTest, ARowThatGoesOrFallsBackResolves) {
  answer({{6, {{"loader", "A"}}}, {6, {{"loader", "B"}}}});
  told();
  answer({{1, {{"loader", "A"}}}});
  EXPECT_EQ(told(), (Told{"late_loads{A} resolved", "late_loads{B} resolved"}));
}

TEST_F(RowRulesTest, AReFireWithinTheCooldownIsSilent) {
  answer({{6, {{"loader", "A"}}}});
  answer({});
  told();
  answer({{6, {{"loader", "A"}}}});
  EXPECT_EQ(told(), Told{"late_loads{A} firing silent"});
  EXPECT_EQ(evaluations.back().triggered, 0u);
}

struct Compared {
  const char* op;
  double value;
  bool fires;
};
class RowOperator : public RowRulesTest, public testing::WithParamInterface<Compared> {};
TEST_P(RowOperator, ComparesAsItsNameSays) {
  row.op = GetParam().op;
  set();
  answer({{GetParam().value, {}}});
  EXPECT_EQ(!told().empty(), GetParam().fires);
}
INSTANTIATE_TEST_SUITE_P(All, RowOperator,
                         testing::Values(Compared{"GT", 5, false}, Compared{"GT", 6, true}, Compared{"GTE", 5, true},
                                         Compared{"LT", 5, false}, Compared{"LT", 4, true}, Compared{"LTE", 5, true},
                                         Compared{"EQ", 5, true}, Compared{"EQ", 6, false}, Compared{"NEQ", 6, true},
                                         Compared{"NEQ", 5, false}, Compared{"EXISTS", 0, true},
                                         Compared{"ABSENT", 5, false}));

TEST_F(RowRulesTest, ExistsFiresForEachRowAlsoWithoutANumber) {
  row.op = "EXISTS";
  row.threshold = std::nan("");
  set();
  answer({{std::nan(""), {{"loader", "A"}}}});
  EXPECT_EQ(told(), Told{"late_loads{A} firing"});
}

TEST_F(RowRulesTest, AbsentFiresWhileThereIsNoRow) {
  row.op = "ABSENT";
  set();
  answer({});
  EXPECT_EQ(told(), Told{"late_loads{} firing"});
  answer({{1, {{"loader", "A"}}}});
  EXPECT_EQ(told(), Told{"late_loads{} resolved"});
}

TEST_F(RowRulesTest, NullIsNeitherAboveNorBelow) {
  answer({{std::nan(""), {{"loader", "A"}}}});
  EXPECT_EQ(told(), Told{});
  EXPECT_EQ(status().status.health, "ok");
}

TEST_F(RowRulesTest, IsAskedEveryInterval) {
  EXPECT_EQ(rules.due(clock.now()).size(), 1u);
  EXPECT_EQ(rules.due(clock.now() + seconds(59)).size(), 0u);
  EXPECT_EQ(rules.due(clock.now() + seconds(60)).size(), 1u);
  EXPECT_EQ(rules.due(clock.now() + minutes(10)).size(), 1u);
  EXPECT_EQ(rules.due(clock.now() + minutes(10)).size(), 0u);
}

TEST_F(RowRulesTest, AnEvaluationSaysWhatWasSeen) {
  answer({{6, {{"loader", "A"}}}, {9, {{"loader", "B"}}}, {-40, {{"loader", "C"}}}});
  ASSERT_EQ(evaluations.size(), 1u);
  EXPECT_EQ(evaluations[0].value, 9);
  EXPECT_EQ(evaluations[0].threshold, 5);
  EXPECT_TRUE(evaluations[0].fired);
  EXPECT_EQ(evaluations[0].triggered, 2u);
  answer({{6, {{"loader", "A"}}}, {9, {{"loader", "B"}}}});
  EXPECT_TRUE(evaluations[1].fired);
  EXPECT_EQ(evaluations[1].triggered, 0u);
}

TEST_F(RowRulesTest, AFailureKeepsTheStateAndIsToldAtTheThirdTime) {
  answer({{6, {{"loader", "A"}}}});
  told();
  broken();
  broken();
  EXPECT_EQ(told(), Told{});
  EXPECT_EQ(status().status.health, "failing");
  EXPECT_EQ(evaluations.back().error, "column x does not exist");
  broken();
  EXPECT_EQ(told(), Told{"RuleFailing{} firing"});
  EXPECT_EQ(status().status.firing, 1u);
  answer({{6, {{"loader", "A"}}}});
  EXPECT_EQ(told(), Told{"RuleFailing{} resolved"});
}

TEST_F(RowRulesTest, TwoRowsOfTheSameLabelsAreAFailure) {
  answer({{6, {{"loader", "A"}}}, {7, {{"loader", "A"}}}});
  EXPECT_NE(status().status.last_error.find("same labels {loader=\"A\"}"), std::string::npos)
      << status().status.last_error;
}

TEST_F(RowRulesTest, AMissingThresholdIsAFailure) {
  row.threshold = std::nan("");
  set();
  answer({{6, {}}});
  EXPECT_EQ(status().status.last_error, "GT needs a threshold_value, and it is NULL");
}

TEST_F(RowRulesTest, AnEditedRowIsAskedAtOnce) {
  answer({{6, {{"loader", "A"}}}});
  clock.advance(-seconds(30));
  EXPECT_TRUE(rules.due(clock.now()).empty());
  row.threshold = 3;
  set();
  EXPECT_EQ(rules.due(clock.now()).size(), 1u);
}

TEST_F(RowRulesTest, WhatIsWrittenBackIsNoEdit) {
  answer({});
  clock.advance(-seconds(30));
  row.trigger_count = 7;
  row.last_triggered_at = clock.now();
  set();
  EXPECT_TRUE(rules.due(clock.now()).empty());
}

TEST_F(RowRulesTest, SwitchingOffEndsItsAlerts) {
  answer({{6, {{"loader", "A"}}}});
  told();
  row.enabled = false;
  set();
  EXPECT_EQ(told(), Told{"late_loads{A} resolved"});
  EXPECT_EQ(status().status.health, "disabled");
  EXPECT_TRUE(rules.due(clock.now()).empty());
}

TEST_F(RowRulesTest, ARemovedRowEndsItsAlerts) {
  answer({{6, {{"loader", "A"}}}});
  told();
  rules.set({}, clock.now(), decided);
  keep();
  EXPECT_EQ(told(), Told{"late_loads{A} resolved"});
}

TEST_F(RowRulesTest, OtherQueryTypesWaitForTheirSource) {
  row.query_type = "PROMETHEUS";
  set();
  EXPECT_EQ(status().status.health, "waiting");
  EXPECT_NE(status().status.last_error.find("PROMETHEUS"), std::string::npos);
  EXPECT_TRUE(rules.due(clock.now()).empty());
}

TEST_F(RowRulesTest, AnotherAgentsAlertsGoOnWhereItTakesOver) {
  answer({{6, {{"loader", "A"}}}});
  told();
  RowRules other;
  other.set({row}, clock.now(), decided);
  EXPECT_EQ(other.status().at(0).status.health, "elsewhere");
  EXPECT_TRUE(other.due(clock.now()).empty());
  other.take_over(alerts, clock.now());
  for (const auto& due : other.due(clock.now()))
    other.answered(due, model::RuleAnswer{{{6, {{"loader", "A"}}}}}, clock.now(), decided);
  keep();
  EXPECT_EQ(told(), Told{});
}

TEST_F(RowRulesTest, AlertsOfARuleThatWentMeanwhileEnd) {
  answer({{6, {{"loader", "A"}}}});
  told();
  RowRules other;
  other.take_over(alerts, clock.now());
  other.set({}, clock.now(), decided);
  keep();
  EXPECT_EQ(told(), Told{"late_loads{A} resolved"});
}

TEST_F(RowRulesTest, AnAnswerToARuleThatWasEditedMeanwhileIsDropped) {
  const auto due = rules.due(clock.now());
  row.query = "SELECT another";
  set();
  rules.answered(due.at(0), model::RuleAnswer{{{6, {{"loader", "A"}}}}}, clock.now(), decided);
  EXPECT_TRUE(decided.empty());
}

}  // namespace
}  // namespace tocsin::detection
