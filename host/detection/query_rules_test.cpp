// Rules that ask: who is asked when, what an answer means, what stays when there is none.
#include "detection/query_rules.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "detection/fake_world.hpp"

namespace tocsin::detection {
namespace {

using fake::Told;
using std::chrono::minutes;
using std::chrono::seconds;

/// Notes what it is shown.
class Judge : public fake::Comparing {
 public:
  base::Result<void> evaluate(void* raw, const tsn_rows& rows, tsn_verdicts& verdicts) override {
    for (std::uint32_t i = 0; i < rows.rows; ++i)
      for (std::uint32_t k = 0; k < rows.label_count; ++k) {
        const tsn_label& label = rows.labels[i][k];
        seen += std::string(label.name.p, label.name.n) + "=" + std::string(label.value.p, label.value.n) + ";";
      }
    return Comparing::evaluate(raw, rows, verdicts);
  }
  std::string seen;
};

class QueryRulesTest : public testing::Test {
 protected:
  QueryRulesTest() { clock.set(base::from_ns(fake::start / (60 * fake::sec) * 60 * fake::sec)); }

  static model::Rule make(std::string name = "late", std::string expr = "up == 0") {
    model::Rule rule = fake::rule(std::move(name), "unused", ">", 5);
    rule.signal = {};
    rule.signal_text.clear();
    rule.query_source = "prom";
    rule.query.set("expr", std::move(expr));
    rule.by_all = true;
    rule.no_data = model::NoData::ok;
    rule.every = minutes(1);
    rule.message = "{{job}} is {{value}}";
    rule.table.set("query", rule.query);
    return rule;
  }
  std::vector<RuleProblem> set(std::vector<model::Rule> list) {
    std::vector<model::SharedRule> shared;
    for (auto& rule : list) shared.push_back(std::make_shared<model::Rule>(std::move(rule)));
    auto problems = rules.set(shared, clock.now(), fresh);
    keep();
    return problems;
  }
  void begin(model::Rule rule) {
    set({std::move(rule)});
    rules.take_over({}, clock.now());
  }
  void keep() {
    for (const auto& alert : fresh) {
      told_.push_back(alert.rule + "{" + std::string(alert.group.get("job")) + std::string(alert.group.get("rule")) +
                      "} " + std::string(model::to_string(alert.state)));
      alerts.push_back(alert);
    }
    fresh.clear();
  }
  using Answer = base::Result<model::RuleAnswer>;
  /// What is due is answered so, and a minute passes.
  void answer(const Answer& with, base::Duration took = seconds(0)) {
    for (const auto& due : rules.due(clock.now(), "prom")) rules.answered(due, with, took, clock.now(), fresh);
    keep();
    clock.advance(minutes(1));
  }
  using Rows = std::vector<model::RuleAnswer::Row>;
  void answer(Rows rows) { answer(Answer(model::RuleAnswer{std::move(rows)})); }
  Told told() { return std::exchange(told_, {}); }
  RuleStatus status() const { return rules.status().at(0); }

