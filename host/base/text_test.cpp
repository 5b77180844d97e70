#include "base/text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tocsin::base {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsEveryUnitAndTheirSums) {
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("7d").value(), 168h);
  EXPECT_EQ(parse_duration("1w").value(), 168h);
  EXPECT_EQ(parse_duration("5us").value(), 5us);
  EXPECT_EQ(parse_duration(" 9ns ").value(), 9ns);
  EXPECT_EQ(parse_duration("0").value(), 0ns);
}

TEST(Duration, RefusesWhatCouldMeanTwoThings) {
  for (const char* text :
       {"", "5", "m", "5x", "-5m", "1.5h", "5m1h", "1m1m", "1h 30m", "9999999999999w", "300000w", "5min", "m5"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_NE(parse_duration("5").error().message().find("unit is missing"), std::string::npos);
}

TEST(Duration, IsWrittenInTheShortestFormThatReadsBack) {
  for (const char* text : {"1h30m", "250ms", "30s", "1w", "8d", "2w", "1d1h1m1s1ms1us1ns", "400d"}) {
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  }
  EXPECT_EQ(format_duration(90s), "1m30s");
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(-5min), "-5m");
  EXPECT_TRUE(parse_duration(format_duration(Duration::max())).value() == Duration::max());
}

TEST(Size, TellsThousandsFromPowersOfTwo) {
  EXPECT_EQ(parse_size("10MB").value(), 10'000'000u);
  EXPECT_EQ(parse_size("64KiB").value(), 65'536u);
  EXPECT_EQ(parse_size("512").value(), 512u);
  EXPECT_EQ(parse_size("1 gib").value(), 1u << 30);
  for (const char* text : {"", "MB", "-1", "1.5MB", "10XB", "99999999999TB", "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Rfc3339, ReadsOffsetsAndFractions) {
  EXPECT_EQ(to_ns(parse_rfc3339("2026-11-20T10:00:00Z").value()), 1'795'168'800'000'000'000);
  EXPECT_EQ(parse_rfc3339("2026-11-20T13:00:00+03:00").value(), parse_rfc3339("2026-11-20T10:00:00Z").value());
  EXPECT_EQ(parse_rfc3339("2026-11-20t04:30:00.000-05:30").value(), parse_rfc3339("2026-11-20T10:00:00Z").value());
  EXPECT_EQ(to_ns(parse_rfc3339("1970-01-01T00:00:00.123456789Z").value()), 123'456'789);
  EXPECT_EQ(to_ns(parse_rfc3339("1970-01-01T00:00:00.1234567899Z").value()), 123'456'789);
}

TEST(Rfc3339, KnowsTheZeroTimeOfGoInAllItsForms) {
  EXPECT_EQ(parse_rfc3339("0001-01-01T00:00:00Z").value(), no_time);
  EXPECT_EQ(parse_rfc3339("0001-01-01T00:00:00.000Z").value(), no_time);
  EXPECT_EQ(format_rfc3339(no_time), "0001-01-01T00:00:00Z");
}

TEST(Rfc3339, RefusesDaysThatDoNotExistAndHalfTimes) {
  for (const char* text :
       {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20", "2026-11-20T10:00:00",
        "2026-11-20T10:00:00.Z", "2026-11-20T10:00:00Zx", "2026-11-20T10:00:00+25:00", "1500-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z", "", "20261120T100000Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, WritesTheFirstAndLastInstants) {
  EXPECT_EQ(format_rfc3339(Time::min()), "1677-09-21T00:12:43.145224192Z");
  EXPECT_EQ(format_rfc3339(Time::max()), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(format_rfc3339(from_ns(-1)), "1969-12-31T23:59:59.999999999Z");
}
TEST(Rfc3339, WritesAsManyDecimalsAsNeeded) {
  for (const char* text : {"2026-11-20T10:00:00Z", "2026-11-20T10:00:00.050Z", "2026-11-20T10:00:00.000050Z",
                           "2026-11-20T10:00:00.000000005Z", "1969-12-31T23:59:59.500Z", "2000-02-29T23:59:59Z"}) {
    EXPECT_EQ(format_rfc3339(parse_rfc3339(text).value()), text);
  }
}

TEST(UnixTime, IsToldFromItsMagnitude) {
  Time expected = parse_rfc3339("2026-11-20T10:00:00Z").value();
  EXPECT_EQ(time_from_number(1795168800).value(), expected);
  EXPECT_EQ(time_from_number(1795168800000).value(), expected);
  EXPECT_EQ(time_from_number(1795168800000000).value(), expected);
  EXPECT_EQ(time_from_number(1795168800000000000.0).value(), expected);
}

TEST(UnixTime, KeepsFractionsOfASecondWithoutNoise) {
  EXPECT_EQ(format_rfc3339(time_from_number(1795168800.123).value()), "2026-11-20T10:00:00.123Z");
  EXPECT_EQ(format_rfc3339(time_from_number(1795168800000.5).value()), "2026-11-20T10:00:00.000500Z");
}

TEST(UnixTime, RefusesWhatNoClockTells) {
  for (double value : {-1.0, std::nan(""), std::numeric_limits<double>::infinity(), 1e10, 9.9e13, 1e19}) {
    EXPECT_FALSE(time_from_number(value)) << value;
  }
}

TEST(Instant, TakesEveryFormTheCommandLineTakes) {
  Time now = parse_rfc3339("2026-11-20T10:00:00Z").value();
  auto at = [&](const char* text) { return format_rfc3339(parse_instant(text, now).value()); };
  EXPECT_EQ(at("now"), "2026-11-20T10:00:00Z");
  EXPECT_EQ(at("-1h"), "2026-11-20T09:00:00Z");
  EXPECT_EQ(at("+1h30m"), "2026-11-20T11:30:00Z");
  EXPECT_EQ(at("now-5m"), "2026-11-20T09:55:00Z");
  EXPECT_EQ(at("2h ago"), "2026-11-20T08:00:00Z");
  EXPECT_EQ(at("2026-11-20 03:00"), "2026-11-20T03:00:00Z");
  EXPECT_EQ(at("2026-11-20 03:00:07"), "2026-11-20T03:00:07Z");
  EXPECT_EQ(at("2026-11-20"), "2026-11-20T00:00:00Z");
  EXPECT_EQ(at("2026-11-20T06:00:00+03:00"), "2026-11-20T03:00:00Z");
  EXPECT_EQ(at("1795168800"), "2026-11-20T10:00:00Z");
  EXPECT_FALSE(parse_instant("yesterday", now));
  EXPECT_FALSE(parse_instant("", now));
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndCutCharacters) {
  EXPECT_TRUE(valid_utf8("na\xc3\xafve \xd8\xaa\xd9\x88 \xf0\x9f\x94\x94"));
  for (const char* text : {"\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf5\x80\x80\x80", "\x80", "\xff"}) {
    EXPECT_FALSE(valid_utf8(text));
  }
}

TEST(Text, SplitsTrimsAndComparesWithoutCase) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
  EXPECT_EQ(trim(" \t x y \n"), "x y");
  EXPECT_EQ(trim("  "), "");
  EXPECT_TRUE(equal_without_case("CRITICAL", "critical"));
  EXPECT_FALSE(equal_without_case("a", "ab"));
  EXPECT_EQ(lower("HIGH-5"), "high-5");
}

TEST(Nearest, FindsWhatWasMeant) {
  std::vector<std::string> keys{"threshold", "severity", "signal", "aggregate", "over", "op", "for", "runbook_url"};
  EXPECT_EQ(nearest("treshold", keys), "threshold");
  EXPECT_EQ(nearest("seveirty", keys), "severity");
  EXPECT_EQ(nearest("Severity", keys), "severity");
  EXPECT_EQ(nearest("agg", keys), "aggregate");
  EXPECT_EQ(nearest("runbook", keys), "runbook_url");
  EXPECT_EQ(nearest("ovr", keys), "over");
}

TEST(Nearest, StaysSilentWhereNothingIsNear) {
  std::vector<std::string> keys{"threshold", "op", "for"};
  EXPECT_EQ(nearest("colour", keys), "");
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest("x", keys), "");
  EXPECT_EQ(nearest("over", {}), "");
}

TEST(Json, QuotesSoThatAnyTextIsValid) {
  EXPECT_EQ(json_quote("a\"b\\c\n\t\x01"), R"("a\"b\\c\n\t\u0001")");
  EXPECT_EQ(json_quote("\xd8\xaa"), "\"\xd8\xaa\"");
  EXPECT_EQ(json_quote("x\xff"
                       "y"),
            "\"x\xef\xbf\xbdy\"");
}

TEST(Number, ReadsAsPeopleWriteIt) {
  EXPECT_EQ(format_number(5), "5");
  EXPECT_EQ(format_number(0.05), "0.05");
  EXPECT_EQ(format_number(12.5), "12.5");
  EXPECT_EQ(format_number(1234567.1234567), "1234567.123457");
  EXPECT_EQ(format_number(100), "100");
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(-0.0), "0");
  EXPECT_EQ(format_number(-3.25), "-3.25");
  EXPECT_EQ(format_number(0.1 + 0.2), "0.3");
  EXPECT_EQ(format_number(std::nan("")), "NaN");
}

}  // namespace
}  // namespace tocsin::base
