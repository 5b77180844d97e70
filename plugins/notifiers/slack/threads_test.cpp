#include "threads.hpp"

#include <gtest/gtest.h>

#include "scripted_slack.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::Value;
using tsn::testing::Answer;
using tsn::testing::FakeHost;
using tsn::testing::FakeInstance;
using tsn::testing::sample_message;

constexpr auto first_ts = "1503435956.000247", reply_ts = "1503435999.000001";
constexpr auto first_id = "C024BE91L:1503435956.000247";

std::string reply_taken() {
  return taken("C024BE91L", reply_ts);
}

/// An app that posts to #ops, and the messages of incident 1042 there.
struct InApp : testing::Test {
  FakeHost host;
  std::unique_ptr<ScriptedSlack> slack;
  std::unique_ptr<FakeInstance> app;

  void answers(std::vector<std::string> list) {
    slack = std::make_unique<ScriptedSlack>(std::move(list));
    app = host.create({}, Value::table({{"token", "xoxb-s3cret"}, {"api_url", slack->url() + "/api/"}}));
  }
  static tsn::Message message(tsn_message_kind kind, std::string_view key, std::string_view text = "") {
    auto out = sample_message();
    out.kind = kind, out.key = key, out.text = text;
    out.recipient = {"slack:#ops", "#ops", "#ops"};
    if (kind == TSN_MSG_RESOLVED) out.incident.status = TSN_INC_RESOLVED;
    return out;
  }
  Answer opened() { return app->deliver(message(TSN_MSG_FIRING, "k1", "opened")); }
  Answer acknowledged(std::uint32_t attempt = 1) {
    auto out = message(TSN_MSG_UPDATE, "k2", "ACKNOWLEDGED by first");
    out.incident.status = TSN_INC_ACKNOWLEDGED, out.provider_id = first_id, out.attempt = attempt;
    return app->deliver(out);
  }
  Answer resolved() {
    auto out = message(TSN_MSG_RESOLVED, "k3", "disk replaced");
    out.provider_id = first_id;
    return app->deliver(out);
  }
  std::vector<std::string> methods() {
    std::vector<std::string> out;
    for (const auto& request : slack->requests()) out.push_back(method_in(request));
    return out;
  }
};
using Methods = std::vector<std::string>;

TEST_F(InApp, AnIncidentIsOneMessageThatKnowsWhereItStands) {
  answers({taken()});
  const auto answer = opened();
  ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_EQ(answer.delivered.provider_id, first_id);
  const auto& request = slack->requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /api/chat.postMessage HTTP/1.1\r\n"));
  EXPECT_NE(request.find("\r\nAuthorization: Bearer xoxb-s3cret\r\n"), std::string::npos);
  EXPECT_EQ(sent_in(request)["channel"], "#ops");
  EXPECT_FALSE(sent_in(request).contains("thread_ts"));
}

TEST_F(InApp, AChangeUpdatesTheMessageAndIsAReplyInItsThread) {
  answers({taken(), taken(), reply_taken()});
  opened();
  EXPECT_EQ(acknowledged().delivered.provider_id, first_id);
  EXPECT_EQ(methods(), (Methods{"chat.postMessage", "chat.update", "chat.postMessage"}));
  const auto update = sent_in(slack->requests()[1]), reply = sent_in(slack->requests()[2]);
  EXPECT_EQ(update["channel"], "C024BE91L");
  EXPECT_EQ(update["ts"], first_ts);
  EXPECT_NE(update.dump().find("*ACKNOWLEDGED*"), std::string::npos);
  EXPECT_TRUE(update["text"].get<std::string>().starts_with("[HIGH] ")) << update["text"];
  EXPECT_EQ(reply["channel"], "C024BE91L");
  EXPECT_EQ(reply["thread_ts"], first_ts);
  EXPECT_EQ(reply["text"], "ACKNOWLEDGED by first");
  EXPECT_FALSE(reply.contains("reply_broadcast"));
  EXPECT_EQ(update["parse"], "none");  // chat.update would look for names in the text
  EXPECT_EQ(reply["parse"], "none");
}

