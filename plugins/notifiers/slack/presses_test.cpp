#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "interaction.hpp"
#include "phone/digest.hpp"
#include "scripted_slack.hpp"
#include "state.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using nlohmann::json;
using tsn::Value;
using tsn::testing::Answer;
using tsn::testing::FakeHost;
using tsn::testing::FakeInstance;
using tsn::testing::GivenAnswer;

constexpr auto secret = "8f742231b10e8888abcd99yyyzzz85a5", path = "/callbacks/slack";
constexpr auto incident = "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";

std::string form_of(const std::string& payload) {
  std::string out = "payload=";
  for (const unsigned char c : payload) {
    out += '%';
    out += "0123456789ABCDEF"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

/// A press as Slack sends it; the fields are those of its reference "block_actions payload".
json press_of(const std::string& action = "tocsin.acknowledge", const std::string& user = "U0000001",
              const std::string& name = "first") {
  json pressed{{"type", "button"},
               {"action_id", action},
               {"block_id", "b1"},
               {"value", incident},
               {"action_ts", "1503435960.1"}};
  if (action == "tocsin.snooze")
    pressed["selected_option"] = {{"text", {{"type", "plain_text"}, {"text", "Snooze 30m"}}},
                                  {"value", std::string("30 ") + incident}},
    pressed.erase("value");
  return {{"type", "block_actions"},
          {"user", {{"id", user}, {"username", name}, {"name", name}, {"team_id", "T1"}}},
          {"container", {{"type", "message"}, {"message_ts", "1503435956.000247"}, {"channel_id", "C024BE91L"}}},
          {"trigger_id", "13345224609." + user + "." + action},
          {"channel", {{"id", "C024BE91L"}, {"name", "ops"}}},
          {"message", {{"type", "message"}, {"ts", "1503435956.000247"}, {"blocks", json::array()}}},
          {"actions", json::array({pressed})}};
}

std::string signature_of(const std::string& at, const std::string& body, const std::string& key = secret) {
  return "v0=" + hmac_sha256_hex(key, "v0:" + at + ":" + body);
}

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

// --- the plugin ---

struct Pressed : testing::Test {
  FakeHost host;
  std::unique_ptr<ScriptedSlack> slack;
  std::unique_ptr<FakeInstance> app;

  void start(std::vector<std::string> answers = {}, const char* only = nullptr) {
    slack = std::make_unique<ScriptedSlack>(std::move(answers));
    auto table = Value::table(
        {{"path", path}, {"signing_secret", secret}, {"users", only ? Value::array({only}) : Value::array({})}});
    app = host.create({}, Value::table({{"token", "xoxb-1"}, {"api_url", slack->url()}, {"interactions", table}}));
    ASSERT_EQ(app->start().status, TSN_OK);
  }
  std::string now() const { return std::to_string(host.now() / 1'000'000'000); }
  Answer hand_in(const std::string& body, const std::string& at, const std::string& signature,
                 std::chrono::nanoseconds time = std::chrono::seconds(10)) {
    return app->handle(
        {.path = path, .headers = {{"x-slack-request-timestamp", at}, {"x-slack-signature", signature}}, .body = body},
        time);
  }
  Answer press(json payload, std::chrono::nanoseconds time = std::chrono::seconds(10)) {
    if (!payload.contains("response_url")) payload["response_url"] = slack->url() + "/actions/T1/2/x";
    const auto body = form_of(payload.dump());
    return hand_in(body, now(), signature_of(now(), body), time);
  }
  double counted(const std::string& part) const {
    double sum = 0;
    for (const auto& [name, value] : host.metrics())
      if (name.find(part) != name.npos) sum += value;
    return sum;
  }
};

TEST_F(Pressed, IsDoneInTheNameOfTheOneWhoPressed) {
  start({"ok"});
  EXPECT_EQ(press(press_of()).response.status, 200u);
  ASSERT_EQ(host.answers().size(), 1u);
  const auto answer = host.answers()[0];
  EXPECT_EQ(answer.kind, TSN_ANSWER_ACKNOWLEDGE);
  EXPECT_EQ(answer.incident, incident);
  EXPECT_EQ(answer.address, "U0000001");
  EXPECT_EQ(answer.actor, "first");
  EXPECT_EQ(answer.way, "Slack button");
  EXPECT_EQ(answer.provider_id, "C024BE91L:1503435956.000247");
  EXPECT_EQ(answer.id, "slack:13345224609.U0000001.tocsin.acknowledge");
}

TEST_F(Pressed, EveryButtonHasItsAnswer) {
  start({"ok", "ok", "ok"});
  for (const char* action : {"tocsin.escalate", "tocsin.resolve", "tocsin.snooze"}) press(press_of(action));
  ASSERT_EQ(host.answers().size(), 3u);
  EXPECT_EQ(host.answers()[0].kind, TSN_ANSWER_ESCALATE);
  EXPECT_EQ(host.answers()[1].kind, TSN_ANSWER_RESOLVE);
  EXPECT_EQ(host.answers()[2].kind, TSN_ANSWER_SNOOZE);
  EXPECT_EQ(host.answers()[2].lasts, 30 * 60'000'000'000);
}

TEST_F(Pressed, IsAnsweredToThePersonAlone) {
  start({"ok"});
  host.on_answer([](const GivenAnswer&) { return Answer{.text = "1042 acknowledged by <first>"}; });
  press(press_of());
  const auto request = slack->wait_for(1).at(0);
  EXPECT_TRUE(request.starts_with("POST /actions/T1/2/x HTTP/1.1\r\n"));
  EXPECT_EQ(request.find("Authorization"), std::string::npos);
  EXPECT_EQ(sent_in(request), (json{{"response_type", "ephemeral"},
                                    {"replace_original", false},
                                    {"text", "1042 acknowledged by &lt;first&gt;"}}));
}

TEST_F(Pressed, WhatTheHostRefusesIsSaidToo) {
  start({"ok"});
  host.on_answer([](const GivenAnswer&) { return Answer{.status = TSN_INVALID, .text = "1042 is CLOSED"}; });
  EXPECT_EQ(press(press_of()).response.status, 200u);
  EXPECT_EQ(sent_in(slack->wait_for(1).at(0))["text"], "Nothing was done: 1042 is CLOSED");
}

TEST_F(Pressed, ForgedOrAlteredChangesNothing) {
  start();
  const auto body = form_of(press_of().dump()), good = signature_of(now(), body);
  const std::string other = form_of(press_of("tocsin.resolve").dump());
  EXPECT_EQ(hand_in(body, now(), signature_of(now(), body, "guessed")).response.status, 401u);
  EXPECT_EQ(hand_in(other, now(), good).response.status, 401u);
  EXPECT_EQ(hand_in(body, now(), "").response.status, 401u);
  EXPECT_EQ(app->handle({.path = path, .body = body}).response.status, 401u);
  EXPECT_TRUE(host.answers().empty());
  EXPECT_EQ(counted("interactions_refused"), 4);
  EXPECT_TRUE(host.logged("was refused"));
  for (const auto& line : host.logs()) {
    EXPECT_EQ(line.text.find(secret), std::string::npos);
    EXPECT_EQ(line.text.find(good.substr(3)), std::string::npos);
  }
}

TEST_F(Pressed, RecordedAndSentAgainLaterChangesNothing) {
  start();
  const auto body = form_of(press_of().dump()), at = now(), signature = signature_of(at, body);
  host.advance(std::chrono::seconds(301));
  EXPECT_EQ(hand_in(body, at, signature).response.status, 401u);
  EXPECT_TRUE(host.answers().empty());
}

TEST_F(Pressed, HandedOverTwiceHasTheSameIdSoTheHostTakesItOnce) {
  start({"ok", "ok"});
  press(press_of());
  press(press_of());
  ASSERT_EQ(host.answers().size(), 2u);
  EXPECT_EQ(host.answers()[0].id, host.answers()[1].id);
}

TEST_F(Pressed, ByTwoPeopleAtOnceIsTwoAnswers) {
  start({"ok", "ok"});
  host.on_answer([](const GivenAnswer& given) {
    return Answer{.text = given.actor == "first" ? "1042 acknowledged by first" : "1042 was acknowledged before"};
  });
  press(press_of());
  press(press_of("tocsin.acknowledge", "U0000002", "second"));
  ASSERT_EQ(host.answers().size(), 2u);
  EXPECT_NE(host.answers()[0].id, host.answers()[1].id);
  EXPECT_EQ(sent_in(slack->wait_for(2).at(1))["text"], "1042 was acknowledged before");
}

TEST_F(Pressed, AnEscalationByTwoPeopleAtOnceIsOneStep) {
  start({"ok", "ok", "ok", "ok"});
  press(press_of("tocsin.escalate"));
  press(press_of("tocsin.escalate", "U0000002", "second"));
  EXPECT_EQ(host.answers().size(), 1u);
  EXPECT_NE(sent_in(slack->wait_for(2).at(1))["text"].get<std::string>().find("first escalated it 0 s ago"),
            std::string::npos);
  press(press_of("tocsin.acknowledge", "U0000002", "second"));  // that is not held back
  host.advance(std::chrono::seconds(30));
  press(press_of("tocsin.escalate", "U0000002", "second"));
  EXPECT_EQ(host.answers().size(), 3u);
}

TEST_F(Pressed, SlackHasIts200InTimeAlsoWhenTheHostIsSlow) {
  start({"ok"});
  std::promise<void> go;
  host.on_answer([&, gone = go.get_future().share()](const GivenAnswer&) {
    gone.wait();
    return Answer{.text = "done after all"};
  });
  EXPECT_EQ(press(press_of(), std::chrono::milliseconds(60)).response.status, 200u);
  go.set_value();
  EXPECT_EQ(sent_in(slack->wait_for(1).at(0))["text"], "done after all");
}

TEST_F(Pressed, ByOneWhoMayNotChangesNothingAndIsSaid) {
  start({"ok", "ok"}, "U0000001");
  press(press_of("tocsin.acknowledge", "U0000009", "mallory"));
  EXPECT_TRUE(host.answers().empty());
  EXPECT_NE(slack->wait_for(1).at(0).find("not among those"), std::string::npos);
  press(press_of());
  EXPECT_EQ(host.answers().size(), 1u);
}

TEST_F(Pressed, AnotherAppsButtonIsNoneOfOurs) {
  start();
  EXPECT_EQ(press(press_of("approve")).response.status, 200u);
  EXPECT_TRUE(host.answers().empty());
  EXPECT_TRUE(host.logged("action approve"));
}

TEST_F(Pressed, WhatIsNoInteractionIsRefused) {
  start();
  const std::string body = "payload=%7B";
  EXPECT_EQ(hand_in(body, now(), signature_of(now(), body)).response.status, 400u);
}

TEST_F(Pressed, ACommandIsTakenAtTheSamePath) {
  start({"ok"});
  const auto body =
      "command=%2Ftocsin&text=resolve+1042+disk+replaced&user_id=U0000001&user_name=first&channel_id=C1&"
      "trigger_id=1.2.3&response_url=" +
      slack->url() + "/commands/1";
  EXPECT_EQ(hand_in(body, now(), signature_of(now(), body)).response.status, 200u);
  ASSERT_EQ(host.answers().size(), 1u);
  const auto answer = host.answers()[0];
  EXPECT_EQ(answer.kind, TSN_ANSWER_RESOLVE);
  EXPECT_EQ(answer.incident + " " + answer.text, "1042 disk replaced");
  EXPECT_EQ(answer.address + " " + answer.way + " " + answer.id, "U0000001 Slack command slack:1.2.3");
  EXPECT_EQ(answer.provider_id, "");
  EXPECT_EQ(sent_in(slack->wait_for(1).at(0))["text"], "done");
}

TEST_F(Pressed, ACommandThatIsNoneIsAnsweredWithWhatOneIs) {
  start();
  const std::string body = "command=%2Ftocsin&text=help&user_id=U0000001";
  const auto answer = hand_in(body, now(), signature_of(now(), body));
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(json::parse(answer.response.body)["response_type"], "ephemeral");
  EXPECT_NE(answer.response.body.find("ack 1042"), std::string::npos);
  EXPECT_TRUE(host.answers().empty());
  EXPECT_EQ(hand_in(body, now(), "v0=").response.status, 401u);
}

TEST_F(Pressed, AForeignResponseUrlIsNotCalled) {
  start({"ok"});
  ScriptedSlack elsewhere({"ok"});
  auto payload = press_of();
  payload["response_url"] = elsewhere.url() + "/x";
  EXPECT_EQ(press(payload).response.status, 200u);
  EXPECT_EQ(host.answers().size(), 1u);
  press(press_of("tocsin.escalate"));  // goes the same way later
  slack->wait_for(1);
  EXPECT_TRUE(host.logged("response_url is not one of Slack's"));
  EXPECT_TRUE(elsewhere.requests().empty());
}

/// The host tells nobody of what they did themselves.
TEST_F(Pressed, InADirectMessageTheMessageItselfChanges) {
  start({"ok"});
  host.on_answer([](const GivenAnswer&) { return Answer{.text = "1042 acknowledged by first"}; });
  auto payload = press_of();
  payload["container"]["channel_id"] = "D1";
  payload["message"]["blocks"] = message_blocks(tsn::testing::sample_message(), Buttons::presses);
  press(payload);
  const auto sent = sent_in(slack->wait_for(1).at(0));
  EXPECT_EQ(sent["replace_original"], true);
  EXPECT_EQ(sent["text"], "1042 acknowledged by first");
  EXPECT_NE(sent["blocks"].dump().find(":eyes: *ACKNOWLEDGED*"), std::string::npos);
  EXPECT_EQ(sent["blocks"].dump().find("tocsin.acknowledge"), std::string::npos);
}

TEST_F(Pressed, InADirectMessageThatIsNotOursThePersonIsAnswered) {
  start({"ok"});
  auto payload = press_of();
  payload["container"]["channel_id"] = "D1";
  press(payload);
  EXPECT_EQ(sent_in(slack->wait_for(1).at(0))["response_type"], "ephemeral");
}

TEST(SlackAnswered, ShowsTheStateAndOnlyWhatCanStillBeDone) {
  auto message = tsn::testing::sample_message();
  const auto before = message_blocks(message, Buttons::presses);
  const auto acknowledged = answered_blocks(before, TSN_INC_ACKNOWLEDGED, "1042 acknowledged by first").dump();
  EXPECT_NE(acknowledged.find(":eyes: *ACKNOWLEDGED*"), std::string::npos);
  EXPECT_NE(acknowledged.find("acknowledged by first"), std::string::npos);
  EXPECT_EQ(acknowledged.find("tocsin.acknowledge"), std::string::npos);
  EXPECT_NE(acknowledged.find("tocsin.resolve"), std::string::npos);
  const auto resolved = answered_blocks(before, TSN_INC_RESOLVED, "done").dump();
  EXPECT_EQ(resolved.find("\"actions\""), std::string::npos);
  for (const json& odd : {json(nullptr), json::array(), json::array({1}), json("x"), json::array({json::object()})})
    EXPECT_TRUE(answered_blocks(odd, TSN_INC_RESOLVED, "done").is_null()) << odd;
}

TEST_F(Pressed, BeforeTheStartAndAfterTheStopIsForLater) {
  start();
  app->stop();
  EXPECT_EQ(press(press_of()).response.status, 503u);
}

TEST_F(Pressed, WithoutTheTableNothingIsServed) {
  app = host.create({}, Value::table({{"token", "xoxb-1"}}));
  EXPECT_EQ(app->handle({.path = path}).response.status, 404u);
}

TEST(SlackInteractions, ATableThatCannotBeIsNamedByItsKey) {
  FakeHost host;
  const auto why = [&](Value table) {
    try {
      host.create({}, Value::table({{"token", "t"}, {"interactions", std::move(table)}}));
    } catch (const tsn::Failure& failure) {
      return std::string(failure.what());
    }
    return std::string();
  };
  EXPECT_NE(why(Value::table({{"path", "x"}, {"signing_secret", "s"}})).find("path"), std::string::npos);
  EXPECT_NE(why(Value::table({{"path", "/x"}})).find("signing_secret"), std::string::npos);
  EXPECT_NE(why(Value::table({{"path", "/x"}, {"signing_secret", "s"}, {"secret", "s"}})).find("secret"),
            std::string::npos);
  EXPECT_NE(
      why(Value::table({{"path", "/x"}, {"signing_secret", "s"}, {"users", Value::array({"first"})}})).find("users"),
      std::string::npos);
}

}  // namespace
