#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scripted_slack.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "verdict.hpp"

namespace {

using namespace tocsin_plugins;
using nlohmann::json;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::sample_message;

// --- what the answers mean ---

HttpAnswer answered(long status, std::string body, std::map<std::string, std::string> headers = {}) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.headers = std::move(headers);
  return answer;
}
tsn::Status webhook(long status, const std::string& body, std::map<std::string, std::string> headers = {}) {
  return webhook_verdict(answered(status, body, std::move(headers)), "[notifier.slack]", 0);
}
tsn::Status api(const std::string& body, long status = 200, std::map<std::string, std::string> headers = {}) {
  Posted posted;
  return api_verdict("chat.postMessage", answered(status, body, std::move(headers)), "[notifier.slack]", 0, posted);
}

TEST(SlackWebhook, OnlyThePlainOkIsSuccess) {
  EXPECT_TRUE(webhook(200, "ok"));
  EXPECT_EQ(webhook(200, "<html>log in to the proxy</html>").value(), TSN_FAILED);
  EXPECT_EQ(webhook(200, "").value(), TSN_FAILED);
}

TEST(SlackWebhook, ARefusalIsFinalAndSaysSlacksWord) {
  for (const auto& [code, word] : {std::pair(400, "invalid_payload"),
                                   {410, "channel_is_archived"},
                                   {404, "no_service"},
                                   {404, "channel_not_found"}}) {
    const auto status = webhook(code, word);
    EXPECT_EQ(status.value(), TSN_INVALID) << word;
    EXPECT_NE(status.text().find(word), std::string::npos);
    EXPECT_EQ(status.code(), code);
  }
  EXPECT_EQ(webhook(403, "invalid_token").value(), TSN_DENIED);
}

TEST(SlackWebhook, BeingTooFastWaitsAsLongAsSlackSays) {
  const auto status = webhook(429, "", {{"retry-after", "30"}});
  EXPECT_EQ(status.value(), TSN_RETRY);
  EXPECT_EQ(status.retry_after_ms(), 30'000u);
  EXPECT_EQ(webhook(500, "rollup_error").value(), TSN_FAILED);
}

TEST(SlackApi, ReadsTheErrorsThatComeWith200) {
  EXPECT_TRUE(api(R"({"ok":true,"channel":"C1","ts":"1503435956.000247"})"));
  for (const char* word : {"invalid_auth", "not_authed", "token_revoked", "missing_scope"}) {
    const auto status = api(R"({"ok":false,"error":")" + std::string(word) + R"("})");
    EXPECT_EQ(status.value(), TSN_DENIED) << word;
    EXPECT_NE(status.text().find("[notifier.slack] token"), std::string::npos) << status.text();
  }
  for (const char* word :
       {"channel_not_found", "not_in_channel", "is_archived", "invalid_blocks", "a_word_of_tomorrow"}) {
    EXPECT_EQ(api(R"({"ok":false,"error":")" + std::string(word) + R"("})").value(), TSN_INVALID) << word;
  }
  EXPECT_EQ(api(R"({"ok":false,"error":"internal_error"})").value(), TSN_FAILED);
  EXPECT_EQ(api(R"({"ok":false,"error":"fatal_error"})").value(), TSN_UNKNOWN);
}

TEST(SlackApi, RateLimitsWaitWhicheverWayTheyAreSaid) {
  for (const long code : {200L, 429L}) {
    const auto status = api(R"({"ok":false,"error":"ratelimited"})", code, {{"retry-after", "12"}});
    EXPECT_EQ(status.value(), TSN_RETRY);
    EXPECT_EQ(status.retry_after_ms(), 12'000u);
  }
}

TEST(SlackApi, AnAnswerThatIsNotSlacksLeavesTheOutcomeOpen) {
  for (const char* body : {"", "<html>", "[]", "{}", R"({"ok":"true"})"})
    EXPECT_EQ(api(body).value(), TSN_UNKNOWN) << body;
  EXPECT_EQ(api("<html>", 502).value(), TSN_FAILED);
}

TEST(SlackApi, SaysWhatToDoAboutAChannelTheAppIsNotIn) {
  EXPECT_NE(api(refused("not_in_channel")).text().find("/invite @"), std::string::npos);
}

TEST(SlackApi, HandsOnWhatSlackSaysOfABodyItRefused) {
  const auto status = api(R"({"ok":false,"error":"invalid_blocks","response_metadata":
    {"messages":["[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]"]}})");
  EXPECT_NE(status.text().find("less than 151 characters"), std::string::npos) << status.text();
  for (const char* odd : {R"([])", R"({"messages":[]})", R"({"messages":[7]})", R"("x")"})
    EXPECT_EQ(api(R"({"ok":false,"error":"invalid_blocks","response_metadata":)" + std::string(odd) + "}").value(),
              TSN_INVALID);
}

TEST(SlackApi, NamesTheScopeThatIsMissing) {
  EXPECT_NE(api(R"({"ok":false,"error":"missing_scope","needed":"chat:write"})").text().find("chat:write"),
            std::string::npos);
}

// --- the plugin on the line ---

TEST(Slack, PostsToItsWebhook) {
  ScriptedSlack server({"ok"});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"webhook_url", server.url() + "/services/T/B/s3cret"}}));
  ASSERT_EQ(slack->start().status, TSN_OK);
  const auto answer = slack->deliver(sample_message());
  EXPECT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_TRUE(server.requests().at(0).starts_with("POST /services/T/B/s3cret HTTP/1.1\r\n"));
  EXPECT_FALSE(sent_in(server.requests()[0]).contains("channel"));
}

