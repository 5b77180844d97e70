#include "text.hpp"

#include <gtest/gtest.h>

#include "message_text/sms.hpp"
#include "reply.hpp"
#include "template/message_data.hpp"
#include "tocsin/testing/hostile.hpp"
#include "tocsin/testing/samples.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::testing::sample_message;

std::string times(std::size_t count, std::string_view piece) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += piece;
  return out;
}

std::string written(const tsn::Message& message, std::size_t max_parts, bool takes_replies) {
  return sms_text({.max_parts = max_parts, .takes_replies = takes_replies}, message, 0);
}

/// By a template of one's own.
std::string written_by(std::string_view text, const tsn::Message& message, std::size_t max_parts = 3,
                       bool gsm7 = true) {
  return sms_text({Template(text, Escape::sms, message_schema()), max_parts, gsm7, true}, message, 0);
}

TEST(SmsText, SaysWhatAndWhatToReply) {
  auto message = sample_message();
  message.title = "loader_failed DAILY_SALES";
  message.text = "no run since 02:00";
  message.incident.url = {};
  message.actions.clear();
  EXPECT_EQ(written(message, 3, true),
            "[HIGH] 1042 loader_failed DAILY_SALES: no run since 02:00\n"
            "Reply 1042a = ack, 1042c = close, 1042e = escalate");
  EXPECT_EQ(written(message, 3, false), "[HIGH] 1042 loader_failed DAILY_SALES: no run since 02:00");
}

TEST(SmsText, HasTheLinkToAcknowledgeByWhereItFits) {
  auto message = sample_message();
  message.title = "loader_failed DAILY_SALES";
  message.text = "no run since 02:00";
  EXPECT_EQ(written(message, 3, false),
            "[HIGH] 1042 loader_failed DAILY_SALES: no run since 02:00\nAck: https://tocsin.example.com/a/AbC.dEf_1-2");
  const std::string link = "https://tocsin.example.com/a/" + std::string(86, 'x');
  message.actions[0].href = link;
  const auto one = written(message, 1, false);
  EXPECT_TRUE(one.starts_with("[HIGH] 1042 loader")) << one;
  EXPECT_TRUE(one.ends_with("\nAck: " + link)) << one;
  EXPECT_EQ(sms_parts(one), 1u);
  const auto two = written(message, 2, true);
  EXPECT_NE(two.find("\nAck: " + link), std::string::npos) << two;
  EXPECT_LE(sms_parts(two), 2u);
}

TEST(SmsText, OfWhatIsOverNothingIsToBeReplied) {
  auto message = sample_message();
  message.kind = TSN_MSG_RESOLVED;
  const auto text = written(message, 3, true);
  EXPECT_TRUE(text.starts_with("[RESOLVED] 1042 ")) << text;
  EXPECT_EQ(text.find("Reply"), std::string::npos);
}

TEST(SmsText, KeepsItsPartsAndNeverCutsNumberAndReply) {
  for (const auto& piece : {std::string("word "), std::string("فشل "), std::string("😀"), std::string("[€]")}) {
    const std::string title = times(400, piece);
    auto message = sample_message();
    message.title = title;
    message.text = "";
    for (std::size_t parts = 2; parts <= 4; ++parts) {
      const auto text = written(message, parts, true);
      EXPECT_EQ(sms_parts(text), parts) << text;
      EXPECT_TRUE(text.starts_with("[HIGH] 1042 ")) << text;
      EXPECT_NE(text.find("\nReply 1042a = ack, 1042c = close, 1042e = escalate"), std::string::npos) << text;
      EXPECT_NE(text.find(is_gsm7(text) ? "..." : "…"), std::string::npos) << text;
    }
  }
}

TEST(SmsText, WithoutRepliesItHasTheLinkToAcknowledgeWhichIsNeverCut) {
  auto message = sample_message();
  const std::string title = times(400, "word ");
  message.title = title;
  const auto text = written(message, 2, false);
  EXPECT_LE(sms_parts(text), 2u);
  EXPECT_NE(text.find("\nAck: " + std::string(message.actions[0].href)), text.npos) << text;
  message.kind = TSN_MSG_RESOLVED;
  EXPECT_EQ(written(message, 2, false).find("Ack"), text.npos);
}

