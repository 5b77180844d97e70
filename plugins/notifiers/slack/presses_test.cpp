#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "blocks.hpp"
#include "pressed.hpp"
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
