#include "event.hpp"

#include <gtest/gtest.h>

#include "issue.hpp"
#include "json.hpp"
#include "mapping.hpp"

namespace {

using namespace tocsin_plugins::jira;
using nlohmann::json;

constexpr const char* early_at = "2026-11-20T10:00:00.000+0000";
constexpr const char* later_at = "2026-11-20T13:00:00.500+0300";  // half a second later

json entry(const char* id, const char* at, json items) {
  return {{"id", id}, {"created", at}, {"author", {{"accountId", "nora"}}}, {"items", std::move(items)}};
}
json to_status(const char* from, const char* to) {
  return {{"field", "status"}, {"fieldtype", "jira"}, {"fromString", from}, {"toString", to}};
}
json issue_with(json histories) {
  return {{"key", "OPS-1"}, {"changelog", {{"histories", std::move(histories)}}}};
}

TEST(JiraEvents, ComeInTheOrderOfTime) {
  json histories = json::array();
  histories.push_back(entry("2", later_at, json::array({to_status("A", "B")})));
  histories.push_back(entry("1", early_at, json::array({to_status("To Do", "A")})));
  const auto events = events_of_issue(issue_with(histories), 0);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].id, "changelog:1");
  EXPECT_TRUE(events[0].superseded);
  EXPECT_FALSE(events[1].superseded);
  EXPECT_EQ(events[1].ended_at, events[0].at);
  EXPECT_EQ(events[1].at - events[0].at, 500'000'000);
}

TEST(JiraEvents, WhatIsOlderIsKnownButNotTold) {
  json histories = json::array();
  histories.push_back(entry("1", early_at, json::array({to_status("To Do", "Done")})));
  histories.push_back(entry("2", later_at, json::array({to_status("Done", "To Do")})));
  const auto events = events_of_issue(issue_with(histories), time_of(later_at));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].ended_at, time_of(early_at));
}

TEST(JiraEvents, AreTheSameAfterTheyWereKept) {
  json histories = json::array();
  histories.push_back(entry("1", early_at, json::array({to_status("القديم", "\"new\"\n")})));
  const auto event = events_of_issue(issue_with(histories), 0).at(0);
  const auto kept = event_of_json(parsed(printed(json_of_event(event))));
  ASSERT_TRUE(kept);
  EXPECT_EQ(json_of_event(*kept), json_of_event(event));
  EXPECT_FALSE(event_of_json(json::object()));
}

TEST(JiraEvents, ADocumentIsReadAsText) {
  const auto text = [](const char* words) { return json{{"type", "text"}, {"text", words}}; };
  const auto node = [](const char* type, json content) {
    return json{{"type", type}, {"content", std::move(content)}};
  };
  json list = json::array();
  list.push_back(node("listItem", json::array({node("paragraph", json::array({text("one")}))})));
  list.push_back(node("listItem", json::array({node("paragraph", json::array({text("two")}))})));
  json mention{{"type", "mention"}, {"attrs", {{"id", "5"}, {"text", "@omar"}}}};
  const auto doc = node(
      "doc",
      json::array({node("paragraph", json::array({text("look "), mention, json{{"type", "hardBreak"}}, text("here")})),
                   node("bulletList", list)}));
  EXPECT_EQ(plain_text(doc), "look @omar\nhere\n- one\n- two");
  EXPECT_EQ(plain_text(json("as it stands")), "as it stands");
  EXPECT_EQ(plain_text(json(5)), "");
}

TEST(JiraEvents, OurCommentsAreKnownByTheirEnd) {
  EXPECT_TRUE(ends_in_mark("nora, incident #1 " + mark_of("k") + "\n"));
  EXPECT_FALSE(ends_in_mark("you wrote " + mark_of("k") + ", and I say"));
  EXPECT_FALSE(ends_in_mark(mark_of("k").substr(1)));
  tsn::Upsert change;
  change.note = "a note", change.key = "k";
  EXPECT_TRUE(ends_in_mark(plain_text(comment_of(change).adf())));
  EXPECT_TRUE(ends_in_mark(comment_of(change).wiki()));
  EXPECT_TRUE(ends_in_mark(plain_text(collected_comment(change).adf())));
}

TEST(JiraKeys, AreWhatJiraCallsAnIssue) {
  for (const char* right : {"OPS-1", "A_B2-99", "ops-7"}) EXPECT_TRUE(is_issue_key(right)) << right;
  for (const char* wrong : {"", "-1", "OPS-", "OPS", "OPS-1/x", "OPS-1a", "O S-1"})
    EXPECT_FALSE(is_issue_key(wrong)) << wrong;
}

TEST(JiraTimes, AreReadToTheMillisecond) {
  EXPECT_EQ(time_of(early_at), 1'795'168'800'000'000'000);
  EXPECT_EQ(time_of("2026-11-20T10:00:00.123+0000") - time_of(early_at), 123'000'000);
  for (const char* wrong : {"", "tomorrow", "9999-01-01T00:00:00.000+0000"}) EXPECT_EQ(time_of(wrong), 0) << wrong;
}

TEST(JiraStatuses, OfAnotherProjectAreReadByTheirCategory) {
  Settings settings;
  Project ops, pay;
  ops.key = "OPS", ops.status = {{"ACKNOWLEDGED", "Seen"}};
  pay.key = "PAY", pay.resolve_transition = "Paid";
  settings.projects.push_back(pay);
  settings.projects.push_back(ops);
  StatusMap map(settings);
  EXPECT_EQ(map.ours("OPS-1", "seen"), TSN_INC_ACKNOWLEDGED);
  EXPECT_EQ(map.ours("PAY-1", "paid"), TSN_INC_RESOLVED);
  EXPECT_EQ(map.ours("OPS-1", "Paid"), std::nullopt);
  map.learn_category("Paid", "indeterminate");
  EXPECT_EQ(map.ours("OPS-1", "Paid"), TSN_INC_IN_PROGRESS);
  EXPECT_TRUE(map.ends("PAY-1", "Paid"));
}

}  // namespace
