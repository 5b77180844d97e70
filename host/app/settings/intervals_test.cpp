// Promises about [time_interval.*], [[inhibit_rules]] and the routes that name them.
#include "settings/intervals.hpp"

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

class WrongInterval : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongInterval, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(GetParam().text), GetParam().says);
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongInterval,
    testing::Values(
        Wrong{"Times", "[time_interval.x]\ntimes = ['9-17']",
              "agent.toml:2:10: error: [time_interval.x] times: \"9-17\" is not understood; expected \"09:00-17:00\" "
              "(24:00 is the end of the day, \"22:00-06:00\" wraps midnight)\n"},
        Wrong{
            "Weekdays", "[time_interval.x]\nweekdays = ['monday', 'freeday']",
            "agent.toml:2:23: error: [time_interval.x] weekdays: \"freeday\" is not understood; expected a day of the "
            "week or a range of them, \"monday\" or \"sunday:thursday\"\n"},
        Wrong{
            "Zone", "[time_interval.x]\ntimes = ['09:00-17:00']\nzone = 'Asia/Riyad'",
            "agent.toml:3:8: error: [time_interval.x] zone: there is no time zone \"Asia/Riyad\"; expected a name such "
            "as \"Asia/Riyadh\"\n"},
        Wrong{"Empty", "[time_interval.x]",
              "agent.toml:1:16: warning: [time_interval.x] says no time: it always holds\n"},
        Wrong{"NoDate", "[time_interval.x]\ntimes = ['09:00-17:00']\nexclude_dates = ['23.9.2026']",
              "agent.toml:3:18: error: [time_interval.x] exclude_dates: \"23.9.2026\" is no date; expected one such as "
              "2026-09-23, or \"file:PATH\" of a list\n"},
        Wrong{
            "DatesEndSoon", "[time_interval.x]\ntimes = ['09:00-17:00']\nexclude_dates = ['2026-02-22']",
            "agent.toml:3:17: warning: [time_interval.x] exclude_dates: its last date is 2026-02-22, less than 60 days "
            "from now or past: add those that follow\n"},
        Wrong{"NearestName",
              "[time_interval.office]\ntimes = ['09:00-17:00']\n[route]\nmute_time_intervals = ['ofice']",
              "agent.toml:4:24: error: [route] mute_time_intervals: there is no [time_interval.ofice]; did you mean "
              "\"office\"?\n"},
        Wrong{"RuleWithoutSource", "[[inhibit_rules]]\nname = 'n'\ntarget_matchers = ['a=\"b\"']",
              "agent.toml:1:1: error: [[inhibit_rules]] \"n\" needs \"source_matchers\": While an alert that matches "
              "these "
              "fires …\n"},
        Wrong{
            "RuleMatcher", "[[inhibit_rules]]\nsource_matchers = ['a']\ntarget_matchers = []",
            "agent.toml:2:20: error: [[inhibit_rules]] source_matchers: matcher a: = != =~ or !~ is expected after a\n"
            "agent.toml:3:19: error: [[inhibit_rules]] target_matchers: is empty and would match every alert\n"},
        Wrong{"RuleKey",
              "[[inhibit_rules]]\nsource_matchers = ['a=\"b\"']\ntarget_matchers = ['c=\"d\"']\nequals = ['e']",
              "agent.toml:4:1: error: [[inhibit_rules]] unknown key \"equals\"; did you mean \"equal\"?\n"}),
    wrong_name);

TEST_F(Trial, ATimeIntervalIsTyped) {
  write("holidays", "2026-09-23 National Day\n");
  const Loaded loaded = load(R"(
[time_interval.sa-business]
weekdays      = ["sunday:thursday"]
times         = ["00:00-24:00", "22:00-06:00"]
days_of_month = [1, "-3:-1"]
months        = ["jan:mar", 12]
years         = [2026]
zone          = "Asia/Riyadh"
exclude_dates = "file:holidays"
spans         = [ { times = ["01:00-02:00"], zone = "America/New_York" } ]
)");
  ASSERT_EQ(says(loaded), "");
  const model::TimeInterval& interval = loaded.routing.time_intervals.at("sa-business");
  using Ranges = model::TimeSpan::Ranges;
  ASSERT_EQ(interval.spans.size(), 2u);
  EXPECT_EQ(interval.spans[0].weekdays, (Ranges{{0, 4}}));
  EXPECT_EQ(interval.spans[0].times, (Ranges{{0, 1440}, {1320, 360}}));
  EXPECT_EQ(interval.spans[0].days_of_month, (Ranges{{1, 1}, {-3, -1}}));
  EXPECT_EQ(interval.spans[0].months, (Ranges{{1, 3}, {12, 12}}));
  EXPECT_EQ(interval.spans[0].years, (Ranges{{2026, 2026}}));
  EXPECT_EQ(interval.spans[1].times, (Ranges{{60, 120}}));
  EXPECT_EQ(interval.zone + " " + interval.spans[1].zone, "Asia/Riyadh America/New_York");
  EXPECT_EQ(interval.exclude_dates, std::vector<std::string>{"2026-09-23"});
  EXPECT_EQ(loaded.secret_files, std::vector<std::string>{(directory_ / "holidays").string()}) << "watched";
}

