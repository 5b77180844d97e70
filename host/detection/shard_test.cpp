#include "detection/shard.hpp"

#include <gtest/gtest.h>

#include "detection/fake_world.hpp"

namespace tocsin::detection {
namespace {

using namespace fake;
using std::chrono::minutes;
using std::chrono::seconds;

model::Rule five_failures_in_a_minute() {
  model::Rule out = rule("brute_force", "auth.failure", ">=", 5);
  out.by = {"client_ip"};
  out.aggregate = model::Aggregate::count;
  out.over = seconds(60);
  out.message = "{{client_ip}} failed {{value}} times";
  return out;
}

World::Row failure(double when, const std::string& address) {
  return {when, "auth.failure", {{"client_ip", address}}};
}

TEST(Shard, FiresAtTheFifthFailureWithinAMinuteAndNamesItsLine) {
  World world;
  world.rules({five_failures_in_a_minute()});
  world.push({failure(1, "10.0.0.1"), failure(10, "10.0.0.2"), failure(20, "10.0.0.1"), failure(30, "10.0.0.1"),
              failure(40, "10.0.0.1"), failure(60.5, "10.0.0.1"), failure(61, "10.0.0.1")});
  ASSERT_EQ(world.alerts.size(), 1u);
  const model::Alert& alert = world.alerts[0];
  EXPECT_EQ(alert.origin.line, 6u);
  EXPECT_EQ(alert.active_at, at(60.5));
  EXPECT_EQ(alert.annotations.get("message"), "10.0.0.1 failed 5 times");
  EXPECT_EQ(alert.labels.text(), R"({alertname="brute_force",client_ip="10.0.0.1",severity="HIGH"})");
  EXPECT_EQ(alert.title, "brute_force client_ip=10.0.0.1");
}

TEST(Shard, CountsASignalOnTheOpenEdgeOfTheWindowNoMore) {
  World world;
  world.rules({five_failures_in_a_minute()});
  world.push({failure(0, "a"), failure(15, "a"), failure(30, "a"), failure(45, "a"), failure(60, "a")});
  EXPECT_EQ(world.told(), Told{});
}

TEST(Shard, ResolvesExactlyWhenTheOldestSignalLeavesTheWindow) {
  World world;
  world.rules({five_failures_in_a_minute()});
  world.push({failure(1, "a"), failure(2, "a"), failure(3, "a"), failure(4, "a"), failure(5, "a")});
  EXPECT_EQ(world.shard.next_due(), at(61));
  world.advance(60.9);
  EXPECT_EQ(world.told(), Told{"5 firing 5"});
  world.advance(100);
  EXPECT_EQ(world.told(), Told{"61 resolved 5"});
}

TEST(Shard, CountsEachSignalAlsoWhereSeriesAndInstantAreEqual) {
  World world;
  world.rules({five_failures_in_a_minute()});
  world.push({failure(1, "a"), failure(1, "a"), failure(1, "a"), failure(1, "a"), failure(1, "a")});
  EXPECT_EQ(world.told(), Told{"1 firing 5"});
}

TEST(Shard, FiresAfterForByTimerAlone) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.for_ = minutes(2);
  world.rules({cpu});
  world.push({{10, "cpu", {}, 95}});
  EXPECT_EQ(world.told(), Told{"10 pending 95"});
  world.advance(129.9);
  EXPECT_EQ(world.told(), Told{});
  world.advance(131);
  EXPECT_EQ(world.told(), Told{"130 firing 95"});
}

TEST(Shard, ForgetsAPendingAlertThatEndsBeforeFor) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.for_ = minutes(2);
  world.rules({cpu});
  world.push({{10, "cpu", {}, 95}, {100, "cpu", {}, 50}, {110, "cpu", {}, 95}});
  EXPECT_EQ(world.told(), (Told{"10 pending 95", "100 inactive 95 silent", "110 pending 95"}));
}

TEST(Shard, FiresBetweenTwoSignalsOfOneBatchWhenForEndsThere) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.for_ = minutes(2);
  world.rules({cpu});
  world.push({{10, "cpu", {}, 95}, {200, "cpu", {}, 50}});
  EXPECT_EQ(world.told(), (Told{"10 pending 95", "130 firing 95", "200 resolved 95"}));
}

TEST(Shard, KeepsFiringForAWhileAndThenResolvesByTimer) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.keep_firing_for = minutes(1);
  world.rules({cpu});
  world.push({{10, "cpu", {}, 95}, {20, "cpu", {}, 50}});
  EXPECT_EQ(world.told(), Told{"10 firing 95"});
  world.advance(90);
  EXPECT_EQ(world.told(), Told{"80 resolved 95"});
}

