// Promises about lists of dates, plain and iCalendar.
#include "settings/dates.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace tocsin::settings {
namespace {

using Dates = std::vector<std::string>;

const base::Time now = base::parse_rfc3339("2026-01-01T00:00:00Z").value();

Dates dates(std::string_view text) {
  auto found = parse_dates(text, now);
  return found ? *found : Dates{found.error().message()};
}

std::string event(const std::string& lines) {
  return "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nDTSTART:19700101T000000\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n" + lines +
         "END:VEVENT\r\nEND:VCALENDAR\r\n";
}

TEST(Dates, ArePlainLinesWithRemarks) {
  EXPECT_EQ(dates("# Saudi Arabia\n\n2026-09-23 National Day\r\n2026-02-22\tFounding Day\n2026-09-23\n"),
            (Dates{"2026-02-22", "2026-09-23"}));
}

TEST(Dates, ALineThatIsNoDateIsNamed) {
  EXPECT_EQ(dates("2026-09-23\n23.09.2026\n"),
            (Dates{"line 2 \"23.09.2026\" does not begin with a date; expected one such as 2026-09-23"}));
  EXPECT_EQ(dates("2026-02-29").front().substr(0, 6), "line 1") << "no such day";
}

TEST(Dates, OfAnEventEndBeforeItsExclusiveEnd) {
  EXPECT_EQ(dates(event("DTSTART;VALUE=DATE:20260320\r\nDTEND;VALUE=DATE:20260323\r\nSUMMARY:Eid\r\n")),
            (Dates{"2026-03-20", "2026-03-21", "2026-03-22"}));
  EXPECT_EQ(dates(event("DTSTART;VALUE=DATE:20260923\r\n")), (Dates{"2026-09-23"}));
  EXPECT_EQ(dates(event("DTSTART:20260923T080000Z\r\nDTEND:20260924T120000Z\r\n")),
            (Dates{"2026-09-23", "2026-09-24"}));
  EXPECT_EQ(dates(event("DTSTART;VALUE=DATE:20260923\r\nDURATION:P2D\r\n")), (Dates{"2026-09-23", "2026-09-24"}));
}

TEST(Dates, FoldedLinesAreOneAndCancelledEventsNone) {
  EXPECT_EQ(dates(event("DTSTART;VALUE=DA\r\n TE:20260923\r\n")), (Dates{"2026-09-23"}));
  EXPECT_EQ(dates(event("DTSTART;VALUE=DATE:20260923\r\nSTATUS:CANCELLED\r\n")), Dates{});
}

TEST(Dates, AYearlyEventIsFollowed) {
  const Dates all = dates(event("DTSTART;VALUE=DATE:20200923\r\nRRULE:FREQ=YEARLY\r\n"));
  EXPECT_EQ(all.front() + " " + all.back(), "2025-09-23 2036-09-23");
  EXPECT_EQ(dates(event("DTSTART;VALUE=DATE:20240229\r\nRRULE:FREQ=YEARLY;COUNT=2\r\n")), (Dates{"2028-02-29"}));
  EXPECT_EQ(dates(event("DTSTART;VALUE=DATE:20260923\r\nRRULE:FREQ=YEARLY;UNTIL=20271231\r\n")),
            (Dates{"2026-09-23", "2027-09-23"}));
}

TEST(Dates, WhatRecursOtherwiseIsRefused) {
  EXPECT_EQ(
      dates(event("SUMMARY:Gym\r\nDTSTART;VALUE=DATE:20260923\r\nRRULE:FREQ=WEEKLY\r\n")),
      (Dates{"event \"Gym\": RRULE \"FREQ=WEEKLY\" is not followed here: only yearly dates are; write its dates out"}));
  EXPECT_EQ(dates(event("DTSTART;VALUE=DATE:tomorrow\r\n")), (Dates{"event \"\": DTSTART \"tomorrow\" is no date"}));
}

}  // namespace
}  // namespace tocsin::settings
