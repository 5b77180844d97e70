#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "digest/digest.hpp"
#include "phone/scripted_provider.hpp"
#include "speech.hpp"
#include "template/message_data.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/hostile.hpp"

namespace {

using namespace tocsin_plugins;
using namespace std::chrono_literals;
using nlohmann::json;
using tsn::Value;
using tsn::testing::Answer;
using tsn::testing::FakeHost;
using tsn::testing::FakeInstance;
using tsn::testing::sample_message;

Value ivr_config(const std::string& url) {
  return Value::table(
      {{"send", Value::table({{"url", url + "/calls"},
                              {"body", R"({"to": "{{recipient}}", "say": "{{text}}", "ref": "{{key}}"})"},
                              {"id", "/callId"}})},
       {"callback", Value::table({{"path", "/callbacks/ivr"},
                                  {"auth", Value::table({{"type", "hmac"}, {"secret", "cb-s3cret"}})},
                                  {"id", "/id"},
                                  {"state", "/status"},
                                  {"digits", "/digits"}})}});
}

tsn::Message ivr_message() {
  auto message = sample_message();
  message.recipient = {"ivr:contact.first", "first", "+966500000001"};
  return message;
}

struct PlacedCall : testing::Test {
  ScriptedProvider provider{{R"(200 {"callId": "c1"})", R"(200 {"callId": "c2"})", R"(200 {"callId": "c3"})"}};
  FakeHost host;
  std::unique_ptr<FakeInstance> ivr;
  void start(int retries = 2) {
    auto config = ivr_config(provider.url());
    config.set("retries", retries);
    ivr = host.create({}, config);
    ASSERT_EQ(ivr->start().status, TSN_OK);
    const auto answer = ivr->deliver(ivr_message());
    ASSERT_EQ(answer.status, TSN_OK) << answer.text;
    EXPECT_EQ(answer.delivered.provider_id, "c1");
  }
  std::uint32_t says(const json& body) {
    const auto text = body.dump();
    return ivr
        ->handle({.path = "/callbacks/ivr",
                  .headers = {{"x-hub-signature", "sha256=" + hmac_sha256_hex("cb-s3cret", text)}},
                  .body = text})
        .response.status;
  }
};

TEST_F(PlacedCall, DigitsAreAnswers) {
  start();
  for (const char* digits : {"1", "2", "3#", "7"}) EXPECT_EQ(says({{"id", "c1"}, {"digits", digits}}), 200u);
  const auto answers = host.answers();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].kind, TSN_ANSWER_ACKNOWLEDGE);
  EXPECT_EQ(answers[1].kind, TSN_ANSWER_DETAILS);
  EXPECT_EQ(answers[2].kind, TSN_ANSWER_ESCALATE);
  EXPECT_EQ(answers[2].id, "c1:3");
  EXPECT_EQ(answers[0].key, std::string(ivr_message().key));
  EXPECT_EQ(answers[0].address, "+966500000001");
  EXPECT_EQ(answers[0].way, "call");
}

TEST_F(PlacedCall, DigitsOfACallThatIsOverCountToo) {
  start();
  says({{"id", "c1"}, {"status", "completed"}});
  says({{"id", "c1"}, {"status", "completed"}, {"digits", "1"}});
  EXPECT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.answers().size(), 1u);
}

TEST_F(PlacedCall, AnAnswerThatIsRefusedDoesNotHoldTheStateBack) {
  host.on_answer([](const auto&) {
    Answer answer;
    answer.status = TSN_INVALID;
    return answer;
  });
  start();
  EXPECT_EQ(says({{"id", "c1"}, {"status", "completed"}, {"digits", "1"}}), 200u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.receipts()[0].state, TSN_RECEIPT_DELIVERED);
  host.advance(1min);
  EXPECT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.timers(), 0u);
}

TEST_F(PlacedCall, WhatCannotBeTakenNowIsToldLater) {
  bool busy = true;
  host.on_answer([&](const auto&) {
    Answer answer;
    answer.status = busy ? TSN_RETRY : TSN_OK;
    return answer;
  });
  start();
  EXPECT_EQ(says({{"id", "c1"}, {"digits", "1"}}), 503u);
  busy = false;
  host.advance(1min);  // nobody said it again
  EXPECT_EQ(host.answers().back().id, "c1:1");
  EXPECT_EQ(host.timers(), 0u);
}

TEST_F(PlacedCall, IsNotMadeAgainOnceSomebodyAnsweredElsewhere) {
  start();
  says({{"id", "c1"}, {"status", "no-answer"}});
  host.answer_everything(TSN_INVALID);
  host.advance(60s);
  host.answer_everything(TSN_OK);
  host.advance(10min);
  EXPECT_EQ(provider.requests().size(), 1u);
  EXPECT_EQ(host.timers(), 0u);
}

TEST_F(PlacedCall, IsNotEvenDueAgainWhereSomebodyHadAnsweredBefore) {
  start();
  host.answer_everything(TSN_INVALID);
  EXPECT_EQ(says({{"id", "c1"}, {"status", "no-answer"}}), 200u);
  host.answer_everything(TSN_OK);
  EXPECT_EQ(host.timers(), 0u);
}

TEST_F(PlacedCall, IsMadeAgainAlsoWhereTheHostCannotSayJustNow) {
  start();
  says({{"id", "c1"}, {"status", "no-answer"}});
  host.answer_everything(TSN_RETRY);
  host.advance(60s);
  EXPECT_EQ(provider.requests().size(), 2u);
}

