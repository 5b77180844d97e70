#include "plugin_host/value_view.hpp"

#include <gtest/gtest.h>

namespace tocsin::plugin_host {
namespace {

TEST(Values, AreBoundedAlsoWhereManyLeadToOneText) {
  const std::string megabyte(1u << 20, 'x');
  tsn_value text{};
  text.type = TSN_STRING;
  text.s = {megabyte.data(), static_cast<std::uint32_t>(megabyte.size())};
  std::vector<tsn_value> items(17, text);
  tsn_value list{};
  list.type = TSN_ARRAY;
  list.items = items.data();
  list.stride = sizeof(tsn_value);
  list.count = 16;
  EXPECT_TRUE(read_value(&list, "rules.lua"));
  list.count = 17;
  const auto read = read_value(&list, "rules.lua");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find("16 MiB"), std::string::npos) << read.error().message();
}
TEST(Values, ThatHoldThemselvesEnd) {
  tsn_value list{};
  list.type = TSN_ARRAY;
  list.items = &list;
  list.stride = sizeof(tsn_value);
  list.count = 1;
  EXPECT_FALSE(read_value(&list, "rules.lua"));
}

}  // namespace
}  // namespace tocsin::plugin_host
