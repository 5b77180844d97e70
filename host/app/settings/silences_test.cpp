#include "settings/silences.hpp"

#include "base/text.hpp"
#include "incidents/silences.hpp"
#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

using std::chrono::hours;

class WrongSilence : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongSilence, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(GetParam().text), GetParam().says);
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongSilence,
    testing::Values(
        Wrong{"WithoutMatchers", "[silence.x]\ncomment = 'y'",
              "agent.toml:1:1: error: [silence.x] needs \"matchers\": Which alerts: `team=\"payments\"`, also `!=`, "
              "`=~`, `!~`; all must fit.\n"},
        Wrong{"Key", "[silence.x]\nmatchers = ['a=\"b\"']\nevry = 'fri 22:00'",
              "agent.toml:3:1: error: [silence.x] unknown key \"evry\"; did you mean \"every\"?\n"},
        Wrong{"Matcher", "[silence.x]\nmatchers = ['a=\"b\"', 'c=~\"(\"']",
              "agent.toml:2:22: error: [silence.x] matchers: c=~\"(\": the regular expression is wrong: missing ): ( "
              "(RE2 syntax: no look-around, no back-references)\n"},
        Wrong{"Everything", "[silence.x]\nmatchers = ['a!=\"b\"']",
              "agent.toml:2:12: error: [silence.x] matchers: at least one matcher must not match the empty string; as "
              "it stands the silence would also mean every alert without these labels\n"},
        Wrong{"Every", "[silence.x]\nmatchers = ['a=\"b\"']\nevery = 'frid 22:00'\nfor = '4h'",
              "agent.toml:3:9: error: [silence.x] every: \"frid 22:00\" does not say when: \"frid\" names no days; "
              "write it as \"fri 22:00\", \"mon-fri 18:30\", \"sat,sun 00:00\" or \"22:00\"\n"},
        Wrong{"EveryWithoutFor", "[silence.x]\nmatchers = ['a=\"b\"']\nevery = 'fri 22:00'",
              "agent.toml:3:9: error: [silence.x] every: needs `for`, how long each lasts\n"},
        Wrong{"ForWithoutEvery", "[silence.x]\nmatchers = ['a=\"b\"']\nfor = '4h'",
              "agent.toml:3:7: error: [silence.x] for: goes with `every`, which says when each begins\n"},
        Wrong{"ForTooLong", "[silence.x]\nmatchers = ['a=\"b\"']\nevery = '22:00'\nfor = '8d'",
              "agent.toml:4:7: error: [silence.x] for: must be at most 7d\n"},
        Wrong{"Zone", "[silence.x]\nmatchers = ['a=\"b\"']\nzone = 'Asia/Riyad'\nuntil = '2027-01-01'",
              "agent.toml:3:8: error: [silence.x] zone: there is no time zone \"Asia/Riyad\"; expected a name such as "
              "\"Asia/Riyadh\"\n"},
        Wrong{"Until", "[silence.x]\nmatchers = ['a=\"b\"']\nuntil = 'tomorrow'",
              "agent.toml:3:9: error: [silence.x] until: \"tomorrow\" is not a time; write it as 2026-11-20, "
              "\"2026-11-20 03:00\" or 2026-11-20T03:00:00Z\n"},
        Wrong{"UntilBeforeFrom", "[silence.x]\nmatchers = ['a=\"b\"']\nfrom = '2027-01-01'\nuntil = '2026-01-01'",
              "agent.toml:4:9: error: [silence.x] until: must be after `from`\n"},
        Wrong{"Except", "[silence.x]\nmatchers = ['a=\"b\"']\nexcept = ['severity']",
              "agent.toml:3:11: error: [silence.x] except: matcher severity: = != =~ or !~ is expected after "
              "severity\n"}),
    wrong_name);

const char* patching = R"(
[silence.friday-maintenance]
matchers = ['dc="riyadh-1"', 'service=~"core-.*"']
every    = "fri 22:00"
for      = "4h"
zone     = "Asia/Riyadh"
until    = "2027-01-01"
comment  = "CHG0031337 weekly patching"
except   = ['severity="CRITICAL"']
)";

TEST_F(Trial, ASilenceOfTheConfigurationIsWhole) {
  const Loaded loaded = load(patching);
  EXPECT_EQ(says(loaded), "");
  ASSERT_EQ(loaded.routing.silences.size(), 1u);
  const model::Silence& s = loaded.routing.silences[0];
  EXPECT_TRUE(s.configured);
  EXPECT_EQ(s.id, incidents::configured_silence_id("friday-maintenance"));
  EXPECT_EQ(s.created_by + " " + s.comment, "[silence.friday-maintenance] CHG0031337 weekly patching");
  EXPECT_EQ(s.matchers.at(1).text(), "service=~\"core-.*\"");
  EXPECT_EQ(s.except.at(0).text(), "severity=\"CRITICAL\"");
  EXPECT_EQ(s.recurrence.every + s.recurrence.zone, "fri 22:00Asia/Riyadh");
  EXPECT_EQ(s.recurrence.length, hours(4));
  EXPECT_EQ(base::format_rfc3339(s.ends_at), "2026-12-31T21:00:00Z");
}

TEST_F(Trial, AMaintenanceWindowNeedsNoRecurrence) {
  const Loaded loaded =
      load("[silence.move]\nmatchers = ['dc=\"a\"']\nfrom = '2026-11-20 22:00'\nuntil = '2026-11-21'");
  EXPECT_EQ(says(loaded), "");
  const model::Silence& s = loaded.routing.silences.at(0);
  EXPECT_EQ(base::format_rfc3339(s.starts_at) + " " + base::format_rfc3339(s.ends_at),
            "2026-11-20T22:00:00Z 2026-11-21T00:00:00Z");
}

TEST_F(Trial, ASilenceWithoutAnEndHasNone) {
  const Loaded loaded = load("[silence.x]\nmatchers = ['dc=\"a\"']");
  EXPECT_EQ(loaded.routing.silences.at(0).ends_at, model::no_end);
}

}  // namespace
}  // namespace tocsin::settings
