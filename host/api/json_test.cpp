#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "api/json_reader.hpp"
#include "api/json_writer.hpp"

namespace tocsin::api {
namespace {

TEST(JsonReader, ReadsEveryKindOfValue) {
  auto value = read_json(R"( {"a": [1, -2.55e1, true, false, null], "b": "x\n\u00e9\ud83d\ude00"} )");
  ASSERT_TRUE(value) << value.error().message();
  EXPECT_EQ(base::to_json(*value), "{\"a\":[1,-25.5,true,false,null],\"b\":\"x\\n\xc3\xa9\xf0\x9f\x98\x80\"}");
}

TEST(JsonReader, RefusesWhatTheGrammarDoesNotKnow) {
  for (std::string_view bad : {"",
                               "{",
                               "[1,]",
                               "{\"a\":1,}",
                               "{a:1}",
                               "01",
                               ".5",
                               "1.",
                               "1e",
                               "+1",
                               "inf",
                               "NaN",
                               "tru",
                               "\"\\x\"",
                               "\"\\u12\"",
                               "\"\\ud800\"",
                               "\"\\udc00\"",
                               "\"\n\"",
                               "1 2",
                               "{\"a\":1,\"a\":2}",
                               "'a'",
                               "[1 2]",
                               "1e999",
                               "\"\xff\"",
                               "\"abc"}) {
    EXPECT_FALSE(read_json(bad)) << bad;
  }
}

TEST(JsonReader, SaysWhereItStopped) {
  auto value = read_json("{\n  \"a\": ?\n}");
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().message().find("line 2, column 8"), std::string::npos) << value.error().message();
}

TEST(JsonReader, RefusesDeepNestingInsteadOfUsingUpTheStack) {
  EXPECT_FALSE(read_json(std::string(100'000, '[')));
  EXPECT_TRUE(read_json(std::string(60, '[') + std::string(60, ']')));
}

TEST(JsonReader, KeepsLargeIntegersExact) {
  auto value = read_json("9223372036854775807");
  ASSERT_TRUE(value);
  ASSERT_NE(value->integer(), nullptr);
  EXPECT_EQ(*value->integer(), std::numeric_limits<std::int64_t>::max());
}

TEST(JsonWriter, WritesNanAndMissingTimesAsNull) {
  std::string out;
  JsonWriter json(out);
  json.open_object().field("v", std::nan("")).field("i", HUGE_VAL).field("t", base::no_time).close_object();
  EXPECT_EQ(out, R"({"v":null,"i":null,"t":null})");
}

TEST(JsonWriter, EscapesAndSeparates) {
  std::string out;
  JsonWriter json(out);
  json.open_object().field("a\"", "x\\y\n").key("n").open_array().number(0.1).integer(7).boolean(true).close_array();
  json.field("flag", false).close_object();
  EXPECT_EQ(out, R"({"a\"":"x\\y\n","n":[0.1,7,true],"flag":false})");
}

}  // namespace
}  // namespace tocsin::api