TEST_F(InApp, AResolvedIncidentHasNoButtons) {
  answers({taken(), taken(), reply_taken()});
  opened();
  EXPECT_EQ(resolved().status, TSN_OK);
  const auto before = sent_in(slack->requests()[0]), after = sent_in(slack->requests()[1]);
  EXPECT_NE(before.dump().find("\"actions\""), std::string::npos);
  EXPECT_EQ(after.dump().find("\"actions\""), std::string::npos);
  EXPECT_TRUE(after["text"].get<std::string>().starts_with("[RESOLVED] "));
}

TEST_F(InApp, WhatIsTriedAgainAfterANewerChangeDoesNotTakeTheMessageBack) {
  answers({taken(), "503 X: y\r\n", taken(), reply_taken(), reply_taken()});
  opened();
  EXPECT_EQ(acknowledged().status, TSN_FAILED);
  EXPECT_EQ(resolved().status, TSN_OK);
  EXPECT_EQ(acknowledged(2).status, TSN_OK);
  EXPECT_EQ(methods(),
            (Methods{"chat.postMessage", "chat.update", "chat.update", "chat.postMessage", "chat.postMessage"}));
  EXPECT_EQ(sent_in(slack->requests()[4])["text"], "ACKNOWLEDGED by first");
}

TEST_F(InApp, AReplyThatFailedIsTriedAgainWithoutAnotherUpdate) {
  answers({taken(), taken(), "503 X: y\r\n", reply_taken()});
  opened();
  EXPECT_EQ(acknowledged().status, TSN_FAILED);
  EXPECT_EQ(acknowledged(2).status, TSN_OK);
  EXPECT_EQ(methods(), (Methods{"chat.postMessage", "chat.update", "chat.postMessage", "chat.postMessage"}));
}

TEST_F(InApp, WhatIsKnownOutlivesARestart) {
  answers({taken(), taken(), reply_taken(), reply_taken()});
  opened();
  EXPECT_EQ(resolved().status, TSN_OK);
  app = host.create({}, Value::table({{"token", "xoxb-s3cret"}, {"api_url", slack->url() + "/api"}}));
  // The same once more, as after a crash before the host's commit: the host does not even know the message.
  auto again = message(TSN_MSG_RESOLVED, "k3");
  EXPECT_EQ(app->deliver(again).delivered.provider_id, first_id);
  EXPECT_EQ(slack->wait_for(3).size(), 3u);
}

TEST_F(InApp, AMessageThatIsGoneIsPostedAnew) {
  for (const char* error : {"message_not_found", "cant_update_message", "edit_window_closed"}) {
    FakeHost other;
    ScriptedSlack server({refused(error), taken("C2", "1600000000.000001")});
    const auto fresh = other.create({}, Value::table({{"token", "xoxb-1"}, {"api_url", server.url()}}));
    auto change = message(TSN_MSG_UPDATE, "k2");
    change.provider_id = "C1:1.000001";
    EXPECT_EQ(fresh->deliver(change).delivered.provider_id, "C2:1600000000.000001") << error;
    ASSERT_EQ(server.requests().size(), 2u);
    EXPECT_EQ(sent_in(server.requests()[1])["channel"], "#ops");
    EXPECT_FALSE(sent_in(server.requests()[1]).contains("thread_ts"));
    EXPECT_TRUE(sent_in(server.requests()[1]).contains("blocks"));
  }
}

TEST_F(InApp, AThreadThatIsGoneIsBegunAnew) {
  answers({taken(), taken(), refused("thread_not_found"), taken("C024BE91L", reply_ts)});
  opened();
  EXPECT_EQ(acknowledged().delivered.provider_id, "C024BE91L:1503435999.000001");
}

TEST_F(InApp, ATestIsNeverThreaded) {
  answers({taken(), taken()});
  for (int i = 0; i < 2; ++i) {
    auto test = message(TSN_MSG_TEST, "t1");
    test.provider_id = first_id;
    EXPECT_EQ(app->deliver(test).status, TSN_OK);
  }
  EXPECT_EQ(methods(), (Methods{"chat.postMessage", "chat.postMessage"}));
  EXPECT_FALSE(sent_in(slack->requests()[1]).contains("thread_ts"));
}

TEST_F(InApp, AnOddProviderIdIsNoPlace) {
  for (const char* odd : {"C1", ":1.000001", "C1:", "C1:.", "C1:1", "C1:1.0.0", "C1:1.x", "1.2"}) {
    FakeHost other;
    ScriptedSlack server({taken()});
    const auto fresh = other.create({}, Value::table({{"token", "xoxb-1"}, {"api_url", server.url()}}));
    auto change = message(TSN_MSG_UPDATE, "k2");
    change.provider_id = odd;
    EXPECT_EQ(fresh->deliver(change).delivered.provider_id, first_id) << odd;
  }
}