TEST(Shard, ContinuesTheSameAlertSilentlyWithinTheCooldown) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}, {20, "cpu", {}, 50}, {100, "cpu", {}, 96}});
  ASSERT_EQ(world.alerts.size(), 3u);
  EXPECT_EQ(world.alerts[2].id, world.alerts[0].id);
  EXPECT_EQ(world.alerts[2].active_at, at(10));
  EXPECT_TRUE(world.alerts[2].silent);
}

TEST(Shard, BeginsANewAlertAfterTheCooldown) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}, {20, "cpu", {}, 50}, {320, "cpu", {}, 96}});
  ASSERT_EQ(world.alerts.size(), 3u);
  EXPECT_NE(world.alerts[2].id, world.alerts[0].id);
  EXPECT_FALSE(world.alerts[2].silent);
}

TEST(Shard, TellsAReFireAtOnceWhenItsSeverityRose) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.table.set("critical", 99.0);
  world.rules({cpu});
  world.push({{10, "cpu", {}, 95}, {20, "cpu", {}, 50}, {100, "cpu", {}, 100}});
  EXPECT_EQ(world.told(), (Told{"10 firing 95", "20 resolved 95", "100 firing 100"}));
}

TEST(Shard, HoldsNothingBackWhereTheCooldownIsOff) {
  ShardSettings settings;
  settings.cooldown = false;
  World world(settings);
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}, {20, "cpu", {}, 50}, {30, "cpu", {}, 96}});
  EXPECT_EQ(world.told(), (Told{"10 firing 95", "20 resolved 95", "30 firing 96"}));
}

TEST(Shard, TellsAChangeOfSeverityWhileFiring) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.table.set("critical", 99.0);
  world.rules({cpu});
  world.push({{10, "cpu", {}, 95}, {11, "cpu", {}, 100}});
  ASSERT_EQ(world.alerts.size(), 2u);
  EXPECT_EQ(world.alerts[1].severity, model::Severity::critical);
  EXPECT_EQ(world.alerts[1].labels.get("severity"), "CRITICAL");
  EXPECT_EQ(world.alerts[1].id, world.alerts[0].id);
}

TEST(Shard, RefreshesTheValueOncePerMinuteAtMost) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}, {20, "cpu", {}, 96}, {70, "cpu", {}, 97}, {71, "cpu", {}, 98}});
  EXPECT_EQ(world.told(), (Told{"10 firing 95", "70 firing 97 silent"}));
}

TEST(Shard, KeepsTheStateWithoutDataByDefault) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}});
  world.advance(1000);
  EXPECT_EQ(world.told(), Told{"10 firing 95"});
}

TEST(Shard, ResolvesFiveMinutesAfterTheLastValueWhereNoDataIsOk) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.no_data = model::NoData::ok;
  world.rules({cpu});
  world.push({{10, "cpu", {}, 95}});
  world.advance(1000);
  EXPECT_EQ(world.told(), (Told{"10 firing 95", "310 resolved 95"}));
}

TEST(Shard, EndsAnAlertAtOnceWithItsSeriesMarkedStale) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}, {12, "cpu", {}, NAN, model::row_stale}});
  EXPECT_EQ(world.told(), (Told{"10 firing 95", "12 resolved 95"}));
}

TEST(Shard, AlertsOnAbsenceAlsoOfWhatWasNeverSeen) {
  World world;
  model::Rule silent = rule("loader_silent", "etl.run", "<", -1);
  silent.over = minutes(10);
  silent.also_timed = true;
  silent.no_data = model::NoData::alert;
  world.rules({silent});
  world.advance(599);
  EXPECT_EQ(world.told(), Told{});
  world.advance(700);
  ASSERT_EQ(world.alerts.size(), 1u);
  EXPECT_GE(world.alerts[0].active_at, at(600));
}

TEST(Shard, SaysNothingAboutTooFewBeforeOneWholeWindow) {
  World world;
  model::Rule few = rule("zero_signals", "etl.run", "<", 3);
  few.aggregate = model::Aggregate::count;
  few.over = minutes(10);
  few.also_timed = true;
  world.rules({few});
  world.push({{5, "etl.run", {}}});
  world.advance(590);
  EXPECT_EQ(world.told(), Told{});
  world.advance(660);
  ASSERT_EQ(world.alerts.size(), 1u);
  EXPECT_EQ(world.alerts[0].state, model::AlertState::firing);
}

