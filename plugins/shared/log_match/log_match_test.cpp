#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>

#include "log_match/pattern.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::log_match {
namespace {

TEST(Pattern, TakesNamedGroupsInBothSpellings) {
  for (const char* text : {R"(from (?<ip>\S+) as (?<user>\w+))", R"(from (?P<ip>\S+) as (?P<user>\w+))"}) {
    Pattern pattern(text, "p");
    ASSERT_EQ(pattern.named_groups().size(), 2u) << text;
    ASSERT_TRUE(pattern.find("login from 10.0.0.1 as root now"));
    EXPECT_EQ(pattern.group(pattern.named_groups()[0].index), "10.0.0.1");
    EXPECT_EQ(pattern.group(pattern.named_groups()[1].index), "root");
  }
}
TEST(Pattern, LeavesEscapesClassesAndLookBehindAlone) {
  EXPECT_EQ(translate_groups(R"(\(?<a> [(?<b>] (?<c>x) \Q(?<d>\E)"), R"(\(?<a> [(?<b>] (?P<c>x) \Q(?<d>\E)");
  EXPECT_EQ(translate_groups("(?<=a)(?<!b)"), "(?<=a)(?<!b)");
}
TEST(Pattern, SaysWhatIsWrongAndWhere) {
  for (const char* bad : {"(", "(?<=a)b", "(?<1a>x)", "a**", R"(\1)"}) {
    try {
      Pattern pattern(bad, "match[3].pattern");
      FAIL() << bad << " was taken";
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID);
      EXPECT_NE(failure.status().text().find("match[3].pattern"), std::string::npos);
    }
  }
}
TEST(Pattern, GivesAnEmptyTextForAGroupThatTookNoPart) {
  Pattern pattern("a(?<x>b)?(?<y>c)", "p");
  ASSERT_TRUE(pattern.find("ac"));
  EXPECT_EQ(pattern.group(1), "");
  EXPECT_EQ(pattern.group(2), "c");
}
TEST(Pattern, FindsTheLeftmostMatchAmongManyBeginnings) {
  Pattern pattern(R"(ab(?<x>\d))", "p");
  ASSERT_TRUE(pattern.find("ab ab ab ab ab ab7 ab8"));
  EXPECT_EQ(pattern.group(1), "7");
  ASSERT_TRUE(pattern.find("ab ab1 ab2"));
  EXPECT_EQ(pattern.group(1), "1");
  EXPECT_FALSE(pattern.find("ab ab ab ab ab ab"));
}
TEST(Pattern, FindsTheLiteralThatEveryMatchContains) {
  EXPECT_EQ(required_literal(R"(Failed password for (?:invalid user )?(?<user>.*?) from (?<ip>\S+) port)"),
            "Failed password for ");
  EXPECT_EQ(required_literal("abc?"), "ab");
  EXPECT_EQ(required_literal("ab|cdef"), "");
  EXPECT_EQ(required_literal("(?i)abc"), "");
  EXPECT_EQ(required_literal(R"(\[error\] x{0,2}y)"), "[error] ");
  EXPECT_EQ(required_literal(R"(\x41bc\d)"), "bc");
  EXPECT_EQ(required_literal("foo{b|c}"), "");
  EXPECT_EQ(required_literal("(a|b)[xyz]+"), "");
}
TEST(Pattern, NeverLosesALineToItsLiteral) {
  std::mt19937 random(11);
  const char* pieces[] = {"a",      "b",     "ab",     "c?",      "b*",        "a+",      "(ab)",   "(a|b)",
                          "(?:c)?", "[abc]", "[^a]",   R"(\w)",   R"(\.)",     ".",       "x{2}",   "a{0,1}",
                          "|",      "^",     "$",      R"(\x61)", R"(\Qab\E)", R"(\141)", R"(\pL)", "(?<n>b)",
                          "{",      "[]a]",  "(?i:b)", "é",       "é?"};
  RE2::Options quiet;
  quiet.set_log_errors(false);
  int tried = 0;
  for (int i = 0; i < 8'000; ++i) {
    std::string text;
    for (auto n = 1 + random() % 5; n > 0; --n) text += pieces[random() % std::size(pieces)];
    const RE2 plain(translate_groups(text), quiet);
    if (!plain.ok()) continue;
    ++tried;
    Pattern pattern(text, "p");
    for (int j = 0; j < 8; ++j) {
      std::string line;
      for (auto n = random() % 8; n > 0; --n) line += "abcx.{B"[random() % 7];
      if (j == 0) line += "é";
      if (j % 2) line += line + line;
      ASSERT_EQ(pattern.find(line), RE2::PartialMatch(line, plain)) << text << " on " << line;
    }
  }
  EXPECT_GT(tried, 2000);
}

}  // namespace
}  // namespace tocsin_plugins::log_match