TEST_F(PlacedCall, IsMadeAgainWhenNobodyAnswers) {
  start();
  says({{"id", "c1"}, {"status", "no-answer"}});
  says({{"id", "c1"}, {"status", "busy"}});  // of the same call: not once more
  host.advance(60s);
  says({{"id", "c2"}, {"status", "busy"}});
  host.advance(60s);
  says({{"id", "c3"}, {"status", "no-answer"}});
  host.advance(10min);
  const auto receipts = host.receipts();
  ASSERT_EQ(receipts.size(), 5u);
  EXPECT_EQ(receipts[0].state, TSN_RECEIPT_ON_ITS_WAY);
  EXPECT_EQ(receipts[0].detail, "no-answer, calling again");
  EXPECT_EQ(receipts[1].detail, "calling again, 1 of 2: no-answer");
  EXPECT_EQ(receipts[3].detail, "calling again, 2 of 2: busy");
  EXPECT_EQ(receipts[4].state, TSN_RECEIPT_FAILED);
  for (const auto& receipt : receipts) EXPECT_EQ(receipt.key, std::string(ivr_message().key));
  const auto& requests = provider.requests();
  ASSERT_EQ(requests.size(), 3u);
  const auto first = json::parse(body_in(requests[0])), second = json::parse(body_in(requests[1]));
  EXPECT_EQ(first["say"], second["say"]);
  EXPECT_EQ(second["ref"], std::string(ivr_message().key) + "-1");
  EXPECT_EQ(json::parse(body_in(requests[2]))["ref"], std::string(ivr_message().key) + "-2");
}

TEST_F(PlacedCall, IsMadeAgainAfterARestart) {
  start();
  says({{"id", "c1"}, {"status", "no-answer"}});
  ivr->stop();
  ivr = host.create({}, ivr_config(provider.url()));
  ASSERT_EQ(ivr->start().status, TSN_OK);
  host.advance(61s);
  EXPECT_EQ(provider.requests().size(), 2u);
}

TEST_F(PlacedCall, WhoPressedADigitIsNotCalledAgain) {
  start();
  says({{"id", "c1"}, {"digits", "1"}});
  says({{"id", "c1"}, {"status", "no-answer"}});
  host.advance(10min);
  EXPECT_EQ(provider.requests().size(), 1u);
}

TEST_F(PlacedCall, WithoutRetriesNoAnswerIsTheEnd) {
  start(0);
  says({{"id", "c1"}, {"status", "no-answer"}});
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.receipts()[0].state, TSN_RECEIPT_FAILED);
}

TEST(Ivr, AProviderThatRefusesTheNextCallEndsIt) {
  ScriptedProvider provider({R"(200 {"callId": "c1"})", "500 ", "500 "});
  FakeHost host;
  auto ivr = host.create({}, ivr_config(provider.url()));
  ASSERT_EQ(ivr->start().status, TSN_OK);
  ASSERT_EQ(ivr->deliver(ivr_message()).status, TSN_OK);
  const std::string body = R"({"id": "c1", "status": "busy"})";
  ivr->handle({.path = "/callbacks/ivr",
               .headers = {{"x-hub-signature", "sha256=" + hmac_sha256_hex("cb-s3cret", body)}},
               .body = body});
  host.advance(10min);
  EXPECT_EQ(host.receipts().back().state, TSN_RECEIPT_FAILED);
  EXPECT_EQ(provider.requests().size(), 3u);
}

TEST(IvrSpeech, IsReadOutInItsOrder) {
  auto message = ivr_message();
  message.title = "loader_failed <b>DAILY</b> *SALES*\n";
  message.incident.service = "etl";
  message.incident.detected_at = 1'795'168'800'000'000'000;  // 2026-11-20T10:00:00Z
  EXPECT_EQ(speech_of(nullptr, message, true, 0),
            "Alert, severity high. loader failed DAILY SALES. Service etl. At 10:00 UTC. Press 1 to acknowledge, 2 for "
            "details, 3 to escalate.");
}

TEST(IvrSpeech, AsksForNoDigitThatNobodyTakes) {
  auto message = ivr_message();
  EXPECT_EQ(speech_of(nullptr, message, false, 0).find("Press"), std::string::npos);
  message.kind = TSN_MSG_RESOLVED;
  const auto text = speech_of(nullptr, message, true, 0);
  EXPECT_TRUE(text.starts_with("Resolved. ")) << text;
  EXPECT_EQ(text.find("Press"), std::string::npos);
}

TEST(IvrSpeech, ATemplateSaysItInOnesOwnWords) {
  const Template own("تنبيه رقم {{number}}: {{title}}.{{#if digits}} للتأكيد اضغط 1.{{/if}}", Escape::speech,
                     message_schema());
  auto message = ivr_message();
  message.title = "تأخر <b>التحميل</b> https://example.com/x";
  EXPECT_EQ(speech_of(&own, message, true, 0), "تنبيه رقم 1 0 4 2: تأخر التحميل. للتأكيد اضغط 1.");
  const Template silent("{{labels.none}}", Escape::speech, message_schema());
  EXPECT_TRUE(speech_of(&silent, message, true, 0).starts_with("Alert, severity high. "));
}

TEST(IvrSpeech, IsOneShortLineWithoutMarkupWhateverComes) {
  const Template own("{{number}} {{title}} {{text}} {{incident.description}} {{alerts.message | join}}", Escape::speech,
                     message_schema());
  for (const auto& [name, message, content, utf8] : tsn::testing::hostile_messages()) {
    for (const Template* text : {static_cast<const Template*>(nullptr), &own}) {
      const auto said = speech_of(text, message, true, 0);
      EXPECT_FALSE(said.empty()) << name;
      EXPECT_LE(said.size(), 1500u) << name;
      EXPECT_EQ(said.find_first_of("<>&{}[]|`*\n"), said.npos) << name << ": " << said;
      EXPECT_EQ(said.find("://"), said.npos) << name;
    }
  }
}

}  // namespace