TEST(Slack, AWebhookOfAnAppHasItsButtonsToo) {
  ScriptedSlack server({"ok"});
  FakeHost host;
  const auto table = Value::table({{"path", "/callbacks/slack"}, {"signing_secret", "s"}});
  auto slack = host.create({}, Value::table({{"webhook_url", server.url() + "/services/x"}, {"interactions", table}}));
  EXPECT_EQ(slack->deliver(sample_message()).status, TSN_OK);
  EXPECT_NE(sent_in(server.requests().at(0)).dump().find("tocsin.acknowledge"), std::string::npos);
}

TEST(Slack, ALostAnswerIsAnUnknownOutcomeAndShowsNoSecret) {
  ScriptedSlack server({""});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"webhook_url", server.url() + "/services/T/B/s3cret"}}));
  const auto answer = slack->deliver(sample_message());
  EXPECT_EQ(answer.status, TSN_UNKNOWN);
  EXPECT_EQ(answer.text.find("s3cret"), std::string::npos) << answer.text;
}

TEST(Slack, WithoutAChannelOfItsOwnAMessageGoesToTheConfiguredOne) {
  ScriptedSlack server({taken()});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"token", "xoxb-1"}, {"channel", "#major"}, {"api_url", server.url()}}));
  auto message = sample_message();
  message.recipient = {"slack", "", ""};
  EXPECT_EQ(slack->deliver(message).status, TSN_OK);
  EXPECT_EQ(sent_in(server.requests().at(0))["channel"], "#major");
}

TEST(Slack, NoChannelAtAllIsSaid) {
  FakeHost host;
  auto slack = host.create({}, Value::table({{"token", "xoxb-1"}}));
  auto message = sample_message();
  message.recipient = {"slack", "", ""};
  const auto answer = slack->deliver(message);
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("set channel in [notifier.test]"), std::string::npos) << answer.text;
}

TEST(Slack, WantsOneOfWebhookAndToken) {
  FakeHost host;
  EXPECT_EQ(host.create()->start().status, TSN_INVALID);
  EXPECT_EQ(host.create({}, Value::table({{"token", "t"}, {"webhook_url", "https://h"}}))->start().status, TSN_INVALID);
  EXPECT_THROW(host.create({}, Value::table({{"webhook_url", "file:///x"}})), tsn::Failure);
  EXPECT_THROW(host.create({}, Value::table({{"token", "a\r\nX: y"}})), tsn::Failure);
}

TEST(SlackTemplate, IsFilledForEachMessage) {
  ScriptedSlack slack({taken()});
  FakeHost host;
  auto instance = host.create({}, Value::table({{"token", "xoxb-1"},
                                                {"api_url", slack.url() + "/api"},
                                                {"channel", "#ops"},
                                                {"template", "{{service}} #{{number}}: {{title}}"}}));
  EXPECT_EQ(instance->deliver(sample_message()).status, TSN_OK);
  EXPECT_NE(sent_in(slack.requests().at(0))["blocks"].dump().find("etl #1042: loader_failing"), std::string::npos);
  EXPECT_THROW(host.create({}, Value::table({{"token", "xoxb-1"}, {"template", "{{nothing}}"}})), tsn::Failure);
}

}  // namespace
