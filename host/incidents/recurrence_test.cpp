#include "incidents/recurrence.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace tocsin::incidents {
namespace {

using std::chrono::hours;

base::Time at(std::string_view text) {
  return base::parse_rfc3339(text).value();
}

Recurring recurring(std::string every, base::Duration length, std::string zone = "") {
  return Recurring::make({std::move(every), length, std::move(zone)}).value();
}

/// "from to", or "-".
std::string holds(const Recurring& r, std::string_view when) {
  const auto span = r.at(at(when));
  return span ? base::format_rfc3339(span->from) + " " + base::format_rfc3339(span->to) : "-";
}

std::string next(const Recurring& r, std::string_view when) {
  return base::format_rfc3339(r.next(at(when)).from);
}

TEST(Recurring, HoldsFromItsBeginningUpToItsEnd) {
  const Recurring r = recurring("fri 22:00", hours(4));  // 2026-11-20 is a Friday
  EXPECT_EQ(holds(r, "2026-11-20T21:59:59Z"), "-");
  EXPECT_EQ(holds(r, "2026-11-20T22:00:00Z"), "2026-11-20T22:00:00Z 2026-11-21T02:00:00Z");
  EXPECT_EQ(holds(r, "2026-11-21T01:59:59.999Z"), "2026-11-20T22:00:00Z 2026-11-21T02:00:00Z");
  EXPECT_EQ(holds(r, "2026-11-21T02:00:00Z"), "-");
  EXPECT_EQ(holds(r, "2026-11-19T23:00:00Z"), "-");
}

TEST(Recurring, KnowsItsNextBeginning) {
  const Recurring r = recurring("fri 22:00", hours(4));
  EXPECT_EQ(next(r, "2026-11-20T21:00:00Z"), "2026-11-20T22:00:00Z");
  EXPECT_EQ(next(r, "2026-11-20T22:00:00Z"), "2026-11-27T22:00:00Z");
  EXPECT_EQ(next(recurring("22:00", hours(1)), "2026-11-20T22:30:00Z"), "2026-11-21T22:00:00Z");
}

TEST(Recurring, TakesDaysAsListsAndRanges) {
  EXPECT_NE(holds(recurring("mon-fri 18:30", hours(1)), "2026-11-20T19:00:00Z"), "-");
  EXPECT_EQ(holds(recurring("mon-fri 18:30", hours(1)), "2026-11-21T19:00:00Z"), "-");
  EXPECT_NE(holds(recurring("sat,sunday 18:30", hours(1)), "2026-11-22T19:00:00Z"), "-");
  EXPECT_NE(holds(recurring("Sat-Mon 18:30", hours(1)), "2026-11-23T19:00:00Z"), "-");
  EXPECT_NE(holds(recurring("00:00", hours(24)), "2026-11-23T23:59:59Z"), "-");
}

TEST(Recurring, BeginsByTheWallClockOfItsZone) {
  EXPECT_EQ(holds(recurring("fri 22:00", hours(4), "Asia/Riyadh"), "2026-11-20T19:30:00Z"),
            "2026-11-20T19:00:00Z 2026-11-20T23:00:00Z");
}

// Berlin goes from +01:00 to +02:00 on 2026-03-29 at 02:00, and back on 2026-10-25 at 03:00.
TEST(Recurring, AChangeOfTheClockDoesNotMoveItsBeginning) {
  const Recurring r = recurring("sun 22:00", hours(2), "Europe/Berlin");
  EXPECT_EQ(next(r, "2026-03-22T00:00:00Z"), "2026-03-22T21:00:00Z");
  EXPECT_EQ(next(r, "2026-03-23T00:00:00Z"), "2026-03-29T20:00:00Z");
  EXPECT_EQ(next(r, "2026-10-19T00:00:00Z"), "2026-10-25T21:00:00Z");
}

TEST(Recurring, AChangeOfTheClockDoesNotShortenIt) {
  const Recurring r = recurring("sun 00:00", hours(4), "Europe/Berlin");
  EXPECT_EQ(holds(r, "2026-03-29T01:30:00Z"), "2026-03-28T23:00:00Z 2026-03-29T03:00:00Z");
  EXPECT_EQ(holds(r, "2026-10-25T01:30:00Z"), "2026-10-24T22:00:00Z 2026-10-25T02:00:00Z");
}

TEST(Recurring, AnHourThatIsSkippedCountsByTheClockBefore) {
  EXPECT_EQ(next(recurring("02:30", hours(1), "Europe/Berlin"), "2026-03-28T12:00:00Z"), "2026-03-29T01:30:00Z");
}

TEST(Recurring, AnHourThatComesTwiceCountsOnce) {
  const Recurring r = recurring("02:30", hours(1), "Europe/Berlin");
  EXPECT_EQ(next(r, "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
  EXPECT_EQ(next(r, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
}

TEST(Recurring, AWholeWeekHoldsAlways) {
  const Recurring r = recurring("mon 00:00", hours(24 * 7));
  for (const char* when : {"2026-11-16T00:00:00Z", "2026-11-19T12:00:00Z", "2026-11-22T23:59:59Z"})
    EXPECT_NE(holds(r, when), "-") << when;
}

TEST(Recurring, SaysWhatIsWrong) {
  const auto error = [](std::string every, base::Duration length, std::string zone) {
    const auto made = Recurring::make({std::move(every), length, std::move(zone)});
    return made ? std::string() : made.error().message();
  };
  EXPECT_NE(error("fri", hours(1), "").find("\"fri\" is no time of day"), std::string::npos);
  EXPECT_NE(error("fry 22:00", hours(1), "").find("\"fry\" names no days"), std::string::npos);
  EXPECT_NE(error("fri 25:00", hours(1), "").find("\"25:00\" is no time of day"), std::string::npos);
  EXPECT_NE(error("", hours(1), "").find("days and a time are expected"), std::string::npos);
  EXPECT_NE(error("every fri 22:00", hours(1), "").find("write it as \"fri 22:00\""), std::string::npos);
  EXPECT_NE(error("22:00", base::Duration(0), "").find("above 0 and at most 7d, not 0s"), std::string::npos);
  EXPECT_NE(error("22:00", hours(169), "").find("at most 7d"), std::string::npos);
  EXPECT_NE(error("22:00", hours(1), "Asia/Riyad").find("zone: there is no time zone \"Asia/Riyad\""),
            std::string::npos);
}

TEST(LocalTime, IsOfTheZoneUnlessItSaysOtherwise) {
  const auto read = [](std::string_view text, std::string zone) {
    const auto parsed = parse_local_time(text, zone);
    return parsed ? base::format_rfc3339(*parsed) : "wrong";
  };
  EXPECT_EQ(read("2027-01-01", "Asia/Riyadh"), "2026-12-31T21:00:00Z");
  EXPECT_EQ(read("2027-01-01 06:00", ""), "2027-01-01T06:00:00Z");
  EXPECT_EQ(read("2027-07-01 06:00", "Europe/Berlin"), "2027-07-01T04:00:00Z");
  EXPECT_EQ(read("2027-01-01T00:00:00+01:00", "Asia/Riyadh"), "2026-12-31T23:00:00Z");
  for (const char* text : {"tomorrow", "-1h", "now", "1700000000", "2027-13-01", ""})
    EXPECT_EQ(read(text, ""), "wrong");
}

}  // namespace
}  // namespace tocsin::incidents
