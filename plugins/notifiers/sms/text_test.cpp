#include "text.hpp"

#include <gtest/gtest.h>

#include "reply.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::testing::sample_message;

std::string times(std::size_t count, std::string_view piece) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += piece;
  return out;
}

TEST(SmsLength, Gsm7) {
  EXPECT_EQ(sms_parts(""), 0u);
  EXPECT_EQ(sms_parts(times(160, "a")), 1u);
  EXPECT_EQ(sms_parts(times(161, "a")), 2u);
  EXPECT_EQ(sms_parts(times(306, "a")), 2u);
  EXPECT_EQ(sms_parts(times(307, "a")), 3u);
  EXPECT_EQ(sms_parts(times(160, "é")), 1u);
}

TEST(SmsLength, TheExtensionTableCostsTwo) {
  EXPECT_EQ(sms_parts(times(80, "€")), 1u);
  EXPECT_EQ(sms_parts(times(80, "{") + "a"), 2u);
}

TEST(SmsLength, AnEscapePairIsNotSplit) {
  EXPECT_EQ(sms_parts(times(152, "a") + "[" + times(152, "a")), 3u);  // 306 septets, but the pair goes whole
}

TEST(SmsLength, Ucs2) {
  EXPECT_TRUE(is_gsm7("@£$ÄÖÑÜ§¿äöñüà ^{}\\[~]|€"));
  for (const char* other : {"`", "ç", "فشل", "…", "😀", "\t"}) EXPECT_FALSE(is_gsm7(other)) << other;
  EXPECT_EQ(sms_parts(times(70, "ش")), 1u);
  EXPECT_EQ(sms_parts(times(71, "ش")), 2u);
  EXPECT_EQ(sms_parts(times(134, "ش")), 2u);
  EXPECT_EQ(sms_parts(times(135, "ش")), 3u);
}

TEST(SmsLength, ASurrogatePairIsNotSplit) {
  EXPECT_EQ(sms_parts(times(35, "😀")), 1u);
  EXPECT_EQ(sms_parts(times(67, "😀")), 3u);  // 33 pairs in each part of 67 units
}

TEST(SmsText, SaysWhatAndWhatToReply) {
  auto message = sample_message();
  message.title = "loader_failed DAILY_SALES";
  message.text = "no run since 02:00";
  message.incident.url = {};
  message.actions.clear();
  EXPECT_EQ(sms_text(message, 3, true),
            "[HIGH] 1042 loader_failed DAILY_SALES: no run since 02:00\n"
            "Reply 1042a = ack, 1042c = close, 1042e = escalate");
  EXPECT_EQ(sms_text(message, 3, false), "[HIGH] 1042 loader_failed DAILY_SALES: no run since 02:00");
}

TEST(SmsText, HasTheLinkToAcknowledgeByWhereItFits) {
  auto message = sample_message();
  message.title = "loader_failed DAILY_SALES";
  message.text = "no run since 02:00";
  EXPECT_EQ(sms_text(message, 3, false),
            "[HIGH] 1042 loader_failed DAILY_SALES: no run since 02:00\nAck: https://tocsin.example.com/a/AbC.dEf_1-2");
  const std::string link = "https://tocsin.example.com/a/" + std::string(86, 'x');
  message.actions[0].href = link;
  EXPECT_EQ(sms_text(message, 1, false), "[HIGH] 1042 loader_failed DAILY_SALES: no run since 02:00");
  const auto two = sms_text(message, 2, true);
  EXPECT_NE(two.find("\nAck: " + link), std::string::npos) << two;
  EXPECT_LE(sms_parts(two), 2u);
}

TEST(SmsText, OfWhatIsOverNothingIsToBeReplied) {
  auto message = sample_message();
  message.kind = TSN_MSG_RESOLVED;
  const auto text = sms_text(message, 3, true);
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
      const auto text = sms_text(message, parts, true);
      EXPECT_EQ(sms_parts(text), parts) << text;
      EXPECT_TRUE(text.starts_with("[HIGH] 1042 ")) << text;
      EXPECT_NE(text.find("\nReply 1042a = ack, 1042c = close, 1042e = escalate"), std::string::npos) << text;
      EXPECT_NE(text.find(is_gsm7(text) ? "..." : "…"), std::string::npos) << text;
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
