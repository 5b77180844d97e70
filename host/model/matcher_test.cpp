#include "model/matcher.hpp"

#include <gtest/gtest.h>

namespace tocsin::model {
namespace {

std::string value_of(const char* text) {
  return Matcher::parse(text).value().value();
}
std::string refusal(const char* text) {
  auto matcher = Matcher::parse(text);
  return matcher ? "accepted" : matcher.error().message();
}

TEST(Matcher, ReadsTheFourOperators) {
  EXPECT_EQ(Matcher::parse("a=\"b\"").value().op(), MatchOp::equal);
  EXPECT_EQ(Matcher::parse("a != \"b\"").value().op(), MatchOp::not_equal);
  EXPECT_EQ(Matcher::parse("a=~\"b\"").value().op(), MatchOp::match);
  EXPECT_EQ(Matcher::parse(" a !~ b ").value().op(), MatchOp::not_match);
}

TEST(Matcher, ReadsValuesWithAndWithoutQuotes) {
  EXPECT_EQ(value_of("foo=bar"), "bar");
  EXPECT_EQ(value_of("foo=bar baz"), "bar baz");
  EXPECT_EQ(value_of("foo=\"bar\""), "bar");
  EXPECT_EQ(value_of("foo='bar'"), "bar");
  EXPECT_EQ(value_of("foo=`b\\ar`"), "b\\ar");
  EXPECT_EQ(value_of("foo="), "");
  EXPECT_EQ(value_of("foo=\"\""), "");
}

TEST(Matcher, EscapesAsAlertmanagerDoes) {
  EXPECT_EQ(value_of(R"(a="x\n\"y\"\\z")"), "x\n\"y\"\\z");
  EXPECT_EQ(value_of(R"(a=~"core\d+")"), "core\\d+");
  EXPECT_EQ(value_of(R"(a=~core\.example)"), "core\\.example");
  EXPECT_EQ(value_of(R"(a=end\)"), "end\\");
}

TEST(Matcher, SaysWhatIsWrong) {
  EXPECT_NE(refusal("=b").find("no label name"), std::string::npos);
  EXPECT_NE(refusal("a").find("expected after a"), std::string::npos);
  EXPECT_NE(refusal("a=\"b").find("closing \""), std::string::npos);
  EXPECT_NE(refusal("a=\"b\"c").find("after the closing quote"), std::string::npos);
  EXPECT_NE(refusal("a=b\"c").find("double quote"), std::string::npos);
  EXPECT_NE(refusal("a=~\"(\"").find("regular expression is wrong"), std::string::npos);
  EXPECT_NE(refusal("a=\"\xff\"").find("UTF-8"), std::string::npos);
}

TEST(Matcher, AnchorsRegularExpressionsAtBothEnds) {
  Matcher matcher = Matcher::parse("service=~\"core|pay.*\"").value();
  EXPECT_TRUE(matcher.matches("core"));
  EXPECT_TRUE(matcher.matches("payments"));
  EXPECT_FALSE(matcher.matches("core-2"));
  EXPECT_FALSE(matcher.matches("my core"));
}

TEST(Matcher, TakesAMissingLabelAsEmpty) {
  Labels none;
  EXPECT_TRUE(Matcher::parse("team=\"\"").value().matches(none));
  EXPECT_TRUE(Matcher::parse("team!=\"a\"").value().matches(none));
  EXPECT_TRUE(Matcher::parse("team=~\".*\"").value().matches(none));
  EXPECT_FALSE(Matcher::parse("team=~\".+\"").value().matches(none));
  EXPECT_FALSE(Matcher::parse("team!~\".*\"").value().matches(none));
}

TEST(Matcher, WritesWhatItReadsBack) {
  for (const char* text : {R"(a="b")", R"(a!="x\"y")", R"(a=~"b.*\\d")", R"(a!~"")"}) {
    EXPECT_EQ(Matcher::parse(text).value().text(), text);
  }
}

TEST(Matchers, AreAllNeeded) {
  Matchers both{Matcher::parse("a=1").value(), Matcher::parse("b!=2").value()};
  EXPECT_TRUE(matches(both, {{"a", "1"}}));
  EXPECT_FALSE(matches(both, {{"a", "1"}, {"b", "2"}}));
  EXPECT_TRUE(matches(Matchers{}, {}));
}

Selector selector(const char* text) {
  auto parsed = Selector::parse(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message());
  return parsed.value_or(Selector());
}

TEST(Selector, ReadsNamesWithDotsDashesAndSlashes) {
  EXPECT_EQ(selector("host.disk.used_percent").name(), "host.disk.used_percent");
  EXPECT_EQ(selector("job:rate/5m-x").name(), "job:rate/5m-x");
  EXPECT_EQ(selector("etl.run{status=\"FAILED\"}").name(), "etl.run");
  EXPECT_TRUE(selector("etl.run").exact());
}

TEST(Selector, ReadsEveryQuoteWithGoEscapes) {
  auto value = [](const char* text) { return selector(text).matchers().at(0).value(); };
  EXPECT_EQ(value(R"(a{b="x\ty\x41\u00e9\101\\"})"),
            "x\tyA\xc3\xa9"
            "A\\");
  EXPECT_EQ(value(R"(a{b='it\'s'})"), "it's");
  EXPECT_EQ(value(R"(a{b=~`\d+`})"), "\\d+");
}

TEST(Selector, TakesSpacesAndATrailingComma) {
  EXPECT_EQ(selector(" a { b = \"1\" , c !~ \"2\" , } ").text(), R"(a{b="1",c!~"2"})");
  EXPECT_EQ(selector("a{}").text(), "a");
}

TEST(Selector, MatchesNameAndLabels) {
  Selector failed = selector("etl.run{status=\"FAILED\"}");
  EXPECT_TRUE(failed.matches("etl.run", {{"status", "FAILED"}, {"loader", "X"}}));
  EXPECT_FALSE(failed.matches("etl.run", {{"status", "SUCCESS"}}));
  EXPECT_FALSE(failed.matches("etl.runs", {{"status", "FAILED"}}));
}

TEST(Selector, MatchesEverySuffixOfAStar) {
  Selector prefix = selector("host.disk.*{mount=\"/\"}");
  EXPECT_TRUE(prefix.matches("host.disk.used", {{"mount", "/"}}));
  EXPECT_FALSE(prefix.matches("host.net", {{"mount", "/"}}));
  EXPECT_FALSE(prefix.exact());
  EXPECT_TRUE(selector("*").matches("anything", {}));
  EXPECT_EQ(prefix.text(), "host.disk.*{mount=\"/\"}");
}

TEST(Selector, WithoutANameMatchesEveryName) {
  EXPECT_TRUE(selector("{a=\"b\"}").matches("x", {{"a", "b"}}));
  EXPECT_FALSE(selector("{a=\"b\"}").matches("x", {}));
}

TEST(Selector, TakesTheNameAsAMatcher) {
  EXPECT_EQ(selector(R"({__name__="odd name",a="1"})").name(), "odd name");
  EXPECT_EQ(selector(R"({__name__="odd name",a="1"})").text(), R"({__name__="odd name",a="1"})");
  EXPECT_TRUE(selector(R"({__name__=~"up|down"})").matches("up", {}));
  EXPECT_FALSE(selector(R"({__name__=~"up|down"})").matches("upper", {}));
}

TEST(Selector, SaysWhatIsWrong) {
  auto refusal_of = [](const char* text) {
    auto parsed = Selector::parse(text);
    return parsed ? std::string("accepted") : parsed.error().message();
  };
  EXPECT_NE(refusal_of("").find("empty"), std::string::npos);
  EXPECT_NE(refusal_of("{}").find("names nothing"), std::string::npos);
  EXPECT_NE(refusal_of("a[5m]").find("range"), std::string::npos);
  EXPECT_NE(refusal_of("a > 1").find("not part of a selector"), std::string::npos);
  EXPECT_NE(refusal_of("a{b=c}").find("needs quotes"), std::string::npos);
  EXPECT_NE(refusal_of("a{b=\"c\"").find("closing }"), std::string::npos);
  EXPECT_NE(refusal_of("a{b=\"c").find("closing \""), std::string::npos);
  EXPECT_NE(refusal_of("a{b=\"\\d\"}").find("\\d is no escape"), std::string::npos);
  EXPECT_NE(refusal_of("a{b=\"\\").find("closing \""), std::string::npos);
  EXPECT_NE(refusal_of("a{,}").find("label name"), std::string::npos);
  EXPECT_NE(refusal_of("a{b=~\"[\"}").find("regular expression"), std::string::npos);
}

}  // namespace
}  // namespace tocsin::model
