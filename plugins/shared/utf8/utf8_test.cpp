#include <gtest/gtest.h>

#include <string>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::utf8 {
namespace {

TEST(Utf8, LeavesGoodUtf8AsItIs) {
  std::string scratch;
  for (const char* good : {"", "plain ascii of more than eight bytes", "مرحبا", "é€😀", "tab\tand\x7f"}) {
    const std::string text = good;
    EXPECT_EQ(clean(text, scratch).data(), text.data());
  }
}
TEST(Utf8, ReplacesEachBadByteAndNul) {
  std::string scratch;
  EXPECT_EQ(clean(std::string_view("a\xff"
                                   "b\0c",
                                   5),
                  scratch),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c");
  EXPECT_EQ(clean("\xc0\x80", scratch), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  EXPECT_EQ(clean("\xed\xa0\x80", scratch), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  EXPECT_EQ(clean("eight by\xe2\x82", scratch), "eight by\xef\xbf\xbd\xef\xbf\xbd");  // cut short
}
TEST(Utf8, IsCutBetweenCharacters) {
  EXPECT_EQ(cut("aé", 2), "a");
  EXPECT_EQ(cut("aé", 3), "aé");
  EXPECT_EQ(cut("abc", 2), "ab");
}

}  // namespace
}  // namespace tocsin_plugins::utf8
