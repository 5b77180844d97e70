// Promises about who is on call: turns, changes of the clock, gaps and overrides.
#include "incidents/rotation.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"
#include "incidents/people.hpp"

namespace tocsin::incidents::testing {
namespace {

base::Time utc_time(const std::string& text) {
  return base::parse_rfc3339(text).value();
}

model::Rotation weekly(const std::string& zone = "Europe/Berlin") {
  model::Rotation r;
  r.name = "payments";
  r.members = {"first", "second", "manager"};
  r.handover = "mon 09:00";
  r.zone = zone;
  r.starts = "2026-01-05";
  return r;
}

class OnCallRoster : public ::testing::Test {
 protected:
  /// "first 2026-01-05T08:00:00Z/2026-01-12T08:00:00Z".
  std::string at(const std::string& text) {
    if (roster_.rotations().empty()) build();
    const OnCall one = roster_.at("payments", utc_time(text)).value();
    return (one.contact.empty() ? "-" : one.contact) + " " + base::format_rfc3339(one.since) + "/" +
           base::format_rfc3339(one.until);
  }
  std::string who(const std::string& text) {
    if (roster_.rotations().empty()) build();
    return roster_.at("payments", utc_time(text)).value().contact;
  }
  void build() {
    model::Routing r = routing();
    r.rotations["payments"] = rotation_;
    r.time_intervals = intervals_;
    roster_ = Roster(r);
  }
  std::string stand_in(const std::string& contact, const std::string& from, const std::string& until,
                       const std::string& now = "2026-01-01T00:00:00Z") {
    if (roster_.rotations().empty()) build();
    model::OncallOverride o;
    o.rotation = "payments", o.contact = contact, o.from = utc_time(from), o.until = utc_time(until);
    const auto made = roster_.add(o, utc_time(now), rows_);
    return made ? made->id : made.error().message();
  }

