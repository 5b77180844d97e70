#include "base/value.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tocsin::base {
namespace {

TEST(Value, BecomesATableOnceAMemberIsSet) {
  Value value;
  value.set("a", std::int64_t{1});
  value.set("b", "x");
  value.set("a", 2.5);
  EXPECT_EQ(to_json(value), R"({"a":2.5,"b":"x"})");
}

TEST(Value, FindsAndErasesMembers) {
  Value value;
  value.set("a", true);
  ASSERT_TRUE(value.find("a"));
  EXPECT_TRUE(*value.find("a")->boolean());
  EXPECT_TRUE(value.erase("a"));
  EXPECT_FALSE(value.erase("a"));
  EXPECT_EQ(value.find("a"), nullptr);
  EXPECT_EQ(Value("text").find("a"), nullptr);
}

TEST(Value, KeepsIntegersAndRealsApartInJson) {
  Value list(Value::Array{Value(std::int64_t{1}), Value(1.0), Value(0.1), Value(std::nan("")), Value(), Value(false)});
  EXPECT_EQ(to_json(list), "[1,1.0,0.1,null,null,false]");
  EXPECT_EQ(Value(std::int64_t{3}).number(), 3.0);
  EXPECT_EQ(Value("3").number(7), 7.0);
}

TEST(Value, NamesItsTypeForMessages) {
  EXPECT_EQ(Value("x").type_name(), "string");
  EXPECT_EQ(Value(std::int64_t{1}).type_name(), "integer");
  EXPECT_EQ(Value(Value::Table{}).type_name(), "table");
}

TEST(Place, IsWrittenAsEditorsTakeIt) {
  Place place{std::make_shared<const std::string>("agent.toml"), 12, 3};
  EXPECT_EQ(place.text(), "agent.toml:12:3");
  EXPECT_EQ(Place{}.text(), "default");
}

}  // namespace
}  // namespace tocsin::base
