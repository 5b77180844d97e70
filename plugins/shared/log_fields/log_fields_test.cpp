#include <gtest/gtest.h>

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
