#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "timestamp/time_format.hpp"
#include "timestamp/timestamp.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t ten_o_clock = 1'795'168'800;  // 2026-11-20T10:00:00Z

Zone zone(std::string_view name) {
  std::string error;
  const auto found = Zone::find(name, error);
  EXPECT_TRUE(found) << name << ": " << error;
  return found.value_or(Zone());
}
TimeFormat format(std::string_view name, std::string_view zone_name = "UTC") {
  std::string error;
  const auto made = TimeFormat::make(name, zone(zone_name), error);
  EXPECT_TRUE(made) << error;
  return *made;
}
/// Seconds since 1970, or -1.
double seconds(const TimeFormat& how, std::string_view text, std::int64_t now = ten_o_clock) {
  const auto at = how.read(text, now * second);
  return at ? static_cast<double>(*at / second) + static_cast<double>(*at % second) / 1e9 : -1;
}
/// Civil seconds, as Zone::to_utc() takes them.
std::int64_t civil(int year, unsigned month, unsigned day, int hour, int minute) {
  return days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

TEST(CivilDate, IsTheInverseOfDays) {
  for (std::int64_t day = -200'000; day < 200'000; day += 13) {
    const auto date = civil_from_days(day);
    EXPECT_EQ(days_from_civil(date.year, date.month, date.day), day);
  }
}

TEST(Zone, KnowsTheDatabase) {
  EXPECT_EQ(zone("Asia/Riyadh").to_utc(civil(2026, 11, 20, 13, 0)), ten_o_clock);
  EXPECT_EQ(zone("America/New_York").to_utc(civil(2026, 7, 1, 12, 0)), 1782921600);
  EXPECT_EQ(zone("Asia/Kathmandu").to_utc(civil(2026, 6, 1, 0, 0)), 1780251300);
}
TEST(Zone, KnowsFixedOffsetsAndUtc) {
  EXPECT_EQ(zone("+05:45").offset_at(0), 20700);
  EXPECT_EQ(zone("-0330").offset_at(0), -12600);
  EXPECT_EQ(zone("UTC").to_utc(77), 77);
}
TEST(Zone, ShiftsASkippedHourForward) {
  EXPECT_EQ(zone("America/New_York").to_utc(civil(2026, 3, 8, 2, 30)), 1772955000);
  EXPECT_EQ(zone("Europe/Berlin").to_utc(civil(2026, 3, 29, 2, 30)), 1774747800);
}
TEST(Zone, TakesTheEarlierOfADoubledHour) {
  EXPECT_EQ(zone("America/New_York").to_utc(civil(2026, 11, 1, 1, 30)), 1793511000);
  EXPECT_EQ(zone("Europe/Berlin").to_utc(civil(2026, 10, 25, 2, 30)), 1792888200);
}
TEST(Zone, FollowsTheRuleAfterItsLastTransition) {
  EXPECT_EQ(zone("America/New_York").to_utc(civil(2045, 7, 1, 12, 0)), 2382537600);
  EXPECT_EQ(zone("America/New_York").to_utc(civil(2045, 1, 1, 12, 0)), 2366902800);
  EXPECT_EQ(zone("Australia/Sydney").to_utc(civil(2045, 7, 1, 12, 0)), 2382487200);
  EXPECT_EQ(zone("Australia/Sydney").to_utc(civil(2045, 1, 1, 12, 0)), 2366845200);
}
TEST(Zone, IsReadBackFromItsInstants) {
  const auto here = zone("America/New_York");
  for (std::int64_t at = 0; at < 4'000'000'000; at += 86'400 * 3 + 1234) {
    if (here.offset_at(at) != here.offset_at(at - 7200)) continue;  // within a doubled hour
    EXPECT_EQ(here.to_utc(at + here.offset_at(at)), at);
  }
}
TEST(Zone, RefusesWhatIsNoZone) {
  std::string error;
  for (const char* name : {"Asia/Nowhere", "../../etc/passwd", "/etc/passwd", "+99:00", "A B"}) {
    error.clear();
    EXPECT_FALSE(Zone::find(name, error)) << name;
    EXPECT_NE(error.find("Asia/Riyadh"), std::string::npos) << name;
  }
  EXPECT_FALSE(Zone::read("TZif"));
  EXPECT_FALSE(Zone::read("TZif2" + std::string(15, '\0') + std::string(24, '\x7f')));
}
TEST(PosixZone, ReadsTheFormsOfTheStandard) {
  EXPECT_EQ(PosixZone::parse("AST-3")->offset_at(0), 10800);
  EXPECT_EQ(PosixZone::parse("<+0330>-3:30")->offset_at(0), 12600);
  const auto julian = PosixZone::parse("XST5XDT,J60/0,J300/0");
  ASSERT_TRUE(julian);
  EXPECT_EQ(julian->offset_at(civil(2024, 3, 1, 6, 0)), -4 * 3600);
  EXPECT_EQ(julian->offset_at(civil(2024, 3, 1, 4, 0)), -5 * 3600);
  for (const char* bad : {"", "A", "AST", "AST-3X", "AST-3ADT", "AST-3ADT,M13.1.0,M10.1.0", "AST-3ADT,M3.1.0"})
    EXPECT_FALSE(PosixZone::parse(bad)) << bad;
}

TEST(TimeFormat, ReadsRfc3164InItsZone) {
  EXPECT_EQ(seconds(format("rfc3164"), "Nov 20 10:00:00 host sshd[1]: x"), ten_o_clock);
  EXPECT_EQ(seconds(format("rfc3164", "Asia/Riyadh"), "<34>Nov 20 13:00:00 host"), ten_o_clock);
  EXPECT_EQ(seconds(format("rfc3164"), "Nov  5 10:00:00 x"), ten_o_clock - 15 * 86400);
  EXPECT_EQ(seconds(format("rfc3164"), "Nov 05 10:00:00.5 x"), ten_o_clock - 15 * 86400 + 0.5);
}
TEST(TimeFormat, InfersTheNewestYearNotMoreThanADayAhead) {
  const auto syslog = format("rfc3164");
  const auto new_year = days_from_civil(2027, 1, 1) * 86400;
  EXPECT_EQ(seconds(syslog, "Dec 31 23:59:59", new_year + 5), new_year - 1);
  EXPECT_EQ(seconds(syslog, "Jan  1 00:00:01", new_year - 5), new_year + 1);
  EXPECT_EQ(seconds(syslog, "Nov 21 10:00:00", ten_o_clock), ten_o_clock + 86400);
  EXPECT_EQ(seconds(syslog, "Nov 21 10:00:01", ten_o_clock), ten_o_clock + 86401 - 365 * 86400);
  EXPECT_EQ(seconds(syslog, "Feb 29 00:00:00", ten_o_clock), days_from_civil(2024, 2, 29) * 86400);
}
TEST(TimeFormat, ReadsRfc3339OnlyWithAnOffset) {
  const auto strict = format("rfc3339", "Asia/Riyadh");
  EXPECT_EQ(seconds(strict, "2026-11-20T10:00:00Z message"), ten_o_clock);
  EXPECT_EQ(seconds(strict, "2026-11-20 13:00:00.25+03:00 m"), ten_o_clock + 0.25);
  EXPECT_EQ(seconds(strict, "2026-11-20T13:00:00 m"), -1);
  EXPECT_EQ(seconds(strict, "20261120T100000Z"), -1);
}
TEST(TimeFormat, ReadsIso8601InItsZoneWhereThereIsNoOffset) {
  const auto lax = format("iso8601", "Asia/Riyadh");
  EXPECT_EQ(seconds(lax, "2026-11-20 13:00:00,500 INFO"), ten_o_clock + 0.5);
  EXPECT_EQ(seconds(lax, "2026-11-20T10:00:00Z"), ten_o_clock);
  EXPECT_EQ(seconds(lax, "2026-11-20T05:00:00-0500 x"), ten_o_clock);
  EXPECT_EQ(seconds(lax, "2026-11-20 05:00:00 -0500 x"), ten_o_clock);
  EXPECT_EQ(seconds(lax, "2026-11-20 13:00:00 -12 items"), ten_o_clock);
  EXPECT_EQ(seconds(lax, "20261120T100000Z"), ten_o_clock);
}
TEST(TimeFormat, ReadsEpochs) {
  EXPECT_EQ(seconds(format("epoch"), "1795168800.25 x"), ten_o_clock + 0.25);
  EXPECT_EQ(seconds(format("epoch"), "1795168800"), ten_o_clock);
  EXPECT_EQ(seconds(format("epoch_ms"), "1795168800250|x"), ten_o_clock + 0.25);
  EXPECT_EQ(seconds(format("epoch"), "1795168800x"), -1);
  EXPECT_EQ(seconds(format("epoch"), "99999999999999999"), -1);
}
TEST(TimeFormat, ReadsTheCommonLogFormat) {
  EXPECT_EQ(seconds(format("clf"), "20/Nov/2026:13:00:00 +0300] \"GET /\""), ten_o_clock);
}
TEST(TimeFormat, ReadsStrptimePatterns) {
  EXPECT_EQ(seconds(format("%d.%m.%Y %H:%M:%S", "Asia/Riyadh"), "20.11.2026 13:00:00 x"), ten_o_clock);
  EXPECT_EQ(seconds(format("[%F %T.%f %z]"), "[2026-11-20 13:00:00.250 +0300] x"), ten_o_clock + 0.25);
  EXPECT_EQ(seconds(format("%a %b %e %H:%M:%S %Y"), "Fri Nov 20 10:00:00 2026"), ten_o_clock);
  EXPECT_EQ(seconds(format("%m/%d/%y %I:%M:%S %p"), "11/20/26 01:00:00 PM"), ten_o_clock + 3 * 3600);
  EXPECT_EQ(seconds(format("%Y %j %R"), "2026 324 10:00"), ten_o_clock);
  EXPECT_EQ(seconds(format("@%s"), "@1795168800.5"), ten_o_clock + 0.5);
  EXPECT_EQ(seconds(format("%d %B %H:%M"), "20 november 10:00"), ten_o_clock);
}
TEST(TimeFormat, TellsByItselfIsoAndSyslogApart) {
  EXPECT_EQ(seconds(format("auto"), "2026-11-20T10:00:00Z x"), ten_o_clock);
  EXPECT_EQ(seconds(format("auto"), "Nov 20 10:00:00 x"), ten_o_clock);
  EXPECT_EQ(seconds(format("auto"), "no time at all"), -1);
}
TEST(TimeFormat, RefusesImpossibleDates) {
  for (const char* bad : {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
                          "2026-01-01T00:60:00Z", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "2026-01-01", ""})
    EXPECT_EQ(seconds(format("iso8601"), bad), -1) << bad;
  EXPECT_EQ(seconds(format("rfc3164"), "Feb 30 00:00:00"), -1);
}
TEST(TimeFormat, SurvivesEveryTruncationOfEveryFormat) {
  const std::pair<const char*, const char*> samples[] = {
      {"rfc3164", "<34>Nov 20 10:00:00.123456"},
      {"rfc3339", "2026-11-20T10:00:00.5+03:00"},
      {"iso8601", "2026-11-20 10:00:00,5 +0300"},
      {"clf", "20/Nov/2026:13:00:00 +0300"},
      {"epoch", "1795168800.25"},
      {"%a %d %b %Y %I:%M:%S.%f %p %z", "Fri 20 Nov 2026 10:00:00.5 AM +0300"}};
  for (const auto& [how, text] : samples) {
    const std::string whole = text;
    for (std::size_t n = 0; n <= whole.size(); ++n) format(how).read(std::string(whole, 0, n), ten_o_clock * second);
    EXPECT_TRUE(format(how).read(whole, ten_o_clock * second)) << how;
  }
}
TEST(TimeFormat, SaysWhatFollows) {
  std::string_view rest;
  ASSERT_TRUE(format("rfc3164").read("Nov 20 10:00:00 host", ten_o_clock * second, &rest));
  EXPECT_EQ(rest, " host");
}
TEST(TimeFormat, RefusesUnknownFormatsAndPatternsWithoutADate) {
  std::string error;
  EXPECT_FALSE(TimeFormat::make("rfc9999", Zone(), error));
  EXPECT_NE(error.find("rfc3164"), std::string::npos);
  EXPECT_FALSE(TimeFormat::make("%H:%M", Zone(), error));
  EXPECT_FALSE(TimeFormat::make("%d %m %Q", Zone(), error));
  EXPECT_NE(error.find("%Q"), std::string::npos);
  EXPECT_FALSE(TimeFormat::make("%d %m %", Zone(), error));
}

}  // namespace
}  // namespace tocsin_plugins
