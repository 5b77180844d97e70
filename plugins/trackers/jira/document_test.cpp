#include "document.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "issue.hpp"
#include "tocsin/testing/samples.hpp"

namespace {

using namespace tocsin_plugins::jira;
using nlohmann::json;

/// Every node of an ADF tree, and what the format forbids that a schema of keys alone would not show.
void expect_sound(const json& node) {
  ASSERT_TRUE(node.is_object() && node.contains("type")) << node;
  if (node["type"] == "text") {
    ASSERT_FALSE(node["text"].get<std::string>().empty());
    EXPECT_EQ(node["text"].get<std::string>().find('\n'), std::string::npos);
    EXPECT_FALSE(node.contains("content"));
  }
  if (node["type"] == "bulletList") {
    EXPECT_FALSE(node["content"].empty());
  }
  for (const auto& child : node.value("content", json::array())) expect_sound(child);
}

std::string wiki_of(const std::string& text) {
  Document document;
  document.paragraph(text);
  return document.wiki();
}

TEST(JiraDocument, AnIncidentBecomesASoundAdfDocument) {
  const auto adf = description_of(tsn::testing::sample_incident()).adf();
  EXPECT_EQ(adf["version"], 1);
  EXPECT_EQ(adf["type"], "doc");
  expect_sound(adf);
}

TEST(JiraDocument, HoldsImpactSuggestionMetricsAlertsAndLinks) {
  const auto incident = tsn::testing::sample_incident();
  for (const std::string& text : {description_of(incident).adf().dump(), description_of(incident).wiki()}) {
    for (const char* part :
         {"Reports are late", "Look at the loader's log", "7 (threshold 5)", "DAILY",
          "https://grafana.example.com/d/etl", "https://wiki.example.com/rb/etl", "#1042", "2026-11-20T10:00:00Z"}) {
      EXPECT_NE(text.find(part), text.npos) << part;
    }
  }
}

TEST(JiraDocument, AnEmptyIncidentStillHasASoundDescription) {
  expect_sound(description_of(tsn::Incident{}).adf());
}

TEST(JiraDocument, OnlyWebAddressesBecomeLinks) {
  Document document;
  document.paragraph(Line{{"a", "javascript:alert(1)"}, {"b", "https://x.example.com"}});
  const auto nodes = document.adf()["content"][0]["content"];
  EXPECT_FALSE(nodes[0].contains("marks"));
  EXPECT_EQ(nodes[1]["marks"][0]["attrs"]["href"], "https://x.example.com");
  EXPECT_EQ(document.wiki(), "a[b|https://x.example.com]\n");
}

TEST(JiraDocument, TextIsNeverWikiMarkup) {
  EXPECT_EQ(wiki_of("{code} [x|y] *b* _i_ !img!"), "\\{code\\} \\[x\\|y\\] \\*b\\* \\_i\\_ \\!img\\!\n");
  EXPECT_EQ(wiki_of("- no list\n# nor this"), "\\- no list\n\\# nor this\n");
  EXPECT_EQ(wiki_of("a-b c:\\d"), "a-b c:\\\\d\n");
}

TEST(JiraDocument, ABrokenLineStaysInItsBullet) {
  Document document;
  document.bullets({{{"one\ntwo"}}, {{"three"}}});
  EXPECT_EQ(document.wiki(), "* one \\\\two\n* three\n");
  EXPECT_EQ(document.adf()["content"][0]["content"].size(), 2u);
}

TEST(JiraIssue, TheSummaryIsOneLineOf254UnitsAtMost) {
  auto incident = tsn::testing::sample_incident();
  incident.title = "a\nb\tc";
  EXPECT_EQ(summary_of(incident), "[HIGH] a b c");
  std::string loud;
  for (int i = 0; i < 200; ++i) loud += "🔥";  // two UTF-16 units each
  incident.title = loud;
  EXPECT_EQ(summary_of(incident).size(), 7 + 123 * 4u);
}

TEST(JiraIssue, LabelsHaveNoSpacesAndComeOnce) {
  auto incident = tsn::testing::sample_incident();
  incident.category = "DATA Quality";
  Project project;
  project.labels = {"my team", "etl-monitoring"};
  EXPECT_EQ(labels_of(incident, project),
            (std::vector<std::string>{"auto-detected", "etl-monitoring", "data-quality", "my-team",
                                      "tocsin-0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e"}));
}

TEST(JiraIssue, TheDescriptionStaysUnderJirasLimit) {
  auto incident = tsn::testing::sample_incident();
  const std::string much(50'000, '*'), label(5'000, 'x'), href = "https://x.example.com/" + std::string(900, 'y');
  incident.description = incident.impact = incident.suggestion = much;
  auto alert = incident.alerts[0];
  alert.name = alert.message = much;
  alert.labels.assign({{"a", label}});
  incident.alerts.assign(200, alert);
  const auto description = description_of(incident);
  EXPECT_LT(description.wiki().size(), 32'767u);
  EXPECT_NE(description.wiki().find("shortened"), std::string::npos);
  std::size_t shown = 0;
  const std::function<void(const json&)> walk = [&](const json& node) {
    if (node["type"] == "text") shown += node["text"].get_ref<const std::string&>().size();
    for (const auto& child : node.value("content", json::array())) walk(child);
  };
  walk(description.adf());
  EXPECT_LT(shown, 32'767u);
}

TEST(JiraIssue, ALongNoteKeepsItsMark) {
  tsn::Upsert change;
  const std::string much(100'000, '*');
  change.note = much;
  change.key = "n1";
  EXPECT_NE(comment_of(change).wiki().find(mark_of("n1")), std::string::npos);
  EXPECT_LT(comment_of(change).wiki().size(), 32'767u);
}

TEST(JiraIssue, TheMarkOfAChangeIsItsOwn) {
  EXPECT_EQ(mark_of("a"), mark_of("a"));
  EXPECT_NE(mark_of("a"), mark_of("b"));
  EXPECT_EQ(mark_of("").size(), 19u);
}

}  // namespace
