#include "base/base64.hpp"

#include <gtest/gtest.h>

namespace tocsin::base {
namespace {

TEST(Base64, WritesTheExamplesOfTheRfc) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
}
TEST(Base64, ReadsBackEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t cut = 0; cut < 4; ++cut) EXPECT_EQ(from_base64(to_base64(all.substr(cut))), all.substr(cut));
}
TEST(Base64, SkipsLineEndsAndNeedsNoPadding) {
  EXPECT_EQ(from_base64("Zm9v\r\nYmE="), "fooba");
  EXPECT_EQ(from_base64("Zm9vYmE"), "fooba");
}
TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"Z", "Zm9v!", "Zg==Zg==", "Zh==", "Zm9v=", "Zg="}) EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Base64Url, HasNothingThatAUrlWouldEscape) {
  EXPECT_EQ(to_base64url("\xfb\xff\xfe"), "-__-");
  EXPECT_EQ(to_base64url("f"), "Zg");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t cut = 0; cut < 4; ++cut) EXPECT_EQ(from_base64url(to_base64url(all.substr(cut))), all.substr(cut));
}
TEST(Base64Url, TakesOneTextOnlyForTheSameBytes) {
  for (const char* text : {"Zg==", "Zh", "Z", "Zm9v ", "Zm9v\n", "+/+/", "Zm 9v"})
    EXPECT_FALSE(from_base64url(text)) << text;
}

}  // namespace
}  // namespace tocsin::base
