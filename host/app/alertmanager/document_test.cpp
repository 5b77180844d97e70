#include "alertmanager/document.hpp"

#include "alertmanager/trial_test.hpp"

namespace tocsin::alertmanager {
namespace {

const std::string good = "route: {receiver: a}\nreceivers: [{name: a}]\n";

TEST(Document, TakesAWholeConfiguration) {
  EXPECT_EQ(says(content_of(test_file("shop.yml"))), "");
}

TEST(Document, TakesTheLeastThereIs) {
  EXPECT_EQ(says(good), "");
}

struct Wrong {
  const char* name;
  std::string text;
  const char* says;
};

class WrongDocument : public testing::TestWithParam<Wrong> {};

TEST_P(WrongDocument, IsToldWithPlaceAndKey) {
  EXPECT_EQ(says(GetParam().text), GetParam().says);
}

const std::string receivers = "receivers:\n- name: a\n";
std::string with(const std::string& configs) {
  return "route: {receiver: a}\n" + receivers + configs;
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongDocument,
    testing::Values(
        Wrong{"Empty", "",
              "am.yml:1:1: error: route: there is none: it says who is told of what nothing else catches\n"},
        Wrong{"UnknownKey", good + "recievers: []\n",
              "am.yml:3:1: error: unknown key \"recievers\"; did you mean \"receivers\"?\n"},
        Wrong{"UnknownKeyDeepDown", with("  webhook_configs:\n  - url: http://x/\n    ulr: http://y/\n"),
              "am.yml:6:5: error: receivers[0].webhook_configs[0]: unknown key \"ulr\"; did you mean \"url\"?\n"},
        Wrong{"Undefined", "route:\n  receiver: b\nreceivers: [{name: bb}]\n",
              "am.yml:2:13: error: route: receiver: there is no receiver \"b\"; did you mean \"bb\"?\n"},
        Wrong{"Twice", "route: {receiver: a}\nreceivers:\n- name: a\n- name: a\n",
              "am.yml:4:9: error: receivers[1]: there is another receiver \"a\"\n"},
        Wrong{"NoName", "route: {receiver: a}\nreceivers:\n- name: a\n- webhook_configs: []\n",
              "am.yml:4:3: error: receivers[1]: needs a name\n"},
        Wrong{"RootWithMatchers", "route:\n  receiver: a\n  matchers: [a=b]\n" + receivers,
              "am.yml:3:13: error: route: matchers: the root route takes every alert at all hours; put it into a route "
              "below\n"},
        Wrong{"RootWithContinue", "route:\n  receiver: a\n  continue: true\n" + receivers,
              "am.yml:3:13: error: route: continue: the root route has no siblings\n"},
        Wrong{"RootWithoutReceiver", "route:\n  group_by: [x]\n" + receivers,
              "am.yml:2:3: error: route: needs a receiver, for what no other route takes\n"},
        Wrong{"BadDuration", "route:\n  receiver: a\n  group_wait: 5\n" + receivers,
              "am.yml:3:15: error: route.group_wait: expected a duration such as 30s, 5m or 1h30m, got \"5\"\n"},
        Wrong{"NoInterval", "route:\n  receiver: a\n  group_interval: 0s\n" + receivers,
              "am.yml:3:19: error: route: group_interval: must not be 0\n"},
        Wrong{
            "BadMatcher", "route:\n  receiver: a\n  routes:\n  - matchers: ['a=~(']\n" + receivers,
            "am.yml:4:16: error: route.routes[0].matchers[0]: a=~\"(\": the regular expression is wrong: missing ): ( "
            "(RE2 syntax: no look-around, no back-references)\n"},
        Wrong{"BadLabel", "route:\n  receiver: a\n  routes:\n  - match: {a-b: c}\n" + receivers,
              "am.yml:4:13: error: route.routes[0].match.a-b: \"a-b\" is no label name\n"},
        Wrong{"GroupByAllAndMore", "route:\n  receiver: a\n  group_by: ['...', x]\n" + receivers,
              "am.yml:3:13: error: route: group_by: \"...\" means every label, so no other can stand beside it\n"},
        Wrong{"GroupByTwice", "route:\n  receiver: a\n  group_by: [x, x]\n" + receivers,
              "am.yml:3:17: error: route: group_by: \"x\" stands there twice\n"},
        Wrong{"NoSuchInterval",
              "route:\n  receiver: a\n  routes:\n  - mute_time_intervals: [nigths]\n" + receivers +
                  "time_intervals: [{name: nights}]\n",
              "am.yml:4:27: error: route.routes[0]: mute_time_intervals: there is no time interval \"nigths\"; did you "
              "mean \"nights\"?\n"},
        Wrong{"IntervalTwice", good + "time_intervals: [{name: x}]\nmute_time_intervals:\n- name: x\n",
              "am.yml:3:25: error: time_intervals[0]: there is another time interval \"x\"\n"},
        Wrong{"WebhookWithoutUrl", with("  webhook_configs:\n  - send_resolved: true\n"),
              "am.yml:5:5: error: receivers[0].webhook_configs[0]: needs url\n"},
        Wrong{"WebhookToAnotherScheme", with("  webhook_configs:\n  - url: ftp://x/\n"),
              "am.yml:5:10: error: receivers[0].webhook_configs[0].url: expected http://… or https://…\n"},
        Wrong{"EmailWithoutSmarthost", with("  email_configs:\n  - to: a@b\n    from: c@d\n"),
              "am.yml:5:5: error: receivers[0].email_configs[0]: needs smarthost, here or as global smtp_smarthost\n"},
        Wrong{"SlackWithoutUrl", with("  slack_configs:\n  - channel: '#x'\n"),
              "am.yml:5:5: error: receivers[0].slack_configs[0]: needs api_url, here or as global slack_api_url\n"},
        Wrong{
            "BothSecretAndFile", "global: {slack_api_url: 'http://x/', slack_api_url_file: /x}\n" + good,
            "am.yml:1:58: error: global: slack_api_url and slack_api_url_file say the same thing: give one of them\n"},
        Wrong{"NoFlag", with("  webhook_configs:\n  - url: http://x/\n    send_resolved: maybe\n"),
              "am.yml:6:20: error: receivers[0].webhook_configs[0].send_resolved: expected true or false, got "
              "\"maybe\"\n"},
        Wrong{"NoPort", "global: {smtp_smarthost: mail}\n" + good,
              "am.yml:1:26: error: global.smtp_smarthost: expected HOST:PORT, got \"mail\"\n"},
        Wrong{"MapForAList", "route: {receiver: a}\nreceivers: {name: a}\n",
              "am.yml:1:19: error: route: receiver: there is no receiver \"a\"\n"
              "am.yml:2:12: error: receivers: expected a list, got a map\n"},
        Wrong{
            "BadTimes",
            good + "time_intervals:\n- name: x\n  time_intervals:\n  - times: [{start_time: '9:00', end_time: "
                   "'17:00'}]\n    weekdays: [funday]\n    days_of_month: ['5:1']\n    location: Nowhere/Here\n",
            "am.yml:6:13: error: time_intervals[0].time_intervals[0].times[0]: \"9:00\" is no time of day: expected "
            "00:00 to 24:00, two digits each\n"
            "am.yml:7:16: error: time_intervals[0].time_intervals[0].weekdays[0]: \"funday\" is no weekday and no "
            "range of them\n"
            "am.yml:8:21: error: time_intervals[0].time_intervals[0].days_of_month[0]: \"5:1\" ends before it begins; "
            "write two ranges\n"
            "am.yml:9:15: error: time_intervals[0].time_intervals[0].location: there is no time zone "
            "\"Nowhere/Here\"\n"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Document, SaysEverythingThatIsWrongInTheOrderOfTheFile) {
  const std::string said =
      says("route:\n  receiver: x\n  grop_by: [a]\nreceivers:\n- name: a\n  webhook_configs:\n  - {}\n");
  EXPECT_EQ(said,
            "am.yml:2:13: error: route: receiver: there is no receiver \"x\"\n"
            "am.yml:3:3: error: route: unknown key \"grop_by\"; did you mean \"group_by\"?\n"
            "am.yml:7:5: error: receivers[0].webhook_configs[0]: needs url\n");
}

TEST(Document, AnIntegrationMayBeNull) {
  EXPECT_EQ(says("global:\nroute: {receiver: a, routes: }\nreceivers: [{name: a, webhook_configs: }]\n"), "");
}

// --- as the status shows it ---

std::string shown(const std::string& text) {
  config::Diagnostics diagnostics;
  return masked(read_document(text, "am.yml", diagnostics));
}

TEST(Masked, ShowsNoSecret) {
  const std::string text = shown(content_of(test_file("shop.yml")));
  for (const char* secret : {"p4ss", "T0/B0/xyz", "s3cret", "t0ken", "k3y"})
    EXPECT_EQ(text.find(secret), std::string::npos) << secret << " in\n" << text;
  EXPECT_NE(text.find("<secret>"), std::string::npos);
  EXPECT_NE(text.find("https://hook:xxxxx@pay.shop.example/in"), std::string::npos) << text;
}

TEST(Masked, ReadsBackAsAConfiguration) {
  const std::string once = shown(content_of(test_file("shop.yml")));
  EXPECT_EQ(says(once), "");
  EXPECT_EQ(shown(once), once);
}

TEST(Masked, KeepsTextsThatLookLikeSomethingElse) {
  EXPECT_EQ(shown("route: {receiver: 'null', group_wait: 30s, continue: no}\nreceivers: [{name: 'null'}]\n"),
            "route:\n  receiver: \"null\"\n  group_wait: 30s\n  continue: no\nreceivers:\n  - name: \"null\"\n");
}

}  // namespace
}  // namespace tocsin::alertmanager
