#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "phone/digest.hpp"
#include "phone/scripted_provider.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using namespace std::chrono_literals;
using nlohmann::json;
using tsn::Value;
using tsn::testing::Answer;
using tsn::testing::FakeHost;
using tsn::testing::FakeInstance;
using tsn::testing::sample_message;

/// The provider of faces' example, on loopback.
Value sms_config(const std::string& url) {
  const auto hmac = Value::table({{"type", "hmac"}, {"secret", "cb-s3cret"}});
  const auto bearer = Value::table({{"type", "bearer"}, {"token", "reply-s3cret"}});
  return Value::table(
      {{"send", Value::table({{"url", url + "/sms"},
                              {"headers", Value::table({{"Authorization", "Bearer send-s3cret"}})},
                              {"body", R"({"to": "{{recipient}}", "text": "{{text}}", "ref": "{{key}}"})"},
                              {"ok", Value::array({200, 202})},
                              {"id", "/messageId"},
                              {"permanent", Value::array({400, 422})}})},
       {"callback", Value::table({{"path", "/callbacks/sms"}, {"auth", hmac}, {"id", "/id"}, {"state", "/status"}})},
       {"reply", Value::table({{"path", "/callbacks/sms/inbound"},
                               {"auth", bearer},
                               {"from", "/msisdn"},
                               {"text", "/message"},
                               {"id", "/uuid"}})}});
}

tsn::Message sms_message() {
  auto message = sample_message();
  message.recipient = {"sms:contact.first", "first", "+966500000001"};
  return message;
}

Answer callback(FakeInstance& sms, const std::string& body, const std::string& secret = "cb-s3cret") {
  return sms.handle({.path = "/callbacks/sms",
                     .headers = {{"x-hub-signature", "sha256=" + hmac_sha256_hex(secret, body)}},
                     .body = body});
}
Answer reply(FakeInstance& sms, const std::string& text, const std::string& token = "reply-s3cret") {
  return sms.handle({.path = "/callbacks/sms/inbound",
                     .headers = {{"authorization", "Bearer " + token}},
                     .body = json{{"msisdn", "00966 50-000 0001"}, {"message", text}, {"uuid", "u1"}}.dump()});
}

/// An instance that has sent one message, which the provider knows as "m1".
struct SentSms : testing::Test {
  ScriptedProvider provider{{R"(202 {"messageId": "m1"})"}};
  FakeHost host;
  std::unique_ptr<FakeInstance> sms = host.create({}, sms_config(provider.url()));
  void SetUp() override { ASSERT_EQ(sms->start().status, TSN_OK); }
  void send() {
    const auto answer = sms->deliver(sms_message());
    ASSERT_EQ(answer.status, TSN_OK) << answer.text;
    EXPECT_EQ(answer.delivered.provider_id, "m1");
  }
};

TEST_F(SentSms, IsTheRequestThatTheTableDescribes) {
  send();
  const auto& request = provider.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /sms HTTP/1.1\r\n"));
  EXPECT_NE(request.find("\r\nAuthorization: Bearer send-s3cret\r\n"), std::string::npos);
  EXPECT_NE(request.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
  const auto body = json::parse(body_in(request));
  EXPECT_EQ(body["to"], "+966500000001");
  EXPECT_EQ(body["ref"], std::string(sms_message().key));
  EXPECT_NE(body["text"].get<std::string>().find("1042a = ack"), std::string::npos);
}

TEST_F(SentSms, IsReportedAsTheProviderSays) {
  send();
  EXPECT_EQ(callback(*sms, R"({"id": "m1", "status": "ACCEPTD"})").response.status, 200u);
  EXPECT_EQ(callback(*sms, R"({"id": "m1", "status": "DELIVRD"})").response.status, 200u);
  const auto receipts = host.receipts();
  ASSERT_EQ(receipts.size(), 2u);
  EXPECT_EQ(receipts[0].state, TSN_RECEIPT_ON_ITS_WAY);
  EXPECT_EQ(receipts[1].state, TSN_RECEIPT_DELIVERED);
  EXPECT_EQ(receipts[1].detail, "DELIVRD");
  EXPECT_EQ(receipts[1].key, std::string(sms_message().key));
}

TEST_F(SentSms, StaysWhatItFinallyWas) {
  send();
  for (const char* state : {"UNDELIV", "UNDELIV", "ACCEPTD", "DELIVRD"})
    EXPECT_EQ(callback(*sms, json{{"id", "m1"}, {"status", state}}.dump()).response.status, 200u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.receipts()[0].state, TSN_RECEIPT_FAILED);
}

TEST_F(SentSms, WithoutRightSignatureNothingChanges) {
  send();
  const std::string body = R"({"id": "m1", "status": "DELIVRD"})";
  EXPECT_EQ(callback(*sms, body, "guess").response.status, 401u);
  EXPECT_EQ(sms->handle({.path = "/callbacks/sms", .body = body}).response.status, 401u);
  EXPECT_EQ(reply(*sms, "1042a", "guess").response.status, 401u);
  EXPECT_TRUE(host.receipts().empty());
  EXPECT_TRUE(host.answers().empty());
}

TEST_F(SentSms, ACallbackThatOvertookTheAnswerIsKept) {
  EXPECT_EQ(callback(*sms, R"({"id": "m1", "status": "DELIVRD"})").response.status, 202u);
  EXPECT_TRUE(host.receipts().empty());
  send();
  host.advance(1s);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.receipts()[0].state, TSN_RECEIPT_DELIVERED);
}

