// What becomes of texts that were made to break an issue.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "document.hpp"
#include "issue.hpp"
#include "tocsin/testing/hostile.hpp"

namespace {

using namespace tocsin_plugins::jira;

/// Nodes with text that is not empty and on one line, links that lead to the web.
void expect_sound_tree(const nlohmann::json& node, const std::string& name) {
  if (node.value("type", "") == "text") {
    const auto& text = node["text"].get_ref<const std::string&>();
    ASSERT_FALSE(text.empty()) << name;
    ASSERT_EQ(text.find('\n'), text.npos) << name;
    for (const auto& mark : node.value("marks", nlohmann::json::array()))
      EXPECT_TRUE(mark["type"] != "link" || mark["attrs"]["href"].get<std::string>().starts_with("http")) << name;
  }
  for (const auto& child : node.value("content", nlohmann::json::array())) expect_sound_tree(child, name);
}

TEST(JiraHostile, AnIssueIsSoundAndWithinJirasLimitsWhateverComes) {
  for (const auto& hostile : tsn::testing::hostile_messages()) {
    if (!hostile.utf8) continue;  // what no host hands out
    const auto change = tsn::testing::hostile_upsert(hostile);
    EXPECT_LE(summary_of(change.incident).size(), 4u * 254) << hostile.name;
    EXPECT_EQ(summary_of(change.incident).find('\n'), std::string::npos) << hostile.name;
    for (const Document& document : {description_of(change.incident), comment_of(change)}) {
      EXPECT_LT(document.wiki().size(), 32'767u) << hostile.name;
      expect_sound_tree(document.adf(), hostile.name);
      EXPECT_NO_THROW(document.adf().dump()) << hostile.name;
    }
  }
}

}  // namespace
