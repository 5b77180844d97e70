#include <gtest/gtest.h>
#include <simdjson.h>

#include <charconv>
#include <random>

#include "log_fields/flat_json.hpp"
#include "log_fields/json_fields.hpp"
#include "log_fields/logfmt_fields.hpp"

namespace tocsin_plugins {
namespace {

using log_match::FieldValue;

std::string field(log_match::Fields& fields, const char* name) {
  FieldValue found;
  return fields.find({name}, found) ? std::string(found.text) : "(none)";
}

TEST(JsonFields, AreFoundByNameAndByPointer) {
  JsonFields fields;
  ASSERT_TRUE(fields.parse(R"( {"a":{"b":[1,{"c":"x"}]},"log.level":"warn","/odd":1,"e":1e300,"n":-7,"t":true})"));
  EXPECT_EQ(field(fields, "/a/b/1/c"), "x");
  EXPECT_EQ(field(fields, "/a/b/0"), "1");
  EXPECT_EQ(field(fields, "log.level"), "warn");
  EXPECT_EQ(field(fields, "/~1odd"), "1");
  EXPECT_EQ(field(fields, "e"), "1e+300");
  EXPECT_EQ(field(fields, "n"), "-7");
  EXPECT_EQ(field(fields, "t"), "true");
  for (const char* none : {"a", "b", "/a/b", "/a/b/2", "/a/b/x", "/", "/a/b/1/c/d"})
    EXPECT_EQ(field(fields, none), "(none)") << none;
}
TEST(JsonFields, AreThoseOfTheLastLineOnly) {
  JsonFields fields;
  ASSERT_TRUE(fields.parse(R"({"a":1})"));
  for (const char* bad : {"", "x", "[1]", "{", R"({"a":1}})", R"({"a":01})", R"({"a":"\x"})"}) {
    EXPECT_FALSE(fields.parse(bad)) << bad;
    EXPECT_EQ(field(fields, "a"), "(none)") << bad;
  }
}
TEST(JsonFields, ArePrintedAsNumbersAreWhateverTheLineIs) {
  // The same record twice: plain, and with a list, which only the parser of JSON reads.
  JsonFields fields;
  for (const char* line : {R"({"a":1.50,"b":100,"c":-3,"d":"x","e":true,"f":null,"a":2})",
                           R"({"a":1.50,"b":100,"c":-3,"d":"x","e":true,"f":null,"a":2,"l":[]})"}) {
    ASSERT_TRUE(fields.parse(line));
    EXPECT_EQ(field(fields, "a"), "1.5");
    EXPECT_EQ(field(fields, "b"), "100");
    EXPECT_EQ(field(fields, "/c"), "-3");
    EXPECT_EQ(field(fields, "d"), "x");
    EXPECT_EQ(field(fields, "e"), "true");
    EXPECT_EQ(field(fields, "f"), "(none)");
    FieldValue found;
    ASSERT_TRUE(fields.find_unprinted({"b"}, found));
    EXPECT_EQ(found.number, 100.0);
  }
}

/// A member as the parser of JSON has it.
void expect_same(const FlatJson::Member& member, const simdjson::dom::element& element, const std::string& line) {
  using enum FlatJson::Kind;
  switch (member.kind) {
    case text:
      EXPECT_EQ(element.get_string().value(), member.text) << line;
      break;
    case integer:
      EXPECT_EQ(std::to_string(element.get_int64().value()), member.text) << line;
      break;
    case real: {
      double value = 0;
      std::from_chars(member.text.data(), member.text.data() + member.text.size(), value);
      EXPECT_EQ(element.get_double().value(), value) << line;
      break;
    }
    case word:
      EXPECT_EQ(element.get_bool().value() ? "true" : "false", member.text) << line;
      break;
    case null:
      EXPECT_TRUE(element.is_null()) << line;
  }
}

TEST(FlatJson, TakesNothingThatTheParserRefusesAndSeesTheSame) {
  const std::string_view pieces[] = {
      "{",        "}",  "{\"a\":", ",\"b\" :", "\"", "\"x y\"", "1", "-",  "0", ".5", "1.25",    "12345678901234567",
      "-0",       "e5", "true",    "fals",     "e",  "null",    " ", "\t", ",", ":",  "\\u0041", "\xff",
      "\xc3\xa4", "[]", "01"};
  std::mt19937 random(7);
  simdjson::dom::parser parser;
  FlatJson flat;
  int taken = 0;
  for (int i = 0; i < 300'000; ++i) {
    // Half of them begin as a record, so that many are one.
    std::string line = i % 2 ? "{\"k\":" : "";
    for (auto n = random() % 9; n > 0; --n) line += pieces[random() % std::size(pieces)];
    if (i % 4 == 1) line += "}";
    if (!flat.read(line)) continue;
    ++taken;
    simdjson::dom::element root;
    ASSERT_EQ(parser.parse(line).get(root), simdjson::SUCCESS) << line;
    const simdjson::dom::object object = root;
    for (const auto& [key, value] : object) {
      const auto* member = flat.find(key);
      ASSERT_TRUE(member) << line;
      expect_same(*member, root.at_key(key).value(), line);  // of several the first
    }
  }
  EXPECT_GT(taken, 2'000);
}
TEST(FlatJson, LeavesToTheParserWhatIsNotPlain) {
  FlatJson flat;
  ASSERT_TRUE(flat.read(R"( {"host":"h001", "ts":1700000000.125,"n":-7,"ok":false} )"));
  EXPECT_EQ(flat.find("ts")->text, "1700000000.125");
  for (const char* other :
       {R"({"a":"\n"})", R"({"a":1e5})", R"({"a":[1]})", R"({"a":{}})", R"({"a":"ä"})", R"({})",
        R"({"a":123456789012345678})", R"({"a":0.1234567890123456789})", R"({"a":-0})", R"({"a":1}x)"})
    EXPECT_FALSE(flat.read(other)) << other;
}
TEST(LogfmtFields, KnowQuotesBareKeysAndEmptyValues) {
  LogfmtFields fields;
  ASSERT_TRUE(fields.parse(R"(  a=1 b="x \"y\" \\ =" bare c= d="" a=2  =z )"));
  EXPECT_EQ(field(fields, "a"), "1");
  EXPECT_EQ(field(fields, "/a"), "1");
  EXPECT_EQ(field(fields, "b"), R"(x "y" \ =)");
  EXPECT_EQ(field(fields, "bare"), "true");
  EXPECT_EQ(field(fields, "c"), "");
  EXPECT_EQ(field(fields, "d"), "");
  EXPECT_EQ(field(fields, "z"), "(none)");
}
TEST(LogfmtFields, AreNoneWhereNothingIsAPair) {
  LogfmtFields fields;
  for (const char* bad : {"", "  ", "just words", R"(a="open)", "=x"}) EXPECT_FALSE(fields.parse(bad)) << bad;
}

}  // namespace
}  // namespace tocsin_plugins