TEST_F(SentSms, ARestartForgetsNothing) {
  send();
  sms->stop();
  auto again = host.create({}, sms_config(provider.url()));
  ASSERT_EQ(again->start().status, TSN_OK);
  EXPECT_EQ(callback(*again, R"({"id": "m1", "status": "DELIVRD"})").response.status, 200u);
  EXPECT_EQ(host.receipts().size(), 1u);
}

TEST_F(SentSms, CallbacksThatNobodyKnowsAreBounded) {
  for (int i = 0; i < 500; ++i)
    callback(*sms, json{{"id", std::string(200, 'x') + std::to_string(i)}, {"status", "X"}}.dump());
  EXPECT_LT(host.kv().at("phone.book").size(), 64u * 1024);
  send();
}

TEST_F(SentSms, WithoutAnIdACallbackIsRefused) {
  EXPECT_EQ(callback(*sms, "not json").response.status, 400u);
  EXPECT_EQ(callback(*sms, R"({"status": "DELIVRD"})").response.status, 400u);
}

TEST_F(SentSms, RepliesBecomeAnswers) {
  const auto answer = reply(*sms, "1042 Ack");
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(answer.response.body, R"({"text": "done"})");
  reply(*sms, "1042cc");
  reply(*sms, "e 1042");
  const auto answers = host.answers();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].kind, TSN_ANSWER_ACKNOWLEDGE);
  EXPECT_EQ(answers[0].incident, "1042");
  EXPECT_EQ(answers[0].address, "+966500000001");
  EXPECT_EQ(answers[0].way, "SMS reply");
  EXPECT_EQ(answers[0].id, "u1");
  EXPECT_EQ(answers[1].kind, TSN_ANSWER_RESOLVE);
  EXPECT_TRUE(answers[1].whole_service);
  EXPECT_EQ(answers[2].kind, TSN_ANSWER_ESCALATE);
}

TEST_F(SentSms, OtherRepliesAreAnsweredWithNothing) {
  const auto answer = reply(*sms, "who is this?");
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(answer.response.body, "");
  EXPECT_TRUE(host.answers().empty());
}

TEST_F(SentSms, AReplyThatCannotBeTakenNowIsAskedForAgain) {
  host.on_answer([](const auto&) {
    Answer answer;
    answer.status = TSN_RETRY;
    return answer;
  });
  EXPECT_EQ(reply(*sms, "1042a").response.status, 503u);
}

TEST_F(SentSms, OtherPathsAreNotServed) {
  EXPECT_EQ(sms->handle({.path = "/callbacks"}).response.status, 404u);
}

TEST(Sms, ABodyMayCarryTheLinkToAcknowledgeBy) {
  ScriptedProvider provider({R"(202 {"messageId": "m1"})", R"(202 {"messageId": "m2"})"});
  auto config = sms_config(provider.url());
  config.set("send", Value::table({{"url", provider.url() + "/sms"},
                                   {"body", R"({"to": "{{recipient}}", "button": "{{ack_url}}"})"},
                                   {"id", "/messageId"}}));
  FakeHost host;
  auto sms = host.create({}, config);
  ASSERT_EQ(sms->start().status, TSN_OK);
  auto message = sms_message();
  ASSERT_EQ(sms->deliver(message).status, TSN_OK);
  message.actions.clear();
  ASSERT_EQ(sms->deliver(message).status, TSN_OK);
  EXPECT_EQ(json::parse(body_in(provider.requests().at(0)))["button"], "https://tocsin.example.com/a/AbC.dEf_1-2");
  EXPECT_EQ(json::parse(body_in(provider.requests().at(1)))["button"], "");
}

