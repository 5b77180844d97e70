#include "jira_fixture.hpp"

#include "http_client/http_client.hpp"

namespace {

using namespace jira_testing;

TEST_F(JiraTest, CreatesOneIssueAndNamesIt) {
  const auto answer = open();
  ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_TRUE(answer.ticket.created);
  EXPECT_EQ(answer.ticket.key, "OPS-1");
  EXPECT_EQ(answer.ticket.url, jira.url() + "/browse/OPS-1");
  EXPECT_EQ(answer.ticket.status, "To Do");
  const auto fields = issue()["fields"];
  EXPECT_EQ(fields["summary"], "[HIGH] loader_failing DAILY_SALES \"<test>\"");
  EXPECT_EQ(fields["project"], (json{{"key", "OPS"}}));
  EXPECT_EQ(fields["issuetype"], (json{{"name", "Incident"}}));
  EXPECT_EQ(fields["priority"], (json{{"name", "High"}}));
  EXPECT_EQ(fields["labels"], (json{"auto-detected", "etl-monitoring", "etl", "tocsin-" + correlation}));
  EXPECT_EQ(fields["description"]["type"], "doc");
  EXPECT_EQ(jira.count("POST", "/search"), 0u);  // a first attempt has nothing to look for
}

TEST_F(JiraTest, SignsInOnCloudByUserAndToken) {
  open();
  EXPECT_NE(jira.last("POST", "/rest/api/3/issue").head.find("Authorization: Basic Ym90OnQwa2Vu"), std::string::npos);
}

TEST_F(JiraTest, SignsInOnDataCenterByTokenAloneAndWritesWikiText) {
  config.set("api_type", "datacenter").set("username", "");
  ASSERT_EQ(open().status, TSN_OK);
  EXPECT_NE(jira.last("POST", "/rest/api/2/issue").head.find("Authorization: Bearer t0ken"), std::string::npos);
  EXPECT_TRUE(issue()["fields"]["description"].is_string());
  ASSERT_EQ(open(2, true).ticket.key, "OPS-1");
  EXPECT_EQ(jira.count("POST", "/rest/api/2/search"), 1u);
}

TEST_F(JiraTest, ALostAnswerIsUnknownAndTheIssueIsFoundAgain) {
  jira.drop_creates = 1;
  EXPECT_EQ(open().status, TSN_UNKNOWN);
  const auto again = open(2, true);
  ASSERT_EQ(again.status, TSN_OK) << again.text;
  EXPECT_FALSE(again.ticket.created);
  EXPECT_EQ(again.ticket.key, "OPS-1");
  EXPECT_EQ(jira.issue_count(), 1u);
  EXPECT_TRUE(host.kv().empty());
}

TEST_F(JiraTest, ACutKeptConnectionDoesNotMakeTheClientSendTwice) {
  config.set("fields", Value::table({{"Correlation ID", "x"}}));  // asked for first, on a connection that is kept
  jira.drop_creates = 1;
  EXPECT_EQ(open().status, TSN_UNKNOWN);
  EXPECT_EQ(jira.count("POST", "/issue"), 1u);
}

TEST_F(JiraTest, OneEmptySearchDoesNotProveThatThereIsNoIssue) {
  jira.drop_creates = 1;
  jira.hidden_searches = 1;
  open();
  const auto second = open(2, true);
  EXPECT_EQ(second.status, TSN_RETRY);
  EXPECT_EQ(second.retry_after_ms, 5000u);
  host.advance(5s);
  EXPECT_EQ(open(3, true).ticket.key, "OPS-1");
  EXPECT_EQ(jira.issue_count(), 1u);
}

TEST_F(JiraTest, TwoEmptySearchesFarEnoughApartDo) {
  EXPECT_EQ(open(1, true).status, TSN_RETRY);
  host.advance(4s);
  EXPECT_EQ(open(2, true).status, TSN_RETRY);  // too early to count
  EXPECT_EQ(jira.issue_count(), 0u);
  host.advance(1s);
  EXPECT_TRUE(open(3, true).ticket.created);
  EXPECT_EQ(jira.issue_count(), 1u);
}

TEST_F(JiraTest, TheFirstEmptySearchIsRememberedAcrossARestart) {
  open(1, true);
  instance.reset();
  host.advance(5s);
  EXPECT_TRUE(open(2, true).ticket.created);
}

TEST_F(JiraTest, ASecondLostAnswerIsDoubtedAnew) {
  open(1, true);
  host.advance(5s);
  jira.drop_creates = 1;
  EXPECT_EQ(open(2, true).status, TSN_UNKNOWN);
  jira.hidden_searches = 1;
  host.advance(60s);
  EXPECT_EQ(open(3, true).status, TSN_RETRY);
  host.advance(5s);
  EXPECT_EQ(open(4, true).ticket.key, "OPS-1");
  EXPECT_EQ(jira.issue_count(), 1u);
}

TEST_F(JiraTest, AServerErrorMayHideAnIssueSoItIsLookedForTwice) {
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    return call.is("POST", "/issue") ? std::optional(JiraStub::Answer{502, {}}) : std::nullopt;
  };
  EXPECT_EQ(open().status, TSN_FAILED);
  jira.instead = nullptr;
  EXPECT_EQ(open(2).status, TSN_RETRY);
  host.advance(5s);
  EXPECT_EQ(open(3).status, TSN_OK);
}