TEST(Shard, JudgesAScheduledRuleAtItsBeatOnly) {
  World world;
  model::Rule slow = rule("slow", "cpu", ">", 90);
  slow.every = seconds(120);
  world.rules({slow});
  world.push({{10, "cpu", {}, 95}});
  EXPECT_EQ(world.told(), Told{});
  world.advance(120);
  ASSERT_EQ(world.alerts.size(), 1u);
  EXPECT_EQ(base::to_ns(world.alerts[0].active_at) % (120 * sec), 0);
}

TEST(Shard, KeepsButDoesNotJudgeSignalsOlderThanTheWindowAndFiveMinutesAtArrival) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.shard.push(world.batch({{10, "cpu", {}, 95}}, 311), at(311), world.alerts);
  EXPECT_EQ(world.told(), Told{});
  world.shard.push(world.batch({{20, "cpu", {}, 95}}, 312), at(312), world.alerts);
  EXPECT_EQ(world.told(), Told{"20 firing 95"});
}

TEST(Shard, CountsARowMarkedOldWithoutJudgingIt) {
  World world;
  world.rules({five_failures_in_a_minute()});
  auto old = failure(1, "a");
  old.flags = model::row_old;
  world.push({old, old, old, old, old});
  EXPECT_EQ(world.told(), Told{});
  world.push({failure(2, "a")});
  EXPECT_EQ(world.told(), Told{"2 firing 6"});
}

TEST(Shard, KeepsGroupsAndAlertsOfARuleThatDidNotChange) {
  World world;
  world.rules({five_failures_in_a_minute()});
  world.push({failure(1, "a"), failure(2, "a"), failure(3, "a"), failure(4, "a")});
  world.rules({rule("cpu", "cpu", ">", 90), five_failures_in_a_minute()}, 5);
  EXPECT_EQ(world.detector.compiled, 2);
  world.push({failure(6, "a")});
  EXPECT_EQ(world.told(), Told{"6 firing 5"});
}

TEST(Shard, KeepsWindowsOfARuleWhoseThresholdChanged) {
  World world;
  world.rules({five_failures_in_a_minute()});
  world.push({failure(1, "a"), failure(2, "a")});
  model::Rule stricter = five_failures_in_a_minute();
  stricter.table.set("threshold", 3.0);
  world.rules({stricter}, 3);
  world.push({failure(4, "a")});
  EXPECT_EQ(world.told(), Told{"4 firing 3"});
}

TEST(Shard, ResolvesTheAlertsOfARuleThatIsGone) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}});
  world.rules({}, 20);
  EXPECT_EQ(world.told(), (Told{"10 firing 95", "20 resolved 95"}));
  EXPECT_EQ(world.detector.released, 1);
}

TEST(Shard, LeavesOutARuleThatDoesNotCompileAndRunsTheOthers) {
  World world;
  model::Rule broken = rule("broken", "cpu", ">", 90);
  broken.table.erase("op");
  const auto problems = world.rules({broken, rule("cpu", "cpu", ">", 90)});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].rule, "broken");
  world.push({{10, "cpu", {}, 95}});
  EXPECT_EQ(world.told(), Told{"10 firing 95"});
}

TEST(Shard, JudgesABatchWithOneCallPerRule) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 1}, {11, "cpu", {}, 2}, {12, "cpu", {}, 3}});
  EXPECT_EQ(world.detector.calls, 1);
}

TEST(Shard, RaisesRuleFailingAfterThreeFailuresAndKeepsTheState) {
  World world;
  world.rules({rule("cpu", "cpu", ">", 90)});
  world.push({{10, "cpu", {}, 95}});
  world.alerts.clear();
  world.detector.fail = true;
  for (int i = 0; i < 3; ++i) world.push({{20.0 + i, "cpu", {}, 1}});
  ASSERT_EQ(world.alerts.size(), 1u);
  EXPECT_EQ(world.alerts[0].labels.get("alertname"), "RuleFailing");
  EXPECT_EQ(world.alerts[0].labels.get("rule"), "cpu");
  EXPECT_EQ(world.shard.status()[0].firing, 1u);
  world.alerts.clear();
  world.detector.fail = false;
  world.push({{30, "cpu", {}, 95}});
  ASSERT_EQ(world.alerts.size(), 1u);
  EXPECT_EQ(world.alerts[0].state, model::AlertState::resolved);
}

TEST(Shard, FailsARuleWhoseGroupsGiveTheSameLabels) {
  World world;
  model::Rule twins = rule("twins", "cpu", ">", 90);
  twins.by = {"host"};
  twins.labels.set("host", "all");
  world.rules({twins});
  world.push({{1, "cpu", {{"host", "a"}}, 95}, {2, "cpu", {{"host", "b"}}, 95}});
  EXPECT_EQ(world.told(), Told{});
  EXPECT_NE(world.shard.status()[0].last_error.find("same labels"), std::string::npos);
}

