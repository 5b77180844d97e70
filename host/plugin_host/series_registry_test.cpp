#include "plugin_host/series_registry.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "plugin_host/abi_text.hpp"

namespace tocsin::plugin_host {
namespace {

class SeriesOfAnInstance : public ::testing::Test {
 protected:
  tsn_status intern(std::string_view name, std::vector<tsn_label> labels) {
    err_ = new_err();
    return registry_.intern(str(name), labels.data(), static_cast<std::uint32_t>(labels.size()), &handle_, &err_);
  }
  const model::SeriesKey& key() {
    auto view = registry_.snapshot();
    return table_.key(view.ids[(handle_ & 0xFFFFFFFF) - 1]);
  }
  static tsn_label label(std::string_view name, std::string_view value) { return {str(name), str(value)}; }

  model::SeriesTable table_;
  SeriesRegistry registry_{table_, model::Labels{{"dc", "one"}, {"host", "h1"}}, 3, 9};
  tsn_series handle_ = 0;
  tsn_err err_{};
};

TEST_F(SeriesOfAnInstance, HaveOneHandleForLabelsInAnyOrder) {
  ASSERT_EQ(intern("x", {label("a", "1"), label("b", "2"), label("c", "")}), TSN_OK);
  tsn_series first = handle_;
  ASSERT_EQ(intern("x", {label("b", "2"), label("a", "1")}), TSN_OK);
  EXPECT_EQ(handle_, first);
  EXPECT_EQ(registry_.size(), 1u);
}
TEST_F(SeriesOfAnInstance, CarryTheInstancesLabelsUnderTheirOwn) {
  ASSERT_EQ(intern("x", {label("host", "h2")}), TSN_OK);
  EXPECT_EQ(key().labels, (model::Labels{{"dc", "one"}, {"host", "h2"}}));
}
TEST_F(SeriesOfAnInstance, AreLimited) {
  for (const char* name : {"a", "b", "c"}) ASSERT_EQ(intern(name, {}), TSN_OK);
  EXPECT_EQ(intern("d", {}), TSN_CARDINALITY);
  EXPECT_NE(text_of(err_).find("limit of 3 series"), std::string::npos);
  EXPECT_EQ(intern("a", {}), TSN_OK);
}
TEST_F(SeriesOfAnInstance, RefuseNamesAndLabelsThatCannotBe) {
  std::string longer(1025, 'x');
  EXPECT_EQ(intern("", {}), TSN_INVALID);
  EXPECT_EQ(intern(longer, {}), TSN_INVALID);
  EXPECT_EQ(intern("\xff\xfe", {}), TSN_INVALID);
  EXPECT_EQ(intern("x", {label("", "v")}), TSN_INVALID);
  EXPECT_EQ(intern("x", {label("a", longer)}), TSN_INVALID);
  EXPECT_EQ(intern("x", {label("a", "\xc0")}), TSN_INVALID);
  EXPECT_EQ(intern("x", {tsn_label{str("a"), {nullptr, 5}}}), TSN_INVALID);
  EXPECT_EQ(registry_.intern(str("x"), nullptr, 1, &handle_, nullptr), TSN_INVALID);
  EXPECT_EQ(registry_.intern(str("x"), nullptr, 0, nullptr, nullptr), TSN_INVALID);
  EXPECT_EQ(registry_.size(), 0u);
}
TEST_F(SeriesOfAnInstance, AreAcceptedUpToTheStatedLength) {
  std::string longest(1024, 'x');
  EXPECT_EQ(intern(longest, {label(longest, longest)}), TSN_OK);
}

}  // namespace
}  // namespace tocsin::plugin_host