  model::Rotation rotation_ = weekly();
  std::map<std::string, model::TimeInterval> intervals_;
  Roster roster_;
  std::vector<model::OncallOverride> rows_;
};

TEST_F(OnCallRoster, HandsOverWeeklyInTurnAndBeginsAnewAfterTheLast) {
  EXPECT_EQ(at("2026-01-05T08:00:00Z"), "first 2026-01-05T08:00:00Z/2026-01-12T08:00:00Z");
  EXPECT_EQ(at("2026-01-12T07:59:59Z"), "first 2026-01-05T08:00:00Z/2026-01-12T08:00:00Z");
  EXPECT_EQ(at("2026-01-12T08:00:00Z"), "second 2026-01-12T08:00:00Z/2026-01-19T08:00:00Z");
  EXPECT_EQ(who("2026-01-20T00:00:00Z"), "manager");
  EXPECT_EQ(who("2026-01-26T08:00:00Z"), "first");
}

TEST_F(OnCallRoster, WaitsForTheFirstHandOverAfterItsStart) {
  rotation_.starts = "2026-01-06";  // a Tuesday
  EXPECT_EQ(at("2026-01-11T00:00:00Z"), "- 0001-01-01T00:00:00Z/2026-01-12T08:00:00Z");
  EXPECT_EQ(who("2026-01-12T08:00:00Z"), "first");
}

TEST_F(OnCallRoster, KeepsTheLocalHourOverTheClockGoingForwardInBerlin) {
  rotation_.shift = std::chrono::hours(24);
  rotation_.handover = "09:00";
  EXPECT_EQ(at("2026-03-28T12:00:00Z").substr(at("2026-03-28T12:00:00Z").find(' ')),
            " 2026-03-28T08:00:00Z/2026-03-29T07:00:00Z")
      << "23 hours";
  EXPECT_NE(who("2026-03-29T06:59:59Z"), who("2026-03-29T07:00:00Z"));
}

TEST_F(OnCallRoster, KeepsTheLocalHourOverTheClockGoingBackInBerlin) {
  EXPECT_EQ(at("2026-10-25T12:00:00Z").substr(at("2026-10-25T12:00:00Z").find(' ')),
            " 2026-10-19T07:00:00Z/2026-10-26T08:00:00Z")
      << "a week and an hour";
}

TEST_F(OnCallRoster, KeepsTheLocalHourOverBothChangesInNewYork) {
  rotation_ = weekly("America/New_York");
  EXPECT_EQ(at("2026-03-08T12:00:00Z").substr(at("2026-03-08T12:00:00Z").find(' ')),
            " 2026-03-02T14:00:00Z/2026-03-09T13:00:00Z");
  EXPECT_EQ(at("2026-11-01T12:00:00Z").substr(at("2026-11-01T12:00:00Z").find(' ')),
            " 2026-10-26T13:00:00Z/2026-11-02T14:00:00Z");
}

TEST_F(OnCallRoster, AlternatesDayAndNightShiftsAlsoOverAChangeOfTheClock) {
  rotation_.members = {"first", "second"};
  rotation_.shift = std::chrono::hours(12);
  rotation_.handover = "08:00";
  EXPECT_EQ(at("2026-03-28T12:00:00Z"), "first 2026-03-28T07:00:00Z/2026-03-28T19:00:00Z");
  EXPECT_EQ(at("2026-03-28T23:00:00Z"), "second 2026-03-28T19:00:00Z/2026-03-29T06:00:00Z") << "11 hours";
  EXPECT_EQ(at("2026-03-29T12:00:00Z"), "first 2026-03-29T06:00:00Z/2026-03-29T18:00:00Z");
}

TEST_F(OnCallRoster, HandsOverAnHourLaterWhereTheClockSkipsTheHour) {
  rotation_.shift = std::chrono::hours(24);
  rotation_.handover = "02:30";
  EXPECT_NE(at("2026-03-29T02:00:00Z").find(" 2026-03-29T01:30:00Z/2026-03-30T00:30:00Z"), std::string::npos)
      << at("2026-03-29T02:00:00Z");
}

TEST_F(OnCallRoster, CoversEveryInstantOfAYearWithoutGapOrOverlap) {
  rotation_.shift = std::chrono::hours(1);
  rotation_.handover = "00:30";
  build();
  base::Time t = utc_time("2026-01-06T00:00:00Z");
  for (const OnCall& one : roster_.between("payments", t, utc_time("2026-12-31T00:00:00Z"))) {
    ASSERT_LT(one.since, one.until);
    ASSERT_TRUE(one.since <= t && t < one.until) << base::format_rfc3339(one.since);
    t = one.until;
  }
  EXPECT_GE(t, utc_time("2026-12-31T00:00:00Z"));
}

TEST_F(OnCallRoster, FallsBackOutsideItsHoursAndBeforeItsStart) {
  model::TimeInterval days;
  days.name = "days";
  days.zone = "Europe/Berlin";
  days.spans.resize(1);
  days.spans[0].times = {{9 * 60, 17 * 60}};
  intervals_["days"] = days;
  rotation_.active = "days";
  rotation_.fallback = "manager";
  rotation_.members = {"first", "second"};
  EXPECT_EQ(at("2026-01-06T12:00:00Z"), "first 2026-01-06T08:00:00Z/2026-01-06T16:00:00Z");
  EXPECT_EQ(at("2026-01-06T20:00:00Z"), "manager 2026-01-06T16:00:00Z/2026-01-07T08:00:00Z");
  EXPECT_EQ(who("2026-01-01T00:00:00Z"), "manager");
}

TEST_F(OnCallRoster, LetsSomebodyStandInForAWhile) {
  stand_in("manager", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z");
  EXPECT_EQ(at("2026-01-05T12:00:00Z"), "first 2026-01-05T08:00:00Z/2026-01-06T00:00:00Z");
  EXPECT_EQ(at("2026-01-06T12:00:00Z"), "manager 2026-01-06T00:00:00Z/2026-01-07T00:00:00Z");
  EXPECT_EQ(at("2026-01-07T00:00:00Z"), "first 2026-01-07T00:00:00Z/2026-01-12T08:00:00Z");
}

TEST_F(OnCallRoster, LetsTheOverrideMadeLastWin) {
  stand_in("manager", "2026-01-06T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-01T00:00:00Z");
  const std::string id = stand_in("second", "2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z", "2026-01-02T00:00:00Z");
  stand_in("first", "2026-01-07T00:00:00Z", "2026-01-07T12:00:00Z", "2026-01-01T12:00:00Z");
  EXPECT_EQ(at("2026-01-07T06:00:00Z"), "second 2026-01-07T00:00:00Z/2026-01-08T00:00:00Z");
  EXPECT_EQ(at("2026-01-08T06:00:00Z"), "manager 2026-01-08T00:00:00Z/2026-01-09T00:00:00Z");
  ASSERT_TRUE(roster_.remove(id, rows_));
  EXPECT_TRUE(rows_.back().gone);
  EXPECT_EQ(who("2026-01-07T06:00:00Z"), "first");
}

TEST_F(OnCallRoster, LetsAnOverrideRunOverAHandOver) {
  stand_in("manager", "2026-01-11T00:00:00Z", "2026-01-13T00:00:00Z");
  EXPECT_EQ(at("2026-01-12T12:00:00Z"), "manager 2026-01-11T00:00:00Z/2026-01-13T00:00:00Z");
}

TEST_F(OnCallRoster, RefusesAnOverrideThatNamesNobodyOrNoTime) {
  EXPECT_EQ(stand_in("frist", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z"),
            "there is no contact \"frist\" (did you mean \"first\"?)");
  EXPECT_NE(stand_in("first", "2026-01-06T00:00:00Z", "2026-01-06T00:00:00Z").find("ends after it begins"),
            std::string::npos);
  EXPECT_TRUE(rows_.empty());
}

TEST_F(OnCallRoster, ForgetsOverridesThatAreLongOver) {
  stand_in("manager", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z");
  rows_.clear();
  stand_in("manager", "2026-06-06T00:00:00Z", "2026-06-07T00:00:00Z", "2026-06-01T00:00:00Z");
  ASSERT_EQ(rows_.size(), 2u);
  EXPECT_TRUE(rows_.front().gone);
}

struct BadRotation {
  std::string handover, starts, expected;
};
class WrongRotation : public ::testing::TestWithParam<BadRotation> {};

TEST_P(WrongRotation, IsRefusedWithHowToWriteIt) {
  model::Rotation r = weekly();
  r.handover = GetParam().handover;
  r.starts = GetParam().starts;
  const auto made = Schedule::make(r);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find(GetParam().expected), std::string::npos) << made.error().message();
}

INSTANTIATE_TEST_SUITE_P(All, WrongRotation,
                         ::testing::Values(BadRotation{"someday 09:00", "", "does not name one day"},
                                           BadRotation{"mon:fri 09:00", "", "does not name one day"},
                                           BadRotation{"mon 9", "", "no time of day"},
                                           BadRotation{"24:00", "", "no time of day"},
                                           BadRotation{"", "", "write it as \"sun 09:00\""},
                                           BadRotation{"09:00", "2026-02-30", "write it as \"2026-01-04\""},
                                           BadRotation{"09:00", "tomorrow", "is not a date"}));

TEST_F(OnCallRoster, WritesACalendarThatFoldsAndEscapes) {
  rotation_.members = {"a, b; c\\d", std::string(40, 'x') + "صيانةصيانةصيانةصيانة"};
  build();
  const auto shifts = roster_.between("payments", utc_time("2026-01-06T00:00:00Z"), utc_time("2026-01-13T00:00:00Z"));
  const std::string text = oncall_calendar("payments", shifts, utc_time("2026-01-06T00:00:00Z"));
  EXPECT_TRUE(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"));
  EXPECT_TRUE(text.ends_with("END:VCALENDAR\r\n"));
  EXPECT_NE(text.find("DTSTART:20260105T080000Z\r\nDTEND:20260112T080000Z\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("SUMMARY:a\\, b\\; c\\\\d on call (payments)\r\n"), std::string::npos) << text;
  for (std::string_view line : base::split(text, '\n')) {
    EXPECT_LE(line.size(), 76u) << line;
    EXPECT_TRUE(base::valid_utf8(line));
  }
}

TEST_F(OnCallRoster, LeadsATargetToWhoeverIsOnCallThen) {
  model::Routing r = routing();
  r.rotations["payments"] = rotation_;
  const Roster roster(r);
  const auto reached = [&](const std::string& target, const std::string& when) {
    std::string out;
    const Found found = find_people(r, target, {&roster, utc_time(when)});
    for (const Recipient& one : found.recipients) out += one.exact + " ";
    for (const std::string& problem : found.problems) out += problem;
    return out;
  };
  EXPECT_EQ(reached("sms:rotation.payments", "2026-01-06T00:00:00Z"), "sms:contact.first ");
  EXPECT_EQ(reached("rotation.payments", "2026-01-13T00:00:00Z"), "mail:contact.second ");
  EXPECT_EQ(reached("rotation.payments", "2026-01-01T00:00:00Z"),
            "nobody of rotation \"payments\" is on call at 2026-01-01T00:00:00Z, and it has no fallback");
}

/// A ladder that tells the rotation, then tells it again; "first" is always on call.
model::Routing oncall_ladder() {
  model::Routing r = ladder_routing();
  r.rotations["payments"] = {.name = "payments", .members = {"first"}};
  r.policies["page"] = policy("page", {{{"mail:rotation.payments"}, 5min}, {{"mail:rotation.payments"}, 0min}});
  return r;
}

model::OncallOverride second_for(base::Time now, base::Duration length) {
  model::OncallOverride o;
  o.rotation = "payments", o.contact = "second", o.created_by = "first", o.until = now + length;
  return o;
}

TEST(OnCallLadder, TellsWhoeverIsOnCallWhenAStepIsTaken) {
  World w(oncall_ladder());
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.told(), (Told{"mail>first:FIRING"}));
  w.keep(w.desk->set_override(second_for(w.now(), 1h), w.now()).value());
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING"}));
}

TEST(OnCallLadder, KnowsItsOverridesAfterARestart) {
  World w(oncall_ladder());
  w.keep(w.desk->set_override(second_for(w.now(), 1h), w.now()).value());
  w.restart();
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING"}));
}

TEST(OnCallLadder, TellsTheMemberAgainOnceTheOverrideIsRemoved) {
  World w(oncall_ladder());
  model::OncallOverride made;
  w.keep(w.desk->set_override(second_for(w.now(), 1h), w.now(), &made).value());
  w.keep(w.desk->remove_override(made.id, w.now()).value());
  w.restart();
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.told(), (Told{"mail>first:FIRING"}));
  EXPECT_FALSE(w.desk->remove_override(made.id, w.now()));
}

TEST(OnCallCheck, NamesAnUnknownMember) {
  model::Routing r = oncall_ladder();
  r.rotations["payments"].members = {"first", "secnd"};
  const auto reports = check_routing(r);
  EXPECT_NE(
      std::ranges::find(reports, "rotation \"payments\": there is no contact \"secnd\" (did you mean \"second\"?)"),
      reports.end())
      << ::testing::PrintToString(reports);
}

}  // namespace
}  // namespace tocsin::incidents::testing
