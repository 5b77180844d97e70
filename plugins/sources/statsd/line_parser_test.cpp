#include "line_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tocsin_plugins::statsd {
namespace {

using What = Line::What;

std::vector<double> values_of(std::string_view text) {
  std::vector<double> all;
  auto rest = parse_line(text).values;
  for (Value value; !rest.empty();) all.push_back(take_value(rest, value) ? value.number : -999);
  return all;
}

TEST(LineParser, ReadsNameValueAndKind) {
  const auto line = parse_line("shop.orders:2|c");
  EXPECT_EQ(line.what, What::metric);
  EXPECT_EQ(line.name, "shop.orders");
  EXPECT_EQ(line.values, "2");
  EXPECT_EQ(line.kind, Kind::counter);
  EXPECT_EQ(line.rate, 1);
  EXPECT_FALSE(line.at);
}

TEST(LineParser, KnowsTheKindsOfBothProtocols) {
  const std::pair<const char*, Kind> kinds[] = {{"a:1|c", Kind::counter}, {"a:1|g", Kind::gauge},
                                                {"a:1|ms", Kind::timing}, {"a:1|h", Kind::timing},
                                                {"a:1|d", Kind::timing},  {"a:x|s", Kind::set}};
  for (const auto& [text, kind] : kinds) EXPECT_EQ(parse_line(text).kind, kind) << text;
}

TEST(LineParser, ReadsFieldsInAnyOrderAndLeavesUnknownOnes) {
  for (const char* text :
       {"a:1|c|@0.25|#env:prod,canary|T1795168800", "a:1|c|#env:prod,canary|T1795168800|c:83c0a99c0a54|@0.25"}) {
    const auto line = parse_line(text);
    EXPECT_EQ(line.what, What::metric) << text;
    EXPECT_EQ(line.rate, 0.25);
    EXPECT_EQ(line.tags, "env:prod,canary");
    EXPECT_EQ(line.at, 1'795'168'800'000'000'000);
  }
}

TEST(LineParser, TakesSeveralValues) {
  EXPECT_EQ(values_of("a:1:-2.5:+3e2|ms"), (std::vector<double>{1, -2.5, 300}));
}

TEST(LineParser, KnowsASignFromAValue) {
  std::string_view rest = "+3:-3:3";
  Value value;
  EXPECT_TRUE(take_value(rest, value) && value.has_sign);
  EXPECT_TRUE(take_value(rest, value) && value.has_sign);
  EXPECT_TRUE(take_value(rest, value) && !value.has_sign);
}

TEST(LineParser, TakesNoNumberThatIsNotFinite) {
  for (const char* text : {"a:x|c", "a:inf|c", "a:nan|c", "a:1e999|c", "a:+-1|c", "a:1x|c", "a:0x10|c", "a:-|c"})
    EXPECT_EQ(values_of(text), std::vector<double>{-999}) << text;
}

TEST(LineParser, SaysWhatIsWrongWithALine) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "format"},        {"a", "format"},           {"a:1", "format"},        {":1|c", "name"},
      {"a\x01:1|c", "name"}, {"a|c:1|c", "name"},       {"a:|c", "value"},        {"a:1|", "type"},
      {"a:1|x", "type"},     {"a:1|c|@0", "rate"},      {"a:1|c|@1.5", "rate"},   {"a:1|c|@x", "rate"},
      {"a:1|c|@", "rate"},   {"a:1|c|Tx", "timestamp"}, {"a:1|g|T0", "timestamp"}};
  for (const auto& [text, fault] : wrong) {
    const auto line = parse_line(text);
    EXPECT_EQ(line.what, What::bad) << text;
    EXPECT_STREQ(line.fault, fault) << text;
    EXPECT_STRNE(line.reason, "") << text;
  }
}

TEST(LineParser, TellsEventsAndServiceChecksApart) {
  EXPECT_EQ(parse_line("_e{5,4}:title|text|#a:b").what, What::event);
  EXPECT_EQ(parse_line("_sc|redis|0|#a:b").what, What::service_check);
}

TEST(LineParser, ReadsTagsWithAndWithoutValues) {
  std::string_view rest = "env:prod,,canary,url:http://x:80,empty:,:nameless", key, value;
  std::vector<std::pair<std::string, std::string>> all;
  while (take_tag(rest, key, value)) all.emplace_back(key, value);
  EXPECT_EQ(all, (std::vector<std::pair<std::string, std::string>>{
                     {"env", "prod"}, {"canary", "true"}, {"url", "http://x:80"}, {"empty", ""}}));
}

}  // namespace
}  // namespace tocsin_plugins::statsd
