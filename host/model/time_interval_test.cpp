// Promises about ranges of times, days, months and years as people write them.
#include "model/time_interval.hpp"

#include <gtest/gtest.h>

namespace tocsin::model {
namespace {

using Range = TimeSpan::Range;

TEST(TimeInterval, TimesAreMinutesAndMayWrapMidnight) {
  EXPECT_EQ(parse_times("09:00-17:30"), (Range{540, 1050}));
  EXPECT_EQ(parse_times("00:00-24:00"), (Range{0, 1440}));
  EXPECT_EQ(parse_times("22:00-06:00"), (Range{1320, 360}));
  for (const char* wrong :
       {"9:00-17:00", "09:00", "09:00-25:00", "09:60-10:00", "24:00-06:00", "24:01-24:02", "10:00-10:00", "", "-"})
    EXPECT_FALSE(parse_times(wrong)) << wrong;
}

TEST(TimeInterval, WeekdaysAreNamesOrTheirFirstLetters) {
  EXPECT_EQ(parse_weekdays("sunday:thursday"), (Range{0, 4}));
  EXPECT_EQ(parse_weekdays("Sat"), (Range{6, 6}));
  EXPECT_EQ(parse_weekdays("fri:mon"), (Range{5, 1}));
  for (const char* wrong : {"1", "someday", "monday:", ":monday", "monday:tuesday:friday"})
    EXPECT_FALSE(parse_weekdays(wrong)) << wrong;
}

TEST(TimeInterval, DaysOfTheMonthCountFromEitherEnd) {
  EXPECT_EQ(parse_days_of_month("15"), (Range{15, 15}));
  EXPECT_EQ(parse_days_of_month("1:5"), (Range{1, 5}));
  EXPECT_EQ(parse_days_of_month("-3:-1"), (Range{-3, -1}));
  EXPECT_EQ(parse_days_of_month("20:-1"), (Range{20, -1}));
  for (const char* wrong : {"0", "32", "-32", "5:1", "-1:-3", "-1:5", "first", "1:"})
    EXPECT_FALSE(parse_days_of_month(wrong)) << wrong;
}

TEST(TimeInterval, MonthsAreNamesOrNumbers) {
  EXPECT_EQ(parse_months("december"), (Range{12, 12}));
  EXPECT_EQ(parse_months("1:mar"), (Range{1, 3}));
  EXPECT_EQ(parse_months("november:february"), (Range{11, 2}));
  for (const char* wrong : {"0", "13", "decembre"}) EXPECT_FALSE(parse_months(wrong)) << wrong;
}

TEST(TimeInterval, YearsAscend) {
  EXPECT_EQ(parse_years("2026:2028"), (Range{2026, 2028}));
  EXPECT_EQ(parse_years("2026"), (Range{2026, 2026}));
  for (const char* wrong : {"2028:2026", "0", "10000", "year"}) EXPECT_FALSE(parse_years(wrong)) << wrong;
}

}  // namespace
}  // namespace tocsin::model
