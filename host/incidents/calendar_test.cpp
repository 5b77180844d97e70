// Promises about time intervals: Alertmanager's bounds, the clock changes of zones, midnight, holidays.
#include "incidents/calendar.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace tocsin::incidents {
namespace {

using base::Time;
using model::TimeInterval;
using model::TimeSpan;
using namespace std::chrono_literals;

Time utc(const char* text) {
  return base::parse_rfc3339(text).value();
}

TimeInterval one(TimeSpan span, std::string zone = "") {
  TimeInterval interval;
  interval.name = "i";
  interval.spans = {std::move(span)};
  interval.zone = std::move(zone);
  return interval;
}

TimeSpan times(TimeSpan::Ranges ranges) {
  TimeSpan span;
  span.times = std::move(ranges);
  return span;
}

constexpr int at(int hour, int minute = 0) {
  return hour * 60 + minute;
}

bool holds(const TimeInterval& interval, const char* when) {
  return Interval(interval).holds(utc(when));
}

std::string changes(const TimeInterval& interval, const char* when) {
  return base::format_rfc3339(Interval(interval).next_change(utc(when)));
}

TEST(Calendar, ATimeBeginsWithItsFirstMinuteAndEndsBeforeItsLast) {
  const TimeInterval office = one(times({{at(9), at(17)}}));
  EXPECT_FALSE(holds(office, "2026-11-20T08:59:59.999Z"));
  EXPECT_TRUE(holds(office, "2026-11-20T09:00:00Z"));
  EXPECT_TRUE(holds(office, "2026-11-20T16:59:59Z"));
  EXPECT_FALSE(holds(office, "2026-11-20T17:00:00Z"));
}

TEST(Calendar, TwentyFourOClockIsTheEndOfTheDay) {
  const TimeInterval evening = one(times({{at(22), at(24)}}));
  EXPECT_TRUE(holds(evening, "2026-11-20T23:59:59Z"));
  EXPECT_FALSE(holds(evening, "2026-11-21T00:00:00Z"));
}

TEST(Calendar, WithoutAnyListItAlwaysHolds) {
  EXPECT_TRUE(holds(one({}), "2026-11-20T12:00:00Z"));
  EXPECT_FALSE(holds(TimeInterval{}, "2026-11-20T12:00:00Z")) << "without a span it never does";
}

TEST(Calendar, EveryListMustHoldAndOneOfItsRangesIsEnough) {
  TimeSpan span = times({{at(8), at(9)}, {at(18), at(19)}});
  span.weekdays = {{5, 5}};  // Friday
  EXPECT_TRUE(holds(one(span), "2026-11-20T18:30:00Z"));
  EXPECT_FALSE(holds(one(span), "2026-11-20T12:00:00Z"));
  EXPECT_FALSE(holds(one(span), "2026-11-21T18:30:00Z")) << "a Saturday";
}

TEST(Calendar, OneOfItsSpansIsEnough) {
  TimeInterval interval = one(times({{at(1), at(2)}}));
  interval.spans.push_back(times({{at(3), at(4)}}));
  EXPECT_TRUE(holds(interval, "2026-11-20T03:30:00Z"));
  EXPECT_FALSE(holds(interval, "2026-11-20T02:30:00Z"));
}

TEST(Calendar, WeekdaysCountFromSundayAndMayWrapTheWeek) {
  TimeSpan span;
  span.weekdays = {{0, 4}};  // Sunday to Thursday
  EXPECT_TRUE(holds(one(span), "2026-11-22T12:00:00Z"));
  EXPECT_TRUE(holds(one(span), "2026-11-26T12:00:00Z"));
  EXPECT_FALSE(holds(one(span), "2026-11-27T12:00:00Z"));
  span.weekdays = {{5, 1}};  // Friday to Monday
  EXPECT_TRUE(holds(one(span), "2026-11-22T12:00:00Z"));
  EXPECT_FALSE(holds(one(span), "2026-11-24T12:00:00Z"));
}

struct DaysCase {
  std::pair<int, int> range;
  const char* when;
  bool holds;
};

class DaysOfMonth : public ::testing::TestWithParam<DaysCase> {};
TEST_P(DaysOfMonth, CountFromEitherEndOfTheMonthAtHand) {
  TimeSpan span;
  span.days_of_month = {GetParam().range};
  EXPECT_EQ(holds(one(span), GetParam().when), GetParam().holds);
}
INSTANTIATE_TEST_SUITE_P(
    All, DaysOfMonth,
    ::testing::Values(
        DaysCase{{1, 5}, "2026-11-05T12:00:00Z", true}, DaysCase{{1, 5}, "2026-11-06T12:00:00Z", false},
        DaysCase{{-1, -1}, "2026-11-30T12:00:00Z", true}, DaysCase{{-1, -1}, "2026-11-29T12:00:00Z", false},
        DaysCase{{-1, -1}, "2028-02-29T12:00:00Z", true}, DaysCase{{-1, -1}, "2028-02-28T12:00:00Z", false},
        DaysCase{{-3, -1}, "2026-02-26T12:00:00Z", true}, DaysCase{{-3, -1}, "2026-02-25T12:00:00Z", false},
        DaysCase{{5, -1}, "2026-11-04T12:00:00Z", false}, DaysCase{{5, -1}, "2026-11-05T12:00:00Z", true},
        DaysCase{{10, 31}, "2026-02-28T12:00:00Z", true},   // cut at the month's end
        DaysCase{{30, 31}, "2026-02-28T12:00:00Z", false},  // begins after it
        DaysCase{{-31, -30}, "2026-02-01T12:00:00Z", false}, DaysCase{{-31, -28}, "2026-02-01T12:00:00Z", true}));

TEST(Calendar, MonthsAndYearsAreWhole) {
  TimeSpan span;
  span.months = {{3, 4}};
  span.years = {{2026, 2027}};
  EXPECT_TRUE(holds(one(span), "2026-03-01T00:00:00Z"));
  EXPECT_TRUE(holds(one(span), "2027-04-30T23:59:59Z"));
  EXPECT_FALSE(holds(one(span), "2026-05-01T00:00:00Z"));
  EXPECT_FALSE(holds(one(span), "2028-03-01T00:00:00Z"));
  span.years.clear();
  span.months = {{11, 2}};
  EXPECT_TRUE(holds(one(span), "2026-01-10T00:00:00Z")) << "over the end of the year";
  EXPECT_FALSE(holds(one(span), "2026-03-10T00:00:00Z"));
}

TEST(Calendar, WhatWrapsMidnightBelongsToTheDayItBeginsOn) {
  TimeSpan span = times({{at(22), at(6)}});
  span.weekdays = {{5, 5}};  // Friday
  const TimeInterval night = one(span);
  EXPECT_FALSE(holds(night, "2026-11-20T05:00:00Z")) << "Thursday's night";
  EXPECT_TRUE(holds(night, "2026-11-20T22:00:00Z"));
  EXPECT_TRUE(holds(night, "2026-11-21T05:59:59Z")) << "Friday's night goes on";
  EXPECT_FALSE(holds(night, "2026-11-21T06:00:00Z"));
  EXPECT_FALSE(holds(night, "2026-11-21T22:30:00Z"));
}

TEST(Calendar, IsLocalToItsZoneEastAndWest) {
  const TimeInterval riyadh = one(times({{at(9), at(17)}}), "Asia/Riyadh");  // UTC+3 all year
  EXPECT_FALSE(holds(riyadh, "2026-11-20T05:59:59Z"));
  EXPECT_TRUE(holds(riyadh, "2026-11-20T06:00:00Z"));
  EXPECT_FALSE(holds(riyadh, "2026-11-20T14:00:00Z"));
  TimeSpan span;
  span.weekdays = {{5, 5}};
  const TimeInterval friday = one(span, "America/Los_Angeles");
  EXPECT_FALSE(holds(friday, "2026-11-20T07:59:59Z")) << "still Thursday there";
  EXPECT_TRUE(holds(friday, "2026-11-21T07:59:59Z")) << "still Friday there";
  EXPECT_TRUE(holds(one(times({{at(0), at(0, 30)}}), "Asia/Kolkata"), "2026-11-20T18:45:00Z")) << "half an hour's zone";
  EXPECT_TRUE(holds(one(times({{at(12), at(13)}}), "Pacific/Kiritimati"), "2026-11-19T22:30:00Z")) << "14 hours east";
}

TEST(Calendar, ASpanMayHaveAZoneOfItsOwn) {
  TimeSpan span = times({{at(9), at(10)}});
  span.zone = "Asia/Riyadh";
  EXPECT_TRUE(holds(one(span, "America/New_York"), "2026-11-20T06:30:00Z"));
}

TEST(Calendar, FollowsTheClockIntoSummerTime) {
  // Berlin, 2026-03-29: 02:00 becomes 03:00, which is 01:00 UTC.
  const TimeInterval morning = one(times({{at(8), at(9)}}), "Europe/Berlin");
  EXPECT_TRUE(holds(morning, "2026-03-28T07:30:00Z"));
  EXPECT_TRUE(holds(morning, "2026-03-29T06:30:00Z"));
  EXPECT_FALSE(holds(morning, "2026-03-29T07:30:00Z"));
  const TimeInterval skipped = one(times({{at(2), at(3)}}), "Europe/Berlin");
  EXPECT_FALSE(holds(skipped, "2026-03-29T00:59:59Z"));
  EXPECT_FALSE(holds(skipped, "2026-03-29T01:00:00Z")) << "that hour is not on this day";
  EXPECT_EQ(changes(skipped, "2026-03-28T12:00:00Z"), "2026-03-30T00:00:00Z");
}

TEST(Calendar, AnHourThatComesTwiceHoldsTwice) {
  // New York, 2026-11-01: 02:00 becomes 01:00, which is 06:00 UTC.
  const TimeInterval night = one(times({{at(1), at(2)}}), "America/New_York");
  EXPECT_TRUE(holds(night, "2026-11-01T05:30:00Z"));
  EXPECT_TRUE(holds(night, "2026-11-01T06:30:00Z"));
  EXPECT_EQ(changes(night, "2026-11-01T05:30:00Z"), "2026-11-01T07:00:00Z");
}

TEST(Calendar, AnIntervalCutByTheClockEndsWithTheChange) {
  // Until 01:30, which in New York comes twice: it ends, holds again from the second 01:00 and ends again.
  const TimeInterval night = one(times({{at(0), at(1, 30)}}), "America/New_York");
  EXPECT_EQ(changes(night, "2026-11-01T05:00:00Z"), "2026-11-01T05:30:00Z");
  EXPECT_EQ(changes(night, "2026-11-01T05:30:00Z"), "2026-11-01T06:00:00Z");
  EXPECT_EQ(changes(night, "2026-11-01T06:00:00Z"), "2026-11-01T06:30:00Z");
  // From 02:30, which Berlin skips in spring: it begins with the change.
  const TimeInterval early = one(times({{at(2, 30), at(4)}}), "Europe/Berlin");
  EXPECT_EQ(changes(early, "2026-03-29T00:00:00Z"), "2026-03-29T01:00:00Z");
}

TEST(Calendar, FollowsTheRuleOfAZoneBeyondItsTable) {
  const TimeInterval noon = one(times({{at(12), at(13)}}), "Europe/Berlin");
  EXPECT_TRUE(holds(noon, "2050-07-01T10:30:00Z"));
  EXPECT_TRUE(holds(noon, "2050-12-01T11:30:00Z"));
}

TEST(Calendar, ExcludedDatesAreLocalAndTakeTheirNightAlong) {
  TimeInterval night = one(times({{at(22), at(6)}}), "Asia/Riyadh");
  night.exclude_dates = {"2026-09-23"};
  EXPECT_TRUE(holds(night, "2026-09-22T21:30:00Z")) << "00:30 of the 23rd belongs to the 22nd";
  EXPECT_FALSE(holds(night, "2026-09-23T19:30:00Z"));
  EXPECT_FALSE(holds(night, "2026-09-24T02:00:00Z")) << "05:00 of the 24th belongs to the 23rd";
  EXPECT_TRUE(holds(night, "2026-09-24T19:30:00Z"));
}

TEST(Calendar, SaysWhenItChanges) {
  TimeSpan span = times({{at(9), at(17)}});
  span.weekdays = {{1, 5}};
  const TimeInterval office = one(span);
  EXPECT_EQ(changes(office, "2026-11-20T10:00:00Z"), "2026-11-20T17:00:00Z");
  EXPECT_EQ(changes(office, "2026-11-20T17:00:00Z"), "2026-11-23T09:00:00Z") << "over the weekend";
  EXPECT_EQ(changes(office, "2026-11-20T08:59:59.5Z"), "2026-11-20T09:00:00Z");
}

TEST(Calendar, TouchingTimesAreOne) {
  const TimeInterval whole = one(times({{at(0), at(12)}, {at(12), at(24)}}));
  EXPECT_EQ(Interval(whole).next_change(utc("2026-11-20T10:00:00Z")), utc("2026-11-20T10:00:00Z") + Interval::horizon);
}

TEST(Calendar, WhatNeverChangesSaysTheHorizon) {
  TimeSpan span;
  span.years = {{2020, 2021}};
  const Time now = utc("2026-11-20T10:00:00Z");
  EXPECT_EQ(Interval(one(span)).next_change(now), now + Interval::horizon);
}

TEST(Calendar, ARememberedChangeIsNotTakenForAnotherTime) {
  const Interval office(one(times({{at(9), at(17)}})));
  EXPECT_EQ(office.next_change(utc("2026-11-20T10:00:00Z")), utc("2026-11-20T17:00:00Z"));
  EXPECT_TRUE(office.holds(utc("2026-11-20T16:00:00Z")));
  EXPECT_FALSE(office.holds(utc("2026-11-20T17:00:00Z")));
  EXPECT_FALSE(office.holds(utc("2026-11-20T08:00:00Z")));
  EXPECT_EQ(office.next_change(utc("2026-11-20T08:00:00Z")), utc("2026-11-20T09:00:00Z"));
}

/// Minute by minute over changes of the clock, next_change() must say what holds() says.
TEST(Calendar, SaysTheChangeThatAMinuteByMinuteWalkFinds) {
  for (const char* zone :
       {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Riyadh", "Africa/Casablanca"}) {
    TimeSpan span = times({{at(22, 15), at(2, 20)}, {at(1, 45), at(3, 5)}, {at(12), at(12, 1)}});
    span.weekdays = {{6, 1}};
    TimeInterval interval = one(span, zone);
    interval.exclude_dates = {"2026-10-24"};
    const Interval fast(interval);
    for (const char* from : {"2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z", "2026-10-30T00:00:00Z"}) {
      Time t = utc(from);
      Time change = Interval(interval).next_change(t);
      bool state = fast.holds(t);
      for (const Time end = t + 4 * 24h; t < end; t += 1min) {
        const bool now = Interval(interval).holds(t);
        if (now == state) continue;
        ASSERT_EQ(base::format_rfc3339(change), base::format_rfc3339(t)) << zone;
        state = now;
        change = fast.next_change(t);
      }
    }
  }
}

}  // namespace
}  // namespace tocsin::incidents
