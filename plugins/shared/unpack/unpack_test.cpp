#include "unpack/unpack.hpp"

#include <gtest/gtest.h>

#include "unpack/packing_test.hpp"

namespace {

using namespace tocsin_plugins;

constexpr std::size_t most = 8 << 20;

std::string texts(std::size_t lines) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i) text += "line " + std::to_string(i * 7919 % 10007) + "\n";
  return text;
}

class Unpacking : public ::testing::TestWithParam<Coding> {
 protected:
  static std::string packed(const std::string& text) {
    return GetParam() == Coding::gzip ? packing::gzip(text) : packing::zstd(text);
  }
  Unpacked run(std::string_view body, std::size_t bound = most) { return unpack(GetParam(), body, bound, 64, out_); }
  std::string out_ = "what was there before";
};

TEST_P(Unpacking, GivesBackWhatWasPackedWithZerosBehindIt) {
  for (const auto lines : {0, 1, 100, 400'000}) {
    const auto text = texts(static_cast<std::size_t>(lines));
    ASSERT_EQ(run(packed(text)), Unpacked::whole) << lines;
    EXPECT_EQ(out_, text);
    ASSERT_GE(out_.capacity(), out_.size() + 64);
    EXPECT_EQ(std::string(out_.data() + out_.size(), 64), std::string(64, '\0'));
  }
}
TEST_P(Unpacking, TakesSeveralInARow) {
  EXPECT_EQ(run(packed("one ") + packed("") + packed("two")), Unpacked::whole);
  EXPECT_EQ(out_, "one two");
}
TEST_P(Unpacking, TakesAGreatManyEmptyOnesBehindALargeOne) {
  auto body = packed(std::string(4 << 20, 'x'));
  const auto empty = packed("");
  for (int i = 0; i < 200'000; ++i) body += empty;
  EXPECT_EQ(run(body), Unpacked::whole);
  EXPECT_EQ(out_.size(), 4u << 20);
}
TEST_P(Unpacking, StopsAtTheBoundBeforeABombIsThere) {
  const auto bomb = packed(std::string(64 << 20, ' '));
  ASSERT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(run(bomb, 100'000), Unpacked::too_long);
  EXPECT_LT(out_.capacity(), 1u << 20);
  const auto text = texts(1000);
  EXPECT_EQ(run(packed(text), text.size()), Unpacked::whole);
  EXPECT_EQ(run(packed(text), text.size() - 1), Unpacked::too_long);
}
TEST_P(Unpacking, RefusesWhatIsNotWhole) {
  const auto whole = packed(texts(1000));
  for (std::size_t n = 0; n < whole.size(); n += 1 + n / 8) EXPECT_EQ(run(whole.substr(0, n)), Unpacked::broken) << n;
  EXPECT_EQ(run(whole + "x"), Unpacked::broken);
  EXPECT_EQ(run("no such thing"), Unpacked::broken);
}
INSTANTIATE_TEST_SUITE_P(Codings, Unpacking, ::testing::Values(Coding::gzip, Coding::zstd),
                         [](const auto& coding) { return std::string(word_of(coding.param)); });

TEST(Zstd, TakesAWindowOf8MiBAndRefusesOneThatIsLarger) {
  std::string out;
  EXPECT_EQ(unpack(Coding::zstd, packing::zstd_streamed(texts(10'000), 23), most, 64, out), Unpacked::whole);
  EXPECT_EQ(out, texts(10'000));
  EXPECT_EQ(unpack(Coding::zstd, packing::zstd_streamed(texts(10'000), 24), most, 64, out), Unpacked::broken);
}
TEST(Zstd, NoticesAByteThatChanged) {
  auto body = packing::zstd_streamed(texts(1000), 20);
  std::string out;
  body[body.size() / 2] ^= 1;
  EXPECT_EQ(unpack(Coding::zstd, body, most, 64, out), Unpacked::broken);
}
TEST(Zstd, PassesOverFramesThatSayThatTheyAreNone) {
  const std::string skipped("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  std::string out;
  EXPECT_EQ(unpack(Coding::zstd, skipped + packing::zstd("x") + skipped, most, 64, out), Unpacked::whole);
  EXPECT_EQ(out, "x");
}
TEST(Coding, IsKnownByItsWordInAnyCase) {
  EXPECT_EQ(coding_of(""), Coding::none);
  EXPECT_EQ(coding_of("identity"), Coding::none);
  EXPECT_EQ(coding_of("GZip"), Coding::gzip);
  EXPECT_EQ(coding_of("zstd"), Coding::zstd);
  for (const char* other : {"br", "gzi", "gzip, zstd", "deflate"}) EXPECT_FALSE(coding_of(other)) << other;
}
TEST(Coding, OfNoneIsACopyWithinTheBound) {
  std::string out;
  const auto text = texts(100'000);
  EXPECT_EQ(unpack(Coding::none, text, most, 64, out), Unpacked::whole);
  EXPECT_EQ(out, text);
  EXPECT_EQ(unpack(Coding::none, text, 10, 64, out), Unpacked::too_long);
}

}  // namespace
