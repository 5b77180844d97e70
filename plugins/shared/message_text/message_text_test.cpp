#include <gtest/gtest.h>

#include "message_text/cluster.hpp"
#include "message_text/sms.hpp"
#include "message_text/text.hpp"

namespace {

using namespace tocsin_plugins;

std::string times(std::size_t count, std::string_view piece) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += piece;
  return out;
}

TEST(Cluster, IsWhatPeopleTakeForOneCharacter) {
  for (const char* one :
       {"a", "e\u0301", "ش", "شَّ", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇸🇦", "1️⃣", "\r\n"})
    EXPECT_EQ(cluster_size(one), std::string_view(one).size()) << one;
  EXPECT_EQ(cluster_size("ab"), 1u);
  EXPECT_EQ(cluster_size("🇸🇦🇸🇦"), 8u);
  EXPECT_EQ(cluster_size("\xff\xfe"), 1u);
  EXPECT_EQ(cluster_size(""), 0u);
}

TEST(Cluster, AHeapOfMarksHasPlacesToCut) {
  EXPECT_EQ(cluster_size("Z" + times(1000, "\u0301")), 1u + 31 * 2);
}

TEST(Cut, TakesNoLetterItsMarks) {
  EXPECT_EQ(cut("abcdef", 4), "abc…");
  EXPECT_EQ(cut("abcd", 4), "abcd");
  EXPECT_EQ(cut("ab👨‍👩‍👧‍👦cd", 5), "ab…");
  EXPECT_EQ(cut("شَّمس", 5), "شَّمس");
  EXPECT_EQ(cut("شَّمس", 3), "…");
  EXPECT_EQ(cut("abc", 0), "");
}

TEST(Clean, LeavesNothingThatTurnsDirections) {
  EXPECT_EQ(clean("a\u202eb\u2066c\u2069d"), "abcd");
  EXPECT_EQ(clean("a\u2028b"), "a\nb");
  EXPECT_EQ(one_line("a\u2028\u2029 b\r\n\tc\x1b"), "a b c");
  EXPECT_EQ(without_marks("a\u200eb\u200fc\u061cd\ufeff\u00ade"), "abcde");
  EXPECT_EQ(without_marks("👨‍👩‍👧"), "👨‍👩‍👧");
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

TEST(Gsm7, TypographyIsSpelledWhereThatMakesAllOfItGsm7) {
  EXPECT_EQ(gsm7_spelled("“a” – ‘b’… → c\u00a0d"), "\"a\" - 'b'... -> c d");
  EXPECT_EQ(gsm7_spelled("فشل – “a”"), "فشل – “a”");
  EXPECT_EQ(gsm7_spelled("façade – b"), "façade – b");  // no letter becomes another
}

}  // namespace