TEST(Shard, RaisesSourceDownAndPutsItsRulesIntoNoData) {
  World world;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.no_data = model::NoData::alert;
  world.rules({cpu});
  world.push({{10, "cpu", {}, 5}});
  world.shard.source_state("source.test", false, at(20), world.alerts);
  ASSERT_EQ(world.alerts.size(), 2u);
  EXPECT_EQ(world.alerts[0].labels.text(),
            R"({alertname="SourceDown",category="INFRASTRUCTURE",severity="HIGH",source="source.test"})");
  EXPECT_EQ(world.alerts[1].rule, "cpu");
  world.alerts.clear();
  world.shard.source_state("source.test", true, at(30), world.alerts);
  world.push({{31, "cpu", {}, 5}});
  EXPECT_EQ(world.told(), (Told{"30 resolved nan", "31 resolved nan"}));
}

TEST(Shard, RaisesItsOwnAlertAboutAPluginOnceAndGoesOnAfterARestart) {
  const model::Labels group{{"instance", "source.x"}, {"plugin", "x"}};
  World world;
  world.shard.own_alert(OwnAlert::plugin_crashed, group, true, "died of SIGSEGV", at(20), world.alerts);
  world.shard.own_alert(OwnAlert::plugin_crashed, group, true, "died of SIGSEGV", at(21), world.alerts);
  ASSERT_EQ(world.alerts.size(), 1u);
  EXPECT_EQ(world.alerts[0].labels.text(),
            R"({alertname="PluginCrashed",category="INFRASTRUCTURE",instance="source.x",plugin="x",severity="HIGH"})");
  EXPECT_EQ(world.alerts[0].annotations.get("message"), "died of SIGSEGV");
  World after;
  after.shard.restore(world.shard.active(), at(40));
  after.shard.own_alert(OwnAlert::plugin_crashed, group, true, "again", at(41), after.alerts);
  EXPECT_EQ(after.told(), Told{});
  after.shard.own_alert(OwnAlert::plugin_crashed, group, false, "", at(50), after.alerts);
  ASSERT_EQ(after.alerts.size(), 1u);
  EXPECT_EQ(after.alerts[0].id, world.alerts[0].id);
  EXPECT_EQ(after.alerts[0].state, model::AlertState::resolved);
}

TEST(Shard, ResolvesNoOwnAlertThatNeverFired) {
  World world;
  world.shard.own_alert(OwnAlert::plugin_quarantined, {{"instance", "a"}, {"plugin", "b"}}, false, "", at(20),
                        world.alerts);
  EXPECT_EQ(world.told(), Told{});
}

TEST(Shard, ContinuesARestoredAlertUnderItsId) {
  World before;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.by = {"host"};
  before.rules({cpu});
  before.push({{10, "cpu", {{"host", "a"}}, 95}});
  World after;
  after.rules({cpu}, 40);
  after.shard.restore(before.shard.active(), at(40));
  after.push({{50, "cpu", {{"host", "a"}}, 20}});
  ASSERT_EQ(after.alerts.size(), 1u);
  EXPECT_EQ(after.alerts[0].id, before.alerts[0].id);
  EXPECT_EQ(after.alerts[0].state, model::AlertState::resolved);
}

TEST(Shard, CountsRestoredForFromItsBeginning) {
  World before;
  model::Rule cpu = rule("cpu", "cpu", ">", 90);
  cpu.for_ = minutes(2);
  before.rules({cpu});
  before.push({{10, "cpu", {}, 95}});
  World after;
  after.rules({cpu}, 40);
  after.shard.restore(before.shard.active(), at(40));
  after.push({{50, "cpu", {}, 96}});
  after.advance(140);
  EXPECT_EQ(after.told(), Told{"130 firing 96"});
}

TEST(Shard, ResolvesARestoredAlertOfWhichNothingIsHeardAfterFiveMinutes) {
  World before;
  before.rules({five_failures_in_a_minute()});
  before.push({failure(1, "a"), failure(2, "a"), failure(3, "a"), failure(4, "a"), failure(5, "a")});
  World after;
  after.rules({five_failures_in_a_minute()}, 600);
  after.shard.restore(before.shard.active(), at(600));
  after.advance(899);
  EXPECT_EQ(after.told(), Told{});
  after.advance(901);
  EXPECT_EQ(after.told(), Told{"900 resolved 5"});
}

