#include "interaction.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "pressed.hpp"

namespace {

using namespace tocsin_plugins;
using nlohmann::json;

/// The example of Slack's own page on verifying requests.
TEST(SlackSignature, IsTheOneOfSlacksExample) {
  const std::string body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
      "foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks."
      "slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
      "803a0bc887a14d10d2c447fce8b6703c";
  const Shown shown{"1531420618", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"};
  EXPECT_EQ(refusal_of(secret, shown, body, 1'531'420'618'000'000'000), "");
  EXPECT_NE(refusal_of(secret, shown, body + "x", 1'531'420'618'000'000'000), "");
}

TEST(SlackSignature, HoldsForFiveMinutesByTheAgentsClock) {
  const std::string at = "1531420618", body = "payload=x", signature = signature_of(at, body);
  const auto says = [&](tsn::Time seconds) {
    return refusal_of(secret, {at, signature}, body, seconds * 1'000'000'000);
  };
  EXPECT_EQ(says(1'531'420'618 + 300), "");
  EXPECT_EQ(says(1'531'420'618 - 300), "");
  EXPECT_NE(says(1'531'420'618 + 301).find("301 s behind"), std::string::npos);
  EXPECT_NE(says(1'531'420'618 - 301).find("301 s ahead"), std::string::npos);
}

TEST(SlackSignature, OfAnyOtherFormIsNone) {
  const std::string at = "1531420618", body = "payload=x", good = signature_of(at, body);
  const tsn::Time now = 1'531'420'618'000'000'000;
  for (const auto& [time, shown] :
       std::vector<std::pair<std::string, std::string>>{{at, ""},
                                                        {at, "v0="},
                                                        {at, good.substr(3)},
                                                        {at, "v1=" + good.substr(3)},
                                                        {at, good + "0"},
                                                        {at, good.substr(0, 66)},
                                                        {"", good},
                                                        {"1531420618x", good},
                                                        {"-1531420618", good},
                                                        {" 1531420618", good},
                                                        {"1531420618000", good},
                                                        {"1531420619", good},
                                                        {at, signature_of(at, body, "other")}})
    EXPECT_NE(refusal_of(secret, {time, shown}, body, now), "") << time << " " << shown;
  EXPECT_NE(refusal_of("", {at, signature_of(at, body, "")}, body, now), "");
}

// --- reading ---

Reading reading_of(const std::string& body) {
  Press press;
  std::string why;
  const auto reading = read_interaction(body, press, why);
  EXPECT_EQ(reading == Reading::press, why.empty()) << body;
  return reading;
}

TEST(SlackInteraction, SaysWhoPressedWhatUnderWhichMessage) {
  Press press;
  std::string why;
  ASSERT_EQ(read_interaction("x=1&" + form_of(press_of("tocsin.snooze").dump()), press, why), Reading::press) << why;
  EXPECT_EQ(press.meaning.kind, TSN_ANSWER_SNOOZE);
  EXPECT_EQ(press.meaning.incident, incident);
  EXPECT_EQ(press.meaning.lasts, std::chrono::minutes(30));
  EXPECT_EQ(press.user + " " + press.user_name, "U0000001 first");
  EXPECT_EQ(press.channel + ":" + press.ts, "C024BE91L:1503435956.000247");
  EXPECT_EQ(press.id, "slack:13345224609.U0000001.tocsin.snooze");
  EXPECT_EQ(press.blocks, "");
}

TEST(SlackInteraction, WithoutATriggerItsIdIsTimeAndPerson) {
  auto payload = press_of();
  payload.erase("trigger_id");
  Press press;
  std::string why;
  read_interaction(form_of(payload.dump()), press, why);
  EXPECT_EQ(press.id, "slack:1503435960.1 U0000001");
}

TEST(SlackInteraction, OfAnOddKindIsIgnored) {
  for (const char* type : {"view_submission", "message_action", "shortcut", ""}) {
    auto payload = press_of();
    payload["type"] = type;
    EXPECT_EQ(reading_of(form_of(payload.dump())), Reading::ignored) << type;
  }
  for (const char* action : {"tocsin.link.1", "approve", ""})
    EXPECT_EQ(reading_of(form_of(press_of(action).dump())), Reading::ignored) << action;
  auto payload = press_of();
  payload["actions"] = json::array();
  EXPECT_EQ(reading_of(form_of(payload.dump())), Reading::ignored);
}

TEST(SlackInteraction, ThatIsNoneIsMalformed) {
  const std::string deep = std::string(100'000, '[');
  for (const std::string& body :
       {std::string(), std::string("payload="), std::string("payload"), std::string("payload=%7b"),
        std::string("payload=[]"), form_of("{\"a\":\"\xff\"}"), "payload=" + deep, std::string(4u << 20, 'x')})
    EXPECT_EQ(reading_of(body), Reading::malformed) << body.substr(0, 20);
  auto payload = press_of();
  payload["user"].erase("id");
  EXPECT_EQ(reading_of(form_of(payload.dump())), Reading::malformed);
}

TEST(SlackInteraction, HostileTextsAreMadeHarmless) {
  auto payload = press_of();
  payload["user"]["name"] = "a\nb\x01 <!channel> " + std::string(5000, 'x');
  payload["trigger_id"] = "a\nb" + std::string(5000, 'x');
  Press press;
  std::string why;
  ASSERT_EQ(read_interaction(form_of(payload.dump()), press, why), Reading::press);
  EXPECT_TRUE(press.user_name.starts_with("a b <!channel> xxx")) << press.user_name;
  EXPECT_LT(press.user_name.size(), 100u);
  EXPECT_LT(press.id.size(), 40u);
  EXPECT_EQ(press.id.find('\n'), std::string::npos);
}

TEST(SlackInteraction, OnlySlacksOwnAddressIsAnsweredAt) {
  const std::string api = "https://slack.com/api";
  EXPECT_TRUE(is_response_url("https://hooks.slack.com/actions/T1/2/x", api));
  for (const char* other : {"http://hooks.slack.com/actions/x", "https://hooks.slack.com",
                            "https://hooks.slack.com@evil.example/", "https://hooks.slack.com.evil.example/",
                            "https://hooks.slack.com:8443/", "https://evil.example/hooks.slack.com/",
                            "http://169.254.169.254/latest/meta-data", "http://127.0.0.1:7676/api/v1/incidents",
                            "https://slack.com/api/x", "file:///etc/passwd", "https://hooks.slack.com/a b", ""})
    EXPECT_FALSE(is_response_url(other, api)) << other;
  EXPECT_TRUE(is_response_url("http://127.0.0.1:1/x", "http://127.0.0.1:1/api"));
  EXPECT_FALSE(is_response_url("http://127.0.0.1:12/x", "http://127.0.0.1:1/api"));
}

// --- commands ---

TEST(SlackCommand, SaysWhatToDoWithWhichIncident) {
  const auto ack = command_of("  ACK  #1042 ");
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->kind, TSN_ANSWER_ACKNOWLEDGE);
  EXPECT_EQ(ack->incident, "1042");
  EXPECT_EQ(command_of("escalate 7")->kind, TSN_ANSWER_ESCALATE);
  EXPECT_EQ(command_of("resolve 7")->kind, TSN_ANSWER_RESOLVE);
  EXPECT_EQ(command_of("resolve 7 disk\nreplaced")->text, "disk replaced");
  EXPECT_EQ(command_of("note 7 looking at it")->text, "looking at it");
  EXPECT_EQ(command_of("snooze 7")->lasts, std::chrono::hours(1));
  EXPECT_EQ(command_of("snooze 7 2d")->lasts, std::chrono::hours(48));
}

TEST(SlackCommand, AnythingElseIsNone) {
  for (const char* other :
       {"", "ack", "1042", "ack x", "ack 1042 now", "acks 1042", "note 7", "snooze 7 2", "snooze 7 0m", "snooze 7 31d",
        "snooze 7 9999999999h", "snooze 7 1h more", "snooze 7 -1h", "ack 1234567890123", "help"})
    EXPECT_FALSE(command_of(other)) << other;
}

}  // namespace
