// How events are found: nothing is missed, nothing taken twice, and one bad issue costs only itself.
#include "jira_fixture.hpp"

namespace {

using namespace jira_testing;

struct JiraPoll : JiraTest {};

TEST_F(JiraPoll, AnEventIsTakenOnceOnHoweverManyPassesItIsMet) {
  begin();
  jira.moves("OPS-1", "Done");
  for (int i = 0; i < 4; ++i) poll(), jira.comments("OPS-1", "again");  // which has the issue read again
  EXPECT_EQ(statuses().size(), 1u);
  instance.reset();
  ASSERT_EQ(tracker().start().status, TSN_OK);
  poll();
  EXPECT_EQ(statuses().size(), 1u);
  EXPECT_EQ(notes().size(), 4u);
}

TEST_F(JiraPoll, AnUnchangedIssueIsNotReadAgain) {
  begin();
  poll();
  const auto reads = jira.count("GET", "/issue/OPS-1");
  poll();
  poll();
  EXPECT_EQ(jira.count("GET", "/issue/OPS-1"), reads);
}

TEST_F(JiraPoll, WhileJiraCannotSayWhoWeAreNothingIsTakenAndNothingLost) {
  ASSERT_EQ(open().status, TSN_OK);
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    return call.is("GET", "/myself") ? std::optional(JiraStub::Answer{500, {}}) : std::nullopt;
  };
  tracker().start();
  jira.comments("OPS-1", "theirs");
  poll();
  EXPECT_EQ(notes().size(), 0u);
  jira.instead = nullptr;
  poll();
  EXPECT_EQ(notes().size(), 1u);
}

TEST_F(JiraPoll, ReadsEveryPageOnCloudAndOnDataCenter) {
  for (const char* type : {"cloud", "datacenter"}) {
    config.set("api_type", type);
    instance.reset();
    open();
    tracker().start();
    more_issues(4);
    jira.page = 2;
    for (const auto& each : jira.issues) jira.comments(each["key"], "x");
    const auto before = notes().size();
    poll();
    EXPECT_EQ(notes().size() - before, jira.issue_count()) << type;
  }
}

TEST_F(JiraPoll, AnIndexThatLagsOnlyDelays) {
  begin();
  jira.lag = std::chrono::nanoseconds(150s).count();
  jira.comments("OPS-1", "late");
  poll();
  EXPECT_EQ(notes().size(), 0u);
  poll();
  poll();
  EXPECT_EQ(notes().size(), 1u);
}

TEST_F(JiraPoll, AfterAnOutageNothingIsMissing) {
  begin();
  jira.instead = [](const JiraStub::Call&) { return JiraStub::Answer{503, {}}; };
  poll();
  jira.comments("OPS-1", "while it was not to be reached");
  host.advance(3h);
  EXPECT_EQ(notes().size(), 0u);
  EXPECT_TRUE(host.logged("changes in Jira are not read"));
  jira.instead = nullptr;
  poll();
  EXPECT_EQ(notes().size(), 1u);
  EXPECT_TRUE(host.logged("read again"));
}

TEST_F(JiraPoll, WhatHappenedWhileTheAgentWasDownIsTakenAtTheStart) {
  begin();
  instance.reset();
  host.advance(5h);
  jira.moves("OPS-1", "Done");
  host.advance(5h);
  tracker().start();
  host.advance(3s);
  EXPECT_EQ(statuses().size(), 1u);
}

TEST_F(JiraPoll, WhatWasBeforeTheFirstStartIsNotBroughtOver) {
  open();
  jira.comments("OPS-1", "long ago");
  host.advance(1h);
  jira.comments("OPS-1", "now");
  tracker().start();
  poll();
  ASSERT_EQ(notes().size(), 1u);
  EXPECT_EQ(notes()[0].text, "now");
}

TEST_F(JiraPoll, AHistoryThatComesInPagesIsReadBackToTheLastPass) {
  begin();
  jira.history_in_issue = 1;
  jira.assigns("OPS-1", "nora");
  host.advance(100ms);
  jira.assigns("OPS-1", "omar");
  host.advance(100ms);
  jira.moves("OPS-1", "In Progress");
  host.advance(100ms);
  jira.assigns("OPS-1", "nora");
  poll();
  ASSERT_EQ(answers(TSN_ANSWER_ASSIGN).size(), 1u);  // the newest
  EXPECT_EQ(answers(TSN_ANSWER_ASSIGN)[0].text, "nora@corp.example");
  EXPECT_EQ(statuses().size(), 1u);  // older than the newest entry
}