TEST(Shard, ResolvesARestoredAlertWhoseRuleIsGone) {
  World before;
  before.rules({rule("cpu", "cpu", ">", 90)});
  before.push({{10, "cpu", {}, 95}});
  World after;
  after.shard.restore(before.shard.active(), at(40));
  after.advance(41);
  EXPECT_EQ(after.told(), Told{"40 resolved 95"});
}

TEST(Shard, WarmedSignalsCountAndRaiseNothingByThemselves) {
  World world;
  world.rules({five_failures_in_a_minute()});
  world.shard.warm(world.batch({failure(1, "a"), failure(2, "a"), failure(3, "a"), failure(4, "a"), failure(5, "a")}));
  EXPECT_EQ(world.told(), Told{});
  world.push({failure(6, "a")});
  EXPECT_EQ(world.told(), Told{"6 firing 6"});
}

TEST(Shard, SharesGroupsOutSoThatEachHasOneOwner) {
  int owners = 0;
  for (std::uint32_t index = 0; index < 4; ++index) {
    ShardSettings settings;
    settings.index = index;
    settings.count = 4;
    World world(settings);
    world.rules({five_failures_in_a_minute()});
    world.push({failure(1, "a"), failure(2, "a"), failure(3, "a"), failure(4, "a"), failure(5, "a")});
    owners += static_cast<int>(world.alerts.size());
  }
  EXPECT_EQ(owners, 1);
}

TEST(Shard, ReclaimsSilentGroupsBeforeItDropsNewOnes) {
  ShardSettings settings;
  settings.max_groups = 2;
  World world(settings);
  world.rules({five_failures_in_a_minute()});
  world.push({failure(1, "a"), failure(2, "b"), failure(3, "c")});
  EXPECT_EQ(world.shard.status()[0].dropped, 1u);
  world.push({failure(1001, "d"), failure(1002, "d"), failure(1003, "d"), failure(1004, "d"), failure(1005, "d")});
  EXPECT_EQ(world.told(), Told{"1005 firing 5"});
  world.push({failure(1006, "a"), failure(1006, "a"), failure(1006, "a"), failure(1006, "a"), failure(1006, "a")});
  EXPECT_EQ(world.told(), Told{"1006 firing 5"});
}

TEST(Shard, FillsWindowsOfANewRuleFromHistory) {
  ShardSettings settings;
  model::SeriesId past = 0;
  settings.history = [&past](const model::Selector&, base::Time, base::Time, const auto& give) {
    for (int i = 1; i <= 4; ++i) give(past, start + i * sec, 1);
  };
  World world(settings);
  past = world.series.intern({"auth.failure", {{"client_ip", "a"}}});
  world.rules({five_failures_in_a_minute()}, 5);
  world.push({failure(6, "a")});
  EXPECT_EQ(world.told(), Told{"6 firing 5"});
}

/// Declares an input in the middle of its first evaluation.
class Late : public Evaluator {
 public:
  base::Result<void*> compile(const model::Rule&, const tsn_inputs& inputs) override {
    tsn_input input{};
    input.size = sizeof input;
    std::uint32_t column = 0;
    inputs.add(&inputs, &input, &column, nullptr);
    return this;
  }
  void release(void*) override {}
  base::Result<void> evaluate(void*, const tsn_rows& rows, tsn_verdicts& verdicts) override {
    tsn_input input{};
    input.size = sizeof input;
    input.aggregate = TSN_AGG_COUNT;
    input.over = 60 * sec;
    static constexpr std::string_view other = "other";
    input.selector = {other.data(), static_cast<std::uint32_t>(other.size())};
    std::uint32_t sum = 0, count = 0;
    rows.inputs->add(rows.inputs, &input, &count, nullptr);
    input.aggregate = TSN_AGG_SUM;
    input.selector = {};
    rows.inputs->add(rows.inputs, &input, &sum, nullptr);
    for (std::uint32_t i = 0; i < rows.rows; ++i) {
      if (sum >= rows.columns) {
        verdicts.items[i].state = TSN_VERDICT_AGAIN;
        continue;
      }
      sums.push_back(rows.cells[i * rows.columns + sum]);
    }
    return {};
  }
  std::vector<double> sums;
};

TEST(Shard, EvaluatesAgainWithAnInputThatWasJustDeclared) {
  Late late;
  World world({}, &late);
  world.rules({rule("late", "cpu", ">", 0)});
  world.push({{1, "cpu", {}, 10}, {2, "cpu", {}, 20}});
  world.push({{3, "cpu", {}, 30}});
  EXPECT_EQ(late.sums, (std::vector<double>{10, 30, 60}));
}

}  // namespace
}  // namespace tocsin::detection