TEST_F(JiraTest, AnAttemptAfterARefusalSearchesOnceBeforeItCreates) {
  EXPECT_TRUE(open(2).ticket.created);
  EXPECT_EQ(jira.last("POST", "/search/jql").body["jql"],
            "project = \"OPS\" AND labels = \"tocsin-" + correlation + "\"");
}

TEST_F(JiraTest, AFailedSearchIsNoProof) {
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    return call.is("POST", "/search") ? std::optional(JiraStub::Answer{200, {{"total", 0}}}) : std::nullopt;
  };
  EXPECT_EQ(open(2).status, TSN_FAILED);
  EXPECT_EQ(jira.issue_count(), 0u);
}

TEST_F(JiraTest, OfSeveralIssuesTheOldestIsUsedAndTheRestReported) {
  open();
  jira.issues.push_back(issue());
  jira.issues[0]["id"] = "10010", jira.issues[0]["key"] = "OPS-9";
  jira.issues[1]["id"] = "9999";
  EXPECT_EQ(open(2, true).ticket.key, "OPS-1");
  EXPECT_TRUE(host.logged("OPS-9"));
}

TEST_F(JiraTest, NeverCreatesOnResolve) {
  const auto answer = upsert(TSN_CHANGE_RESOLVED, [](tsn::Upsert& to) { to.incident.status = TSN_INC_RESOLVED; });
  EXPECT_EQ(answer.status, TSN_OK);
  EXPECT_EQ(answer.ticket.key, "");
  EXPECT_EQ(jira.issue_count(), 0u);
}

TEST_F(JiraTest, ResolvesAnIssueWhoseKeyIsNotKnownByFindingIt) {
  open();
  const auto answer = upsert(TSN_CHANGE_RESOLVED, [](tsn::Upsert& to) { to.incident.status = TSN_INC_RESOLVED; });
  EXPECT_EQ(answer.ticket.status, "Done") << answer.text;
  EXPECT_EQ(issue()["fields"]["status"]["name"], "Done");
}

TEST_F(JiraTest, MovesAnIssueByTheNameOfTheTransitionOrOfTheStatus) {
  open();
  EXPECT_EQ(status(TSN_INC_IN_PROGRESS).ticket.status, "In Progress");
  EXPECT_EQ(status(TSN_INC_RESOLVED).ticket.status, "Done");
  EXPECT_EQ(jira.last("POST", "/transitions").body, (json{{"transition", {{"id", "31"}}}}));
}