TEST(Sms, PollsUntilTheEndIsKnown) {
  ScriptedProvider provider(
      {R"(202 {"messageId": "m/1"})", R"(200 {"state": "ACCEPTD"})", "500 ", R"(200 {"state": "DELIVRD"})"});
  auto config = sms_config(provider.url());
  config.set("status", Value::table({{"url", provider.url() + "/sms/{{id}}"},
                                     {"state", "/state"},
                                     {"delivered", Value::array({"DELIVRD"})},
                                     {"failed", Value::array({"UNDELIV", "EXPIRED"})}}));
  FakeHost host;
  auto sms = host.create({}, config);
  ASSERT_EQ(sms->start().status, TSN_OK);
  ASSERT_EQ(sms->deliver(sms_message()).status, TSN_OK);
  host.advance(15s);
  sms->stop();  // and after a restart
  auto again = host.create({}, config);
  ASSERT_EQ(again->start().status, TSN_OK);
  host.advance(10min);
  EXPECT_EQ(host.timers(), 0u);
  const auto receipts = host.receipts();
  ASSERT_EQ(receipts.size(), 2u);
  EXPECT_EQ(receipts[0].detail, "ACCEPTD");
  EXPECT_EQ(receipts[1].state, TSN_RECEIPT_DELIVERED);
  const auto& requests = provider.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_TRUE(requests[1].starts_with("GET /sms/m%2F1 HTTP/1.1\r\n")) << requests[1];
  EXPECT_NE(requests[1].find("\r\nAuthorization: Bearer send-s3cret\r\n"), std::string::npos);
}

TEST(Sms, AnswersAreJudgedAsConfigured) {
  const std::pair<const char*, tsn_status> cases[] = {{"422 bad number", TSN_INVALID},
                                                      {"500 ", TSN_FAILED},
                                                      {"204 ", TSN_FAILED},
                                                      {"429 Retry-After: 7\r\n", TSN_RETRY},
                                                      {"401 ", TSN_DENIED}};
  for (const auto& [answer, status] : cases) {
    ScriptedProvider provider({answer});
    FakeHost host;
    auto sms = host.create({}, sms_config(provider.url()));
    ASSERT_EQ(sms->start().status, TSN_OK);
    const auto got = sms->deliver(sms_message());
    EXPECT_EQ(got.status, status) << answer;
    EXPECT_EQ(got.text.find("s3cret"), std::string::npos) << got.text;
  }
}

TEST(Sms, AnAnswerWithoutIdIsAMessageSent) {
  ScriptedProvider provider({"202 queued"});
  FakeHost host;
  auto sms = host.create({}, sms_config(provider.url()));
  ASSERT_EQ(sms->start().status, TSN_OK);
  EXPECT_EQ(sms->deliver(sms_message()).status, TSN_OK);
  EXPECT_TRUE(host.logged("no id at send.id"));
}

TEST(Sms, SaysThatAContactHasNoNumber) {
  FakeHost host;
  auto sms = host.create({}, sms_config("https://m.corp"));
  auto message = sms_message();
  message.recipient.address = {};
  const auto answer = sms->deliver(message);
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("set phone of the contact"), std::string::npos) << answer.text;
}

TEST(Sms, WithoutTheHostsServiceItGoesOn) {
  ScriptedProvider provider({R"(202 {"messageId": "m1"})"});
  FakeHost host;
  host.without_services();
  auto sms = host.create({}, sms_config(provider.url()));
  ASSERT_EQ(sms->start().status, TSN_OK);
  EXPECT_EQ(sms->deliver(sms_message()).status, TSN_OK);
  EXPECT_EQ(callback(*sms, R"({"id": "m1", "status": "ACCEPTD"})").response.status, 200u);
  EXPECT_EQ(reply(*sms, "1042a").response.status, 200u);
  std::size_t said = 0;
  for (const auto& line : host.logs()) said += line.text.find("tsn.feedback/1") != std::string::npos;
  EXPECT_EQ(said, 1u);
}

TEST(Sms, NeedsAProvider) {
  FakeHost host;
  auto sms = host.create({}, Value::table({{"send", Value::table()}}));
  const auto answer = sms->start();
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("[notifier.test.send]"), std::string::npos) << answer.text;
}

}  // namespace
