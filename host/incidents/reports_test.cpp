// Promises about the reports that flap damping judges by.
#include "incidents/reports.hpp"

#include <gtest/gtest.h>

namespace tocsin::incidents::reports_test {
namespace {

using namespace std::chrono_literals;
using base::Time;

/// A whole minute.
constexpr Time start{std::chrono::seconds(1'700'000'040)};

/// It changes once within each of so many minutes, and fires at first.
Reports changed(int minutes, Time* end = nullptr) {
  Reports reports(1min, start);
  Time at = start + 30s;
  for (int i = 0; i < minutes; ++i, at += 1min) reports.learn(i % 2 == 0, at);
  if (end) *end = at - 1min;
  return reports;
}

TEST(Reports, OfASteadyAlertChangeNothing) {
  Reports reports(1min, start);
  reports.learn(true, start + 1s);
  reports.look(start + 1h);
  EXPECT_EQ(reports.percent(), 0);
  EXPECT_EQ(reports.fired(60), 60u);
}

TEST(Reports, OfAnAlertThatChangesInEachIntervalAreAllChanges) {
  EXPECT_NEAR(changed(20).percent(), 100, 1e-9);
  EXPECT_NEAR(changed(200).percent(), 100, 1e-9);
}

TEST(Reports, WeighTheNewestChangeMost) {
  Reports reports = changed(1);
  EXPECT_NEAR(reports.percent(), 6, 1e-9) << "1.2 of 20";
  reports.look(start + 19min);
  EXPECT_NEAR(reports.percent(), 4, 1e-9) << "0.8 of 20";
  reports.look(start + 20min);
  EXPECT_EQ(reports.percent(), 0);
}

TEST(Reports, SeveralChangesOfOneIntervalCountOnceAlsoWhenTakenBack) {
  Reports reports(1min, start);
  for (int i = 0; i < 8; ++i) reports.learn(i % 2 == 0, start + std::chrono::seconds(i));
  EXPECT_NEAR(reports.percent(), 6, 1e-9);
  reports.look(start + 1min);
  EXPECT_EQ(reports.fired(1), 0u);
  EXPECT_NEAR(reports.percent(), 120.0 / 20, 0.2);
}

TEST(Reports, CountWhatFiredWhenTheyWereTaken) {
  Reports reports(1min, start);
  reports.learn(true, start + 50s);
  EXPECT_EQ(reports.fires_enough(2, 3), start + 2min);
  reports.look(start + 1min);
  EXPECT_EQ(reports.fired(3), 1u);
  reports.learn(false, start + 70s);
  reports.learn(true, start + 130s);
  EXPECT_EQ(reports.fires_enough(2, 3), start + 3min) << "of minutes 1 to 3, the second does not count";
}

TEST(Reports, SayWhenItHasSettledIfItChangesNoMore) {
  Time last;
  Reports reports = changed(10, &last);
  const Time settles = reports.settles(20);
  reports.look(settles - 1ns);
  EXPECT_GE(reports.percent(), 20);
  reports.look(settles);
  EXPECT_LT(reports.percent(), 20);
}

TEST(Reports, AreBlankAnHourAfterTheLastThatSaidSomething) {
  Time last;
  Reports reports = changed(10, &last);
  const Time blank = reports.blank_at();
  reports.look(blank - 1min);
  EXPECT_FALSE(reports.blank());
  reports.look(blank);
  EXPECT_TRUE(reports.blank());
}

TEST(Reports, OutliveTheirRow) {
  Reports reports = changed(7);
  reports.flapping = true;
  auto again = Reports::from_row(reports.to_row());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->to_row(), reports.to_row());
  EXPECT_EQ(again->percent(), reports.percent());
  EXPECT_TRUE(again->firing() && again->flapping);
  EXPECT_FALSE(Reports::from_row({}));
}

}  // namespace
}  // namespace tocsin::incidents::reports_test