TEST_F(JiraTest, AnIssueThatIsThereAlreadyIsNotMovedAgain) {
  open();
  status(TSN_INC_RESOLVED);
  EXPECT_EQ(status(TSN_INC_IN_PROGRESS).status, TSN_OK);
  EXPECT_EQ(status(TSN_INC_IN_PROGRESS).status, TSN_OK);
  EXPECT_EQ(jira.count("POST", "/transitions"), 2u);
}

TEST_F(JiraTest, AnUnknownTransitionNamesThoseThereAre) {
  open();
  expect(TSN_INVALID, "Start work, Finish, Reopen", status(TSN_INC_ACKNOWLEDGED));
}

TEST_F(JiraTest, AnEmptyNameLeavesTheIssueWhereItIs) {
  config.set("resolve_transition", "");
  open();
  EXPECT_EQ(status(TSN_INC_RESOLVED).status, TSN_OK);
  EXPECT_EQ(jira.count("POST", "/transitions"), 0u);
}

TEST_F(JiraTest, ReopensWithinTheDurationAlsoWithoutAResolution) {
  open();
  close_issue(nullptr, "2026-11-20T12:00:00.000+0300");  // an hour ago
  EXPECT_EQ(status(TSN_INC_OPEN, TSN_CHANGE_REOPENED).ticket.status, "To Do");
}

TEST_F(JiraTest, LeavesAnIssueThatWasResolvedTooLongAgo) {
  open();
  close_issue({{"name", "Fixed"}}, "2026-11-19T12:59:59.000+0300");  // 24 h and a second
  EXPECT_EQ(status(TSN_INC_OPEN, TSN_CHANGE_REOPENED).ticket.status, "Done");
  EXPECT_EQ(jira.count("POST", "/transitions"), 0u);
}

TEST_F(JiraTest, LeavesAnIssueWithTheFinalResolution) {
  open();
  close_issue({{"name", "won't do"}}, "2026-11-20T12:00:00.000+0300");
  EXPECT_EQ(status(TSN_INC_OPEN, TSN_CHANGE_REOPENED).ticket.status, "Done");
  EXPECT_EQ(jira.count("POST", "/transitions"), 0u);
}

TEST_F(JiraTest, ANoteBecomesACommentWithItsAuthor) {
  open();
  const auto note = [](tsn::Upsert& to) {
    to.incident.ticket_key = "OPS-1";
    to.note = "disk \"full\"\nالقرص";
    to.note_author = "nora";
    to.key = "n1";
  };
  ASSERT_EQ(upsert(TSN_CHANGE_NOTE, note).status, TSN_OK);
  const auto body = issue()["comments"].at(0)["body"];
  EXPECT_EQ(body["content"][0]["content"][0]["text"], "disk \"full\"");
  EXPECT_EQ(body["content"][0]["content"][2]["text"], "القرص");
  EXPECT_NE(body.dump().find("nora"), std::string::npos);
}

TEST_F(JiraTest, ACommentWhoseAnswerWasLostIsNotRepeated) {
  open();
  jira.drop_comments = 1;
  const auto note = [](tsn::Upsert& to) { to.incident.ticket_key = "OPS-1", to.note = "once", to.key = "n1"; };
  EXPECT_EQ(upsert(TSN_CHANGE_NOTE, note).status, TSN_UNKNOWN);
  EXPECT_EQ(
      upsert(TSN_CHANGE_NOTE, [&](tsn::Upsert& to) { note(to), to.attempt = 2, to.outcome_unknown = true; }).status,
      TSN_OK);
  EXPECT_EQ(issue()["comments"].size(), 1u);
  EXPECT_EQ(upsert(TSN_CHANGE_NOTE, [&](tsn::Upsert& to) { note(to), to.attempt = 2, to.key = "n2"; }).status, TSN_OK);
  EXPECT_EQ(issue()["comments"].size(), 2u);  // the same words in another note are another comment
}