TEST_F(InApp, TwoTargetsInOneChannelShareTheMessage) {
  answers({taken(), taken(), reply_taken()});
  opened();
  auto other = message(TSN_MSG_FIRING, "k1b", "step 2");
  other.recipient.target = "slack", other.recipient.name = "";
  EXPECT_EQ(app->deliver(other).delivered.provider_id, first_id);
  EXPECT_EQ(sent_in(slack->requests().at(2))["thread_ts"], first_ts);
}

TEST_F(InApp, AMethodThatMustWaitIsNotCalledBefore) {
  answers({taken(), "429 Retry-After: 30\r\n", taken("C9"), taken(), reply_taken()});
  opened();
  auto answer = acknowledged();
  EXPECT_EQ(answer.status, TSN_RETRY);
  EXPECT_EQ(answer.retry_after_ms, 30'000u);
  host.advance(std::chrono::seconds(10));
  answer = acknowledged(2);
  EXPECT_EQ(answer.status, TSN_RETRY);
  EXPECT_NEAR(answer.retry_after_ms, 20'000u, 1u);
  auto other = message(TSN_MSG_FIRING, "k9");
  other.incident.correlation_id = "another";  // what has no limit goes out meanwhile
  EXPECT_EQ(app->deliver(other).status, TSN_OK);
  host.advance(std::chrono::seconds(20));
  EXPECT_EQ(acknowledged(3).status, TSN_OK);
  EXPECT_EQ(methods().size(), 5u);
}

TEST_F(InApp, APersonIsToldInADirectMessage) {
  answers({taken("D1")});
  auto one = message(TSN_MSG_FIRING, "k1");
  one.recipient = {"slack:contact.first", "first", "U0000001"};
  EXPECT_EQ(app->deliver(one).delivered.provider_id, "D1:1503435956.000247");
  EXPECT_EQ(sent_in(slack->requests().at(0))["channel"], "U0000001");
}

TEST_F(InApp, AConversationThatIsNotThereIsOpenedFirst) {
  answers({refused("channel_not_found"), R"({"ok":true,"channel":{"id":"D7"}})", taken("D7")});
  auto one = message(TSN_MSG_FIRING, "k1");
  one.recipient = {"slack:contact.first", "first", "U0000001"};
  EXPECT_EQ(app->deliver(one).delivered.provider_id, "D7:1503435956.000247");
  EXPECT_EQ(methods(), (Methods{"chat.postMessage", "conversations.open", "chat.postMessage"}));
  EXPECT_EQ(sent_in(slack->requests()[1])["users"], "U0000001");
  EXPECT_EQ(sent_in(slack->requests()[2])["channel"], "D7");
}

TEST_F(InApp, AHostWithoutKvStillHasOneMessagePerIncident) {
  host.without_services();
  answers({taken(), taken(), reply_taken()});
  opened();
  EXPECT_EQ(acknowledged().delivered.provider_id, first_id);
  EXPECT_EQ(sent_in(slack->requests().at(2))["thread_ts"], first_ts);
}

TEST_F(InApp, WhatCannotBeReadOfThePastIsSaidAndDoesNoHarm) {
  answers({taken(), taken(), taken(), reply_taken()});
  opened();
  for (const auto& [key, text] : host.kv()) host.set_kv(key, "{\"x\":");
  EXPECT_EQ(acknowledged().delivered.provider_id, first_id);
  EXPECT_TRUE(host.logged("cannot be read"));
}

TEST_F(InApp, WhatIsRememberedIsBounded) {
  std::vector<std::string> list{taken()};
  for (int i = 0; i < 60; ++i) list.push_back(i % 2 ? reply_taken() : taken());
  answers(std::move(list));
  opened();
  std::size_t most = 0;
  for (int i = 0; i < 30; ++i) {
    const auto key = "k" + std::to_string(i + 10);
    EXPECT_EQ(app->deliver(message(TSN_MSG_UPDATE, key, "again")).status, TSN_OK);
    for (const auto& [name, text] : host.kv()) most = std::max(most, text.size());
  }
  EXPECT_LT(most, 1000u);
}

}  // namespace
