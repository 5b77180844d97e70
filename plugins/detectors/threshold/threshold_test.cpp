#include <gtest/gtest.h>
#include <tocsin/testing/fake_host.hpp>

#include <chrono>
#include <cmath>
#include <string>

#include "threshold_core.hpp"

namespace {

using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::RowSample;
using tsn::testing::RuleSample;

/// One rule of the plugin in a fake host.
struct Judge {
  explicit Judge(Value table, tsn_aggregate aggregate = TSN_AGG_LAST) : detector(host.create("threshold")) {
    RuleSample rule;
    rule.aggregate = aggregate;
    rule.over = 60s;
    rule.table = std::move(table);
    detector->start();
    program = detector->compile(rule);
  }
  ~Judge() {
    if (program && program->answer.status == TSN_OK) detector->release(*program);
    detector->stop();
  }
  tsn::testing::Verdict of(std::vector<double> cells) {
    return detector->evaluate(*program, {RowSample{std::move(cells)}}).at(0);
  }
  tsn_verdict_state state(std::vector<double> cells) { return of(std::move(cells)).state; }
  const std::string& error() const { return program->answer.text; }

  FakeHost host;
  std::unique_ptr<tsn::testing::FakeInstance> detector;
  std::unique_ptr<tsn::testing::FakeInstance::Program> program;
};

Value with(const char* op, double threshold) {
  return Value::table({{"op", op}, {"threshold", threshold}});
}

TEST(Threshold, EveryOperatorHoldsWhereItsSignSays) {
  struct Case {
    const char *sign, *word;
    bool below, at, above;
  };
  for (const Case& one : {Case{">", "GT", false, false, true}, Case{">=", "GTE", false, true, true},
                          Case{"<", "LT", true, false, false}, Case{"<=", "LTE", true, true, false},
                          Case{"==", "EQ", false, true, false}, Case{"!=", "NEQ", true, false, true}}) {
    for (const char* op : {one.sign, one.word}) {
      Judge judge(with(op, 5));
      EXPECT_EQ(judge.state({4}) == TSN_VERDICT_FIRING, one.below) << op;
      EXPECT_EQ(judge.state({5}) == TSN_VERDICT_FIRING, one.at) << op;
      EXPECT_EQ(judge.state({6}) == TSN_VERDICT_FIRING, one.above) << op;
    }
  }
}

TEST(Threshold, SaysNoDataWhereThereIsNone) {
  for (const char* op : {">", "<", "!="}) EXPECT_EQ(Judge(with(op, 5)).state({NAN}), TSN_VERDICT_NO_DATA) << op;
}

TEST(Threshold, TellsTheValueAndTheThresholdItBroke) {
  Judge judge(with(">", 5));
  const auto verdict = judge.of({7});
  EXPECT_EQ(verdict.value, 7);
  EXPECT_EQ(verdict.threshold, 5);
}

TEST(Threshold, ExistsFiresWithDataAndAbsentWithout) {
  Judge exists(Value::table({{"op", "EXISTS"}}));
  EXPECT_EQ(exists.state({0}), TSN_VERDICT_FIRING);
  EXPECT_EQ(exists.state({NAN}), TSN_VERDICT_OK);
  Judge absent(Value::table({{"op", "ABSENT"}}));
  EXPECT_EQ(absent.state({0}), TSN_VERDICT_OK);
  EXPECT_EQ(absent.state({NAN}), TSN_VERDICT_FIRING);
}

TEST(Threshold, AbsentAsksForTheWholeWindowWhateverTheAggregate) {
  Judge absent(Value::table({{"op", "ABSENT"}}), TSN_AGG_COUNT);
  ASSERT_EQ(absent.program->inputs.size(), 1u);
  EXPECT_EQ(absent.program->inputs[0].aggregate, TSN_AGG_LAST);
  EXPECT_EQ(absent.program->inputs[0].over, 60s);
}

Value disk_tiers() {
  return Value::table({{"op", ">"},
                       {"tiers", Value::array({Value::table({{"threshold", 85}, {"severity", "HIGH"}}),
                                               Value::table({{"threshold", 95}, {"severity", "critical"}})})}});
}

TEST(Threshold, TheHighestSeverityThatHoldsWins) {
  Judge judge(disk_tiers());
  EXPECT_EQ(judge.state({80}), TSN_VERDICT_OK);
  EXPECT_EQ(judge.of({90}).severity, static_cast<tsn_severity>(TSN_SEV_HIGH));
  EXPECT_EQ(judge.of({96}).severity, static_cast<tsn_severity>(TSN_SEV_CRITICAL));
  EXPECT_EQ(judge.of({96}).threshold, 95);
}

TEST(Threshold, LeavesTheStateAloneBetweenResolveThresholdAndThreshold) {
  Value table = with(">", 90);
  table.set("resolve_threshold", 80);
  Judge judge(std::move(table));
  EXPECT_EQ(judge.state({91}), TSN_VERDICT_FIRING);
  EXPECT_EQ(judge.state({85}), TSN_VERDICT_KEEP);
  EXPECT_EQ(judge.state({80}), TSN_VERDICT_OK);
}

Value failure_rate() {
  return Value::table({{"op", ">"}, {"threshold", 0.05}, {"divide_by", "etl.run"}, {"min_count", 20}});
}

TEST(Threshold, DividesAndNamesTheRatioAsValue) {
  Judge judge(failure_rate(), TSN_AGG_COUNT);
  const auto verdict = judge.of({3, 30, 30});
  EXPECT_EQ(verdict.state, static_cast<tsn_verdict_state>(TSN_VERDICT_FIRING));
  EXPECT_DOUBLE_EQ(verdict.value, 0.1);
  EXPECT_EQ(judge.state({1, 30, 30}), TSN_VERDICT_OK);
}

TEST(Threshold, GivesNoVerdictBelowMinCount) {
  Judge judge(failure_rate(), TSN_AGG_COUNT);
  EXPECT_EQ(judge.state({19, 19, 19}), TSN_VERDICT_NO_DATA);
  EXPECT_EQ(judge.state({20, 20, 20}), TSN_VERDICT_FIRING);
}

TEST(Threshold, GivesNoVerdictOnAnEmptyWhole) {
  Value table = failure_rate();
  table.set("min_count", 0);
  EXPECT_EQ(Judge(std::move(table), TSN_AGG_COUNT).state({0, 0, 0}), TSN_VERDICT_NO_DATA);
}

TEST(Threshold, AsksForPartAndWholeOverTheSameWindow) {
  Judge judge(failure_rate(), TSN_AGG_SUM);
  ASSERT_EQ(judge.program->selectors, (std::vector<std::string>{"", "etl.run", "etl.run"}));
  EXPECT_EQ(judge.program->inputs[1].aggregate, TSN_AGG_SUM);
  EXPECT_EQ(judge.program->inputs[2].aggregate, TSN_AGG_COUNT);
}

TEST(Threshold, CountsAMissingPartOfASumAsZero) {
  EXPECT_EQ(threshold::ratio(NAN, 50, 50, 20, true), 0);
  EXPECT_TRUE(std::isnan(threshold::ratio(NAN, 50, 50, 20, false)));
}

struct Wrong {
  const char* what;
  Value table;
  const char* says;
};

TEST(Threshold, ARefusedRuleSaysWhichKeyAndWhatWasExpected) {
  const Value low_tier = Value::array({Value::table({{"threshold", 85}, {"severity", "URGENT"}})});
  const Wrong wrongs[] = {
      {"no op", Value::table({{"threshold", 5}}), "key `op`: expected one of > >="},
      {"unknown op", Value::table({{"op", "=>"}, {"threshold", 5}}), "key `op`: expected one of > >="},
      {"no threshold", Value::table({{"op", ">"}}), "key `threshold`: expected a number (or `tiers`)"},
      {"text as threshold", Value::table({{"op", ">"}, {"threshold", "5"}}), "key `threshold`: expected a number"},
      {"both", Value::table({{"op", ">"}, {"threshold", 5}, {"tiers", low_tier}}), "key `tiers`: expected either"},
      {"empty tiers", Value::table({{"op", ">"}, {"tiers", Value::array()}}), "key `tiers`: expected a list of tables"},
      {"severity", Value::table({{"op", ">"}, {"tiers", low_tier}}), "key `tiers.severity`: expected one of CRITICAL"},
      {"min_count alone", Value::table({{"op", ">"}, {"threshold", 5}, {"min_count", 5}}),
       "key `min_count`: expected `divide_by`"},
      {"EXISTS with a number", Value::table({{"op", "EXISTS"}, {"threshold", 5}}), "key `threshold`: expected nothing"},
      {"hysteresis upside down", Value::table({{"op", ">"}, {"threshold", 5}, {"resolve_threshold", 6}}),
       "key `resolve_threshold`: expected a number not above"}};
  for (const Wrong& wrong : wrongs) {
    Judge judge(wrong.table);
    EXPECT_NE(judge.program->answer.status, TSN_OK) << wrong.what;
    EXPECT_NE(judge.error().find(wrong.says), std::string::npos) << wrong.what << ": " << judge.error();
  }
}

TEST(Threshold, ARefusedRuleNamesFileAndLine) {
  Value table = Value::table({{"op", Value("=>").at_line(12)}, {"threshold", 5}});
  Judge judge(std::move(table));
  EXPECT_EQ(judge.error().rfind("rules.toml:12:", 0), 0u) << judge.error();
}

}  // namespace