TEST_F(JiraTest, FillsFieldsByIdAndByDisplayName) {
  config.set("fields", Value::table({{"Correlation ID", "{{incident.correlation_id}}"},
                                     {"customfield_1", Value::table({{"value", "{{labels.service}} \"x\""}})},
                                     {"customfield_2", "{{labels.nothing}}"}}));
  ASSERT_EQ(open().status, TSN_OK);
  const auto fields = issue()["fields"];
  EXPECT_EQ(fields["customfield_10042"], correlation);
  EXPECT_EQ(fields["customfield_1"], (json{{"value", "etl \"x\""}}));
  EXPECT_FALSE(fields.contains("customfield_2"));
  EXPECT_EQ(jira.count("GET", "/field"), 1u);
}

TEST_F(JiraTest, AFieldThatJiraLacksIsNamed) {
  config.set("fields", Value::table({{"Correlation Id", "x"}}));
  expect(TSN_INVALID, "\"Correlation Id\"", open());
  EXPECT_EQ(jira.issue_count(), 0u);
}

TEST_F(JiraTest, TheFirstProjectThatMatchesTakesTheIssueAndInheritsTheRest) {
  config.set("projects",
             Value::array({Value::table({{"matchers", Value::array({"service=\"other\""})}, {"project", "NO"}}),
                           Value::table({{"matchers", Value::array({"service=~\"et.\"", "severity=\"high\""})},
                                         {"project", "PAY"}})}));
  open();
  EXPECT_EQ(issue()["fields"]["project"]["key"], "PAY");
  EXPECT_EQ(issue()["fields"]["issuetype"]["name"], "Incident");
}

TEST_F(JiraTest, TellsWhatJiraRefused) {
  JiraStub::Answer next;
  jira.instead = [&](const JiraStub::Call&) { return next; };
  next = {400, {{"errorMessages", {"Bad."}}, {"errors", {{"priority", "The priority is invalid"}}}}};
  expect(TSN_INVALID, "HTTP 400: Bad.; priority: The priority is invalid", open());
  next = {401, {}};
  expect(TSN_DENIED, "check [tracker.test] username and token", open());
  next = {403, {{"errorMessages", {"No."}}}};
  expect(TSN_DENIED, "No.", open());
  next = {429, {}, "Retry-After: 7\r\n"};
  const auto limited = open();
  expect(TSN_RETRY, "HTTP 429", limited);
  EXPECT_EQ(limited.retry_after_ms, 7000u);
  next = {404, {{"errorMessages", {"Issue does not exist"}}}};
  expect(TSN_INVALID, "Issue does not exist; deleted", status(TSN_INC_RESOLVED));
  next = {500, {}};
  expect(TSN_FAILED, "HTTP 500", status(TSN_INC_RESOLVED));
}

TEST_F(JiraTest, ARateLimitLeavesNoDoubt) {
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    return call.is("POST", "/issue") ? std::optional(JiraStub::Answer{429, {}}) : std::nullopt;
  };
  EXPECT_EQ(open().status, TSN_RETRY);
  jira.instead = nullptr;
  EXPECT_TRUE(open(2).ticket.created);
}

TEST_F(JiraTest, ALostReadIsNoUnknownOutcome) {
  open();
  config.set("api_url", "http://127.0.0.1:9");
  instance.reset();
  EXPECT_EQ(status(TSN_INC_RESOLVED).status, TSN_FAILED);
}

TEST(JiraAnswers, ThatNestWithoutEndAreKnownBeforeTheyAreRead) {
  using tocsin_plugins::nests_deep;
  EXPECT_FALSE(nests_deep(R"({"a":[[{"b":"[[[[[[[[[["}]],"c":"\\\"["})"));
  EXPECT_FALSE(nests_deep(std::string(64, '[')));
  EXPECT_TRUE(nests_deep(std::string(65, '[')));
  std::string pairs;
  for (int i = 0; i < 1000; ++i) pairs += "[],{},";
  EXPECT_FALSE(nests_deep(pairs));
}

}  // namespace
