#include "settings/dead_mans_switches.hpp"

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

class WrongSwitch : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongSwitch, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(GetParam().text), GetParam().says);
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongSwitch,
    testing::Values(
        Wrong{"Every", "[heartbeat.x]\ngrace = '5m'",
              "agent.toml:1:1: error: [heartbeat.x] needs \"every\": How often it succeeds.\n"},
        Wrong{"Key", "[heartbeat.x]\nevery = '1d'\ngrase = '5m'",
              "agent.toml:3:1: error: [heartbeat.x] unknown key \"grase\"; did you mean \"grace\"?\n"},
        Wrong{"Severity", "[heartbeat.x]\nevery = '1d'\nseverity = 'HIHG'",
              "agent.toml:3:12: error: [heartbeat.x] severity: \"HIHG\" is not a severity; did you mean HIGH? (one of "
              "LOW MEDIUM HIGH CRITICAL)\n"},
        Wrong{"Name", "[heartbeat.'a?b']\nevery = '1d'",
              "agent.toml:1:12: error: [heartbeat.a?b] its name stands in a URL; use letters, digits, - and _\n"},
        Wrong{"Url", "[watchdog]\nurl = 'ftp://x'",
              "agent.toml:2:7: error: [watchdog] url: expected http://… or https://…\n"},
        Wrong{"UrlMissing", "[watchdog]\nulr = 'https://x'",
              "agent.toml:1:1: error: [watchdog] needs \"url\": Asked while the path from detection to delivery is "
              "proven; `${file:PATH}` in it is replaced.\n"
              "agent.toml:2:1: error: [watchdog] unknown key \"ulr\"; did you mean \"url\"?\n"},
        Wrong{"Password", "[watchdog]\nurl = 'https://a:b@x/'",
              "agent.toml:2:7: error: [watchdog] url: a password in a URL ends up in logs; give headers = { "
              "Authorization = \"Basic ${file:PATH}\" }\n"}),
    wrong_name);

TEST_F(Trial, AHeartbeatIsReadWithItsDefaults) {
  const Loaded loaded = load("[heartbeat.nightly]\nevery = '1d'\nlabels = { team = 'finance' }\n");
  EXPECT_EQ(says(loaded), "");
  ASSERT_EQ(loaded.heartbeats.size(), 1u);
  const model::Heartbeat expected{
      "nightly", std::chrono::hours(24), std::chrono::minutes(5), model::Severity::high, {{"team", "finance"}}};
  EXPECT_EQ(loaded.heartbeats[0], expected);
}

TEST_F(Trial, TheWatchdogsSecretsComeFromFilesThatAreWatched) {
  write("token", "s3cret\n");
  const std::string file = (directory_ / "token").string();
  const Loaded loaded = load(
      "[watchdog]\nurl = 'https://x/ping'\nevery = '30s'\nmethod = 'POST'\nheaders = { "
      "Authorization = 'Bearer ${file:" +
      file + "}' }\n");
  EXPECT_EQ(says(loaded), "");
  ASSERT_TRUE(loaded.watchdog);
  EXPECT_EQ(loaded.watchdog->every, std::chrono::seconds(30));
  EXPECT_EQ(loaded.watchdog->method, "POST");
  ASSERT_EQ(loaded.watchdog->headers.size(), 1u);
  EXPECT_EQ(loaded.watchdog->headers[0].second, "Bearer s3cret");
  EXPECT_EQ(loaded.secret_files, std::vector<std::string>{file});
}

TEST_F(Trial, WithoutAWatchdogThereIsNone) {
  EXPECT_FALSE(load("").watchdog);
}

}  // namespace
}  // namespace tocsin::settings