TEST(SmsText, BesideRepliesTheLinkIsThereWhereItLeavesTheTextItsPlace) {
  auto message = sample_message();
  message.title = "loader_failed DAILY_SALES";
  const std::string link = "https://tocsin.example.com/a/" + std::string(86, 'x');
  message.actions[0].href = link;
  EXPECT_NE(written(message, 2, true).find("\nAck: " + link), std::string::npos);
  EXPECT_EQ(written(message, 1, true).find("Ack:"), std::string::npos);
}

TEST(SmsText, ADashDoesNotHalveTheRoom) {
  auto message = sample_message();
  message.incident.url = {}, message.text = {};
  message.title = "“Daily” load – late…";
  EXPECT_TRUE(written(message, 3, true).starts_with("[HIGH] 1042 \"Daily\" load - late...\n"))
      << written(message, 3, true);
  EXPECT_EQ(written_by("{{title}}", message, 3, false), "“Daily” load – late…");
  message.title = "التحميل – فشل";  // UCS-2 whatever the dash is
  EXPECT_EQ(written_by("{{title}}", message), "التحميل – فشل");
}

TEST(SmsText, ATemplateInArabicIsShortenedWhereItMayBe) {
  auto message = sample_message();
  const std::string title = times(60, "تأخر التحميل ");
  message.title = title;
  const auto text = written_by("تنبيه {{number}}: {{title}}\nللتأكيد أرسل {{number}}a", message, 2);
  EXPECT_EQ(sms_parts(text), 2u);
  EXPECT_TRUE(text.starts_with("تنبيه 1042: تأخر التحميل")) << text;
  EXPECT_TRUE(text.ends_with("…\nللتأكيد أرسل 1042a")) << text;
}

TEST(SmsText, ATemplateThatSaysNothingIsNoMessage) {
  EXPECT_TRUE(written_by("{{labels.none}}", sample_message()).starts_with("[HIGH] 1042 "));
}

TEST(SmsText, KeepsItsPartsWhateverComes) {
  for (const auto& [name, message, content, utf8] : tsn::testing::hostile_messages()) {
    for (const bool replies : {true, false}) {
      const auto text = written(message, 3, replies);
      EXPECT_LE(sms_parts(text), 3u) << name;
      EXPECT_FALSE(text.empty()) << name;
      for (const char c : text) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n') << name;
      EXPECT_EQ(without_marks(text), text) << name;
      EXPECT_EQ(text.find("Reply 1042a") != text.npos, replies && message.kind == TSN_MSG_FIRING) << name;
    }
  }
}

std::string wished(std::string_view text) {
  const auto wish = wish_of(text);
  if (!wish) return "nothing";
  const char* kind = wish->kind == TSN_ANSWER_ACKNOWLEDGE ? "ack"
                     : wish->kind == TSN_ANSWER_RESOLVE   ? "close"
                                                          : "escalate";
  return std::string(kind) + " " + wish->incident + (wish->whole_service ? " all" : "");
}

TEST(SmsReply, IsAWordAndANumber) {
  for (const char* text : {"1042a", "ack1042", "a 1042", "ACK 1042", " 1042 Ack\r\n", "1042A"})
    EXPECT_EQ(wished(text), "ack 1042") << text;
  EXPECT_EQ(wished("1042c"), "close 1042");
  EXPECT_EQ(wished("Close 1042"), "close 1042");
  EXPECT_EQ(wished("1042e"), "escalate 1042");
  EXPECT_EQ(wished("escalate 1042"), "escalate 1042");
  EXPECT_EQ(wished("1042aa"), "ack 1042 all");
  EXPECT_EQ(wished("1042 CC"), "close 1042 all");
}

TEST(SmsReply, AllElseIsNothing) {
  for (const char* text : {"", "a", "1042", "STOP", "10 42a", "1042b", "1042ee", "1042a please", "ack 1042 1043",
                           "-1042a", "99999999999999999999a", "thanks, 1042a"})
    EXPECT_EQ(wished(text), "nothing") << text;
}

}  // namespace