TEST_F(Trial, DatesMayBeWrittenWithoutQuotes) {
  const Loaded loaded = load("[time_interval.x]\nexclude_dates = [2026-09-23, 2026-12-01]\n");
  EXPECT_EQ(says(loaded), "");
  EXPECT_EQ(loaded.routing.time_intervals.at("x").exclude_dates,
            (std::vector<std::string>{"2026-09-23", "2026-12-01"}));
}

TEST_F(Trial, AFileOfDatesThatCannotBeReadIsAnError) {
  EXPECT_EQ(
      says("[time_interval.x]\nexclude_dates = 'file:absent'\n"),
      "agent.toml:2:17: error: [time_interval.x] exclude_dates: absent cannot be read: No such file or directory\n");
}

TEST_F(Trial, InhibitionRulesAreTypedInTheOrderOfTheFiles) {
  write("conf.d/more.toml", "[[inhibit_rules]]\nsource_matchers = ['x=\"1\"']\ntarget_matchers = ['y=~\"2\"']\n");
  const Loaded loaded = load(R"(
[[inhibit_rules]]
name            = "dc-down"
source_matchers = ['alertname="DataCentreDown"', 'severity="critical"']
target_matchers = ['severity=~"high|medium"']
equal           = ["dc"]
)");
  ASSERT_EQ(says(loaded), "");
  const auto& rules = loaded.routing.inhibit_rules;
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].name, "dc-down");
  EXPECT_EQ(rules[0].source.size(), 2u);
  EXPECT_EQ(rules[0].target[0].text(), R"(severity=~"high|medium")");
  EXPECT_EQ(rules[0].equal, std::vector<std::string>{"dc"});
  EXPECT_EQ(rules[1].target[0].text(), R"(y=~"2")");
}

/// Two siblings; says() of the first one's hours.
std::string siblings(const std::string& first, const std::string& second) {
  return "[time_interval.day]\ntimes = ['06:00-22:00']\n[time_interval.night]\ntimes = ['22:00-06:00']\n[route]\n"
         "[[route.routes]]\nname = 'a'\nmatchers = ['team=\"p\"']\nactive_time_intervals = ['day']\n" +
         first + "[[route.routes]]\nname = 'b'\n" + second;
}

TEST_F(Trial, TheOtherHoursOfARouteNeedASiblingThatItsAlertsReach) {
  const std::string warned =
      "agent.toml:9:25: warning: [[route.routes]] \"a\" active_time_intervals: outside them nobody "
      "is told: no sibling takes its alerts for the other hours; give it continue = true and a "
      "sibling with the same matchers\n";
  const std::string same = "matchers = ['team=\"p\"']\n";
  EXPECT_EQ(says(siblings("continue = true\n", same + "mute_time_intervals = ['day']\n")), "");
  EXPECT_EQ(says(siblings("continue = true\n", same)), "") << "it is told twice by day, and not lost";
  EXPECT_EQ(says(siblings("", same)), warned) << "the alerts stop at the first";
  EXPECT_EQ(says(siblings("continue = true\n", "matchers = ['team=\"q\"']\n")), warned) << "it takes others";
  EXPECT_EQ(says(siblings("continue = true\n", same + "active_time_intervals = ['day']\n")).substr(0, warned.size()),
            warned);
}

TEST_F(Trial, RoutesDoNotInheritTheirHours) {
  const Loaded loaded = load(
      "[time_interval.day]\ntimes = ['06:00-22:00']\n[route]\nmute_time_intervals = ['day']\n"
      "[[route.routes]]\nmatchers = ['a=\"b\"']\n");
  EXPECT_EQ(loaded.routing.root->mute_time_intervals, std::vector<std::string>{"day"});
  EXPECT_TRUE(loaded.routing.root->routes[0].mute_time_intervals.empty());
}

}  // namespace
}  // namespace tocsin::settings