TEST_F(JiraPoll, OneBadIssueCostsOnlyItself) {
  begin();
  more_issues(1);
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    if (!call.is("GET", "/issue/OPS-1?fields=status,resolution,resolutiondate,assignee,labels")) return std::nullopt;
    return JiraStub::Answer{200, {}, "", std::string(100'000, '[')};
  };
  jira.comments("OPS-1", "bad");
  jira.comments("OPS-2", "good");
  const auto cursor = host.kv()["poll"];
  poll();
  ASSERT_EQ(notes().size(), 1u);
  EXPECT_EQ(notes()[0].ticket, "OPS-2");
  EXPECT_EQ(host.kv()["poll"], cursor);  // it is asked for again
  for (int i = 0; i < 5; ++i) poll();
  EXPECT_TRUE(host.logged("OPS-1: what changed there"));
  EXPECT_NE(host.kv()["poll"], cursor);
}

TEST_F(JiraPoll, HostileIssuesAreReadAsFarAsTheyMakeSense) {
  begin();
  jira.comments("OPS-1", "fine");
  auto& histories = jira.issues[0]["histories"];
  histories.push_back(5);
  histories.push_back({{"id", json::object()}, {"items", "x"}, {"created", 7}});
  histories.push_back(
      {{"id", "1\n2"}, {"created", "2026-11-20T10:00:00.000+0000"}, {"items", {nullptr, 1, {{"field", "status"}}}}});
  jira.issues[0]["comments"].push_back({{"id", "1"}, {"body", nullptr}, {"created", "tomorrow"}});
  poll();
  EXPECT_EQ(host.answers().size(), 1u);
}

TEST_F(JiraPoll, ARateLimitIsWaitedOut) {
  begin();
  jira.instead = [](const JiraStub::Call&) { return JiraStub::Answer{429, {}, "Retry-After: 600\r\n"}; };
  poll();
  const auto calls = jira.calls.size();
  host.advance(8min);
  EXPECT_EQ(jira.calls.size(), calls);
  host.advance(3min);
  EXPECT_GT(jira.calls.size(), calls);
}

TEST_F(JiraPoll, APollOfZeroLooksForNothingUntilItIsAsked) {
  config.set("poll", 0ns);
  ASSERT_EQ(open().status, TSN_OK);
  tracker().start();
  EXPECT_EQ(host.timers(), 0u);
  jira.comments("OPS-1", "x");
  host.advance(1h);
  EXPECT_EQ(notes().size(), 0u);
  jira.comments("OPS-1", "y");
  EXPECT_EQ(tracker().sync().status, TSN_OK);
  ASSERT_EQ(notes().size(), 1u);
  EXPECT_EQ(notes()[0].text, "y");
}

TEST_F(JiraPoll, ASyncTellsWhyItCannot) {
  begin();
  jira.instead = [](const JiraStub::Call&) { return JiraStub::Answer{401, {}}; };
  expect(TSN_DENIED, "username and token", tracker().sync());
}

TEST_F(JiraPoll, AStopLeavesNothingBehind) {
  begin();
  jira.comments("OPS-1", "x");
  tracker().stop();
  EXPECT_EQ(host.timers(), 0u);
  const auto calls = jira.calls.size();
  host.advance(1h);
  EXPECT_EQ(jira.calls.size(), calls);
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST_F(JiraPoll, EveryCallAndEveryEventIsLoggedWithoutSecrets) {
  config.set("fields", Value::table({{"customfield_10042", "leak t0ken"}}));
  begin();
  jira.comments("OPS-1", "the token is t0ken");
  poll();
  EXPECT_TRUE(logged_exchange("POST", "/rest/api/3/issue"));
  EXPECT_TRUE(logged_exchange("POST", "/rest/api/3/search/jql"));
  EXPECT_TRUE(logged_exchange("EVENT", "comment:"));
  for (const auto& each : host.exchanges()) {
    EXPECT_EQ((each.request + each.response + each.error + each.target).find("t0ken"), std::string::npos)
        << each.request;
    EXPECT_LE(each.response.size(), 16u * 1024);
  }
  EXPECT_EQ(host.exchanges()[0].correlation_id, correlation);
}

}  // namespace