  base::ManualClock clock;
  Judge detector;
  QueryRules rules{[this](const std::string&) -> base::Result<Evaluator*> { return &detector; }};
  std::vector<model::Alert> fresh, alerts;
  Told told_;
};

TEST_F(QueryRulesTest, EachRowOfTheAnswerIsJudgedOnItsOwn) {
  begin(make());
  answer({{6, {{"job", "a"}}, {}}, {5, {{"job", "b"}}, {}}, {9, {{"job", "c"}}, {}}});
  EXPECT_EQ(told(), (Told{"late{a} firing", "late{c} firing"}));
  EXPECT_EQ(alerts.back().annotations.get("message"), "c is 9");
  EXPECT_EQ(alerts.back().keeper, "queries");
  EXPECT_EQ(status().firing, 2u);
  EXPECT_EQ(status().health, "ok");
}

TEST_F(QueryRulesTest, ARowThatGoesOrFallsBackResolves) {
  begin(make());
  answer({{6, {{"job", "a"}}, {}}, {6, {{"job", "b"}}, {}}});
  told();
  answer({{1, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), (Told{"late{a} resolved", "late{b} resolved"}));
}

TEST_F(QueryRulesTest, WithNoDataKeptARowThatGoesGoesOnFiring) {
  auto rule = make();
  rule.no_data = model::NoData::keep;
  begin(std::move(rule));
  answer({{6, {{"job", "a"}}, {}}});
  told();
  answer(Rows{});
  EXPECT_EQ(told(), Told{});
  answer({{1, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), Told{"late{a} resolved"});
}

TEST_F(QueryRulesTest, AnAnswerWithoutRowsIsNoDataOfTheRuleItself) {
  auto rule = make();
  rule.no_data = model::NoData::alert;
  begin(std::move(rule));
  answer(Rows{});
  EXPECT_EQ(told(), Told{"late{} firing"});
  answer({{1, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), Told{"late{} resolved"});
}

TEST_F(QueryRulesTest, ForCountsFromTheFirstAnswerThatHolds) {
  auto rule = make();
  rule.for_ = minutes(2);
  begin(std::move(rule));
  answer({{6, {{"job", "a"}}, {}}});
  answer({{6, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), Told{"late{a} pending"});
  EXPECT_EQ(status().pending, 1u);
  answer({{6, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), Told{"late{a} firing"});
}

TEST_F(QueryRulesTest, ByNamesTheLabelsThatMakeAGroup) {
  auto rule = make();
  rule.by_all = false;
  rule.by = {"job"};
  begin(std::move(rule));
  answer({{6, {{"job", "a"}, {"pod", "x"}}, {}}, {1, {{"job", "b"}, {"pod", "y"}}, {}}});
  EXPECT_EQ(told(), Told{"late{a} firing"});
  EXPECT_FALSE(alerts.back().group.has("pod"));
  answer({{6, {{"job", "a"}, {"pod", "x"}}, {}}, {1, {{"job", "a"}, {"pod", "y"}}, {}}});
  EXPECT_EQ(status().last_error,
            "the answer has two rows with the labels {job=\"a\"}; sum or group in the query by what `by` names");
  EXPECT_EQ(told(), Told{}) << "and the state stays";
}

TEST_F(QueryRulesTest, RowsMayHaveDifferentLabelsAndDetectorsSeeAllOfThem) {
  begin(make());
  answer({{1, {{"job", "a"}}, {}}, {1, {{"pod", "x"}}, {}}});
  EXPECT_EQ(detector.seen, "job=a;pod=;job=;pod=x;");
}

TEST_F(QueryRulesTest, AThirdFailureInARowIsTold) {
  begin(make());
  answer({{6, {{"job", "a"}}, {}}});
  told();
  const Answer broken = base::fail(base::Fault::deadline, "source.prom: no answer within 10s");
  answer(broken);
  answer(broken);
  EXPECT_EQ(told(), Told{});
  EXPECT_EQ(status().health, "failing");
  answer(broken);
  EXPECT_EQ(told(), Told{"RuleFailing{late} firing"});
  EXPECT_EQ(alerts.back().annotations.get("message"),
            "Rule late fails and keeps its state: source.prom: no answer within 10s");
  answer({{6, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), Told{"RuleFailing{late} resolved"}) << "and what fired before has never stopped";
}

TEST_F(QueryRulesTest, RulesOfOneIntervalAreDueTogether) {
  set({make("a"), make("b")});
  rules.take_over({}, clock.now());
  EXPECT_EQ(rules.due(clock.now(), "prom").size(), 2u) << "at once";
  clock.advance(seconds(30));
  auto late = make("c");
  set({make("a"), make("b"), late});
  EXPECT_EQ(rules.due(clock.now(), "prom").size(), 1u) << "a new one is asked at once";
  EXPECT_EQ(rules.next_due("prom"), clock.now() + seconds(30));
  clock.advance(seconds(30));
  EXPECT_EQ(rules.due(clock.now(), "prom").size(), 3u) << "and on the beat of its interval from then on";
  EXPECT_TRUE(rules.due(clock.now() + minutes(1), "other").empty());
}

TEST_F(QueryRulesTest, AQuestionThatTakesMostOfItsIntervalIsAskedLessOften) {
  begin(make());
  const auto due = rules.due(clock.now(), "prom");
  clock.advance(seconds(50));
  rules.answered(due.at(0), Answer(model::RuleAnswer{}), seconds(50), clock.now(), fresh);
  EXPECT_EQ(*rules.next_due("prom") - clock.now(), seconds(70));
}

TEST_F(QueryRulesTest, WhoeverTakesOverContinuesWhatWasTold) {
  begin(make());
  answer({{6, {{"job", "a"}}, {}}, {6, {{"job", "b"}}, {}}});
  told();
  const auto known = alerts;
  rules.give_up();
  EXPECT_TRUE(rules.due(clock.now() + minutes(5), "prom").empty());
  EXPECT_EQ(status().health, "elsewhere");
  rules.take_over(known, clock.now());
  answer({{6, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), Told{"late{b} resolved"});
  EXPECT_EQ(alerts.back().id, known.back().id);
}

TEST_F(QueryRulesTest, AnAnswerToAnOlderVersionOfARuleCountsForNothing) {
  begin(make());
  const auto due = rules.due(clock.now(), "prom");
  set({make("late", "up == 1")});
  rules.answered(due.at(0), Answer(model::RuleAnswer{{{9, {{"job", "a"}}, {}}}}), seconds(0), clock.now(), fresh);
  keep();
  EXPECT_EQ(told(), Told{});
}

TEST_F(QueryRulesTest, ARuleThatIsTakenOutEndsItsAlerts) {
  begin(make());
  answer({{6, {{"job", "a"}}, {}}});
  told();
  set({});
  EXPECT_EQ(told(), Told{"late{a} resolved"});
  EXPECT_EQ(detector.released, detector.compiled);
}

TEST_F(QueryRulesTest, WindowsAndOtherSignalsAreRefusedWhenTheRuleIsCompiled) {
  auto rule = make();
  rule.over = minutes(5);
  const auto problems = set({std::move(rule)});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(
      problems[0].error.message(),
      "a rule with `query` judges the numbers of its answer; windows, aggregates and other signals belong into the "
      "query");
  EXPECT_TRUE(rules.empty());
}

TEST_F(QueryRulesTest, ANewerDetectorJudgesFromTheNextAnswerOnAndNothingFiresAgain) {
  begin(make());
  answer({{6, {{"job", "a"}}, {}}});
  told();
  Judge newer;
  ASSERT_TRUE(rules.exchange(detector, newer));
  EXPECT_EQ(detector.released, detector.compiled);
  answer({{6, {{"job", "a"}}, {}}});
  EXPECT_EQ(told(), Told{});
  EXPECT_EQ(newer.calls, 1);
  ASSERT_TRUE(rules.exchange(newer, detector));
}

}  // namespace
}  // namespace tocsin::detection
