#include "jira_fixture.hpp"

namespace {

using namespace jira_testing;

struct JiraOutgoing : JiraTest {
  tsn::testing::Answer updated(const std::function<void(tsn::Upsert&)>& more) {
    return upsert(TSN_CHANGE_UPDATED, [&](tsn::Upsert& to) {
      to.incident.ticket_key = "OPS-1";
      more(to);
    });
  }
  static void owned_by_nora(tsn::Upsert& to) {
    to.incident.owner = "contact-nora", to.owner_email = "nora@corp.example";
  }
  /// An incident of its own.
  tsn::testing::Answer open_another(const std::string& id, std::uint32_t attempt = 1) {
    return upsert(TSN_CHANGE_OPENED, [&](tsn::Upsert& to) {
      to.incident.correlation_id = id, to.key = "k-" + id, to.attempt = attempt;
      key = "k-" + id, to.key = key;
    });
  }
  std::string key;
};

TEST_F(JiraOutgoing, AHigherSeverityRaisesThePriorityAndTheSummary) {
  config.set("priority", Value::table({{"HIGH", "High"}, {"CRITICAL", "Highest"}}));
  open();
  EXPECT_EQ(updated([](tsn::Upsert& to) {
              to.incident.severity = TSN_SEV_CRITICAL, to.note = "severity HIGH → CRITICAL";
            }).status,
            TSN_OK);
  const auto fields = jira.last("PUT", "/rest/api/3/issue/OPS-1").body["fields"];
  EXPECT_EQ(fields["priority"], (json{{"name", "Highest"}}));
  EXPECT_EQ(fields["summary"], "[CRITICAL] loader_failing DAILY_SALES \"<test>\"");
  EXPECT_EQ(issue()["comments"].size(), 1u);
}

TEST_F(JiraOutgoing, ATitleWrittenInJiraStaysAndIsOnlyMarkedAnew) {
  open();
  issue()["fields"]["summary"] = "[HIGH] the nightly load";
  updated([](tsn::Upsert& to) { to.incident.severity = TSN_SEV_CRITICAL; });
  EXPECT_EQ(issue()["fields"]["summary"], "[CRITICAL] the nightly load");
  issue()["fields"]["summary"] = "all ours";
  updated([](tsn::Upsert& to) { to.incident.severity = TSN_SEV_LOW; });
  EXPECT_EQ(issue()["fields"]["summary"], "all ours");
}

TEST_F(JiraOutgoing, APriorityChosenInJiraStaysWhereOnlyTheOwnerChanges) {
  open();
  issue()["fields"]["priority"] = {{"name", "Low"}};
  updated(owned_by_nora);
  EXPECT_EQ(issue()["fields"]["priority"]["name"], "Low");
  EXPECT_EQ(jira.count("PUT", "/issue/OPS-1?"), 0u);
}

TEST_F(JiraOutgoing, ARefusedPriorityIsSaidAndTheRestIsDone) {
  config.set("priority", Value::table({{"HIGH", "High"}, {"CRITICAL", "Nonsense"}}));
  open();
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    if (call.method != "PUT" || !call.body["fields"].contains("priority")) return std::nullopt;
    return JiraStub::Answer{400, {{"errors", {{"priority", "is not valid"}}}}};
  };
  EXPECT_EQ(updated([](tsn::Upsert& to) { to.incident.severity = TSN_SEV_CRITICAL; }).status, TSN_OK);
  EXPECT_TRUE(host.logged("priority cannot be changed: is not valid"));
  EXPECT_EQ(issue()["fields"]["summary"].get<std::string>().substr(0, 10), "[CRITICAL]");
}

TEST_F(JiraOutgoing, TheOwnerIsTheAssigneeFoundByAddressOnce) {
  ASSERT_EQ(upsert(TSN_CHANGE_OPENED, owned_by_nora).status, TSN_OK);
  EXPECT_EQ(issue()["fields"]["assignee"], (json{{"accountId", "nora"}}));
  updated(owned_by_nora);
  updated(owned_by_nora);
  EXPECT_EQ(jira.count("GET", "/user/search?query=nora%40corp.example"), 1u);
  EXPECT_EQ(jira.count("PUT", "/assignee"), 0u);  // she is it already
  updated([](tsn::Upsert& to) { to.incident.owner = "omar", to.owner_email = "omar@corp.example"; });
  EXPECT_EQ(jira.last("PUT", "/assignee").body, (json{{"accountId", "omar"}}));
}

TEST_F(JiraOutgoing, TheTableOfUsersComesBeforeTheAddress) {
  config.set("api_type", "datacenter").set("users", Value::table({{"contact-nora", "nnasser"}}));
  open();
  updated(owned_by_nora);
  EXPECT_EQ(jira.last("PUT", "/rest/api/2/issue/OPS-1/assignee").body, (json{{"name", "nnasser"}}));
  EXPECT_EQ(jira.count("GET", "/user/search"), 0u);
}

TEST_F(JiraOutgoing, DataCenterIsAskedByUsername) {
  config.set("api_type", "datacenter");
  open();
  updated(owned_by_nora);
  EXPECT_EQ(jira.count("GET", "/rest/api/2/user/search?username=nora%40corp.example"), 1u);
}

TEST_F(JiraOutgoing, AnOwnerWithoutAnAccountIsSaidOnceAndLeftOut) {
  const auto stranger = [](tsn::Upsert& to) { to.incident.owner = "stranger", to.owner_email = "s@corp.example"; };
  ASSERT_EQ(upsert(TSN_CHANGE_OPENED, stranger).status, TSN_OK);
  EXPECT_EQ(updated(stranger).status, TSN_OK);
  EXPECT_FALSE(issue()["fields"].contains("assignee"));
  EXPECT_TRUE(host.logged("no account for the owner stranger"));
}

TEST_F(JiraOutgoing, AnAddressThatTwoHaveIsNobodys) {
  jira.twice = {"nora@corp.example"};
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    if (!call.is("GET", "/user/search")) return std::nullopt;  // addresses are hidden on Cloud
    return JiraStub::Answer{200, {{{"accountId", "a"}}, {{"accountId", "b"}}}};
  };
  open();
  updated(owned_by_nora);
  EXPECT_EQ(jira.count("PUT", "/assignee"), 0u);
}

TEST_F(JiraOutgoing, ARefusedAssigneeFailsNothing) {
  open();
  jira.refuses_assignees = true;
  EXPECT_EQ(updated(owned_by_nora).status, TSN_OK);
  EXPECT_TRUE(host.logged("contact-nora cannot be its assignee"));
}

TEST_F(JiraOutgoing, AnOptionalFieldThatIsRefusedIsLeftOutAndSaidOnce) {
  config.set("fields", Value::table({{"customfield_7", "x"}, {"customfield_10042", "y"}}));
  jira.refused_fields = {"customfield_7", "priority"};
  const auto answer = open();
  ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_TRUE(answer.ticket.created);
  EXPECT_FALSE(issue()["fields"].contains("priority"));
  EXPECT_EQ(issue()["fields"]["customfield_10042"], "y");
  open_another("b");
  const auto said = host.logs();
  EXPECT_EQ(
      std::ranges::count_if(said, [](const auto& line) { return line.text.find("customfield_7") != line.text.npos; }),
      1);
}

TEST_F(JiraOutgoing, LabelsThatAreRefusedAreAnError) {
  jira.refused_fields = {"labels"};
  expect(TSN_INVALID, "labels", open());
  EXPECT_EQ(jira.issue_count(), 0u);
}

struct JiraMaxNew : JiraOutgoing {
  JiraMaxNew() { config.set("max_new", "2/h"); }
};

TEST_F(JiraMaxNew, BeyondItOneCollectingIssueTakesThemAll) {
  for (const char* id : {"a", "b"}) EXPECT_TRUE(open_another(id).ticket.created);
  const auto third = open_another("c"), fourth = open_another("d");
  EXPECT_EQ(third.ticket.key, "OPS-3");
  EXPECT_TRUE(third.ticket.created);
  EXPECT_EQ(fourth.ticket.key, "OPS-3");
  EXPECT_FALSE(fourth.ticket.created);
  EXPECT_EQ(jira.issue_count(), 3u);
  EXPECT_EQ(jira.issue("OPS-3")["comments"].size(), 2u);
  EXPECT_EQ(jira.issue("OPS-3")["fields"]["labels"].back(), "tocsin-collecting-OPS-20261120T1000");
  host.advance(1h);
  EXPECT_EQ(open_another("e").ticket.key, "OPS-4");
}

TEST_F(JiraMaxNew, CountsAnIncidentOnceHoweverOftenItIsTried) {
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    return call.is("POST", "/issue") ? std::optional(JiraStub::Answer{429, {}}) : std::nullopt;
  };
  for (std::uint32_t attempt = 1; attempt < 5; ++attempt) EXPECT_EQ(open_another("a", attempt).status, TSN_RETRY);
  jira.instead = nullptr;
  EXPECT_TRUE(open_another("a", 5).ticket.created);
  EXPECT_TRUE(open_another("b").ticket.created);
  EXPECT_EQ(jira.issue_count(), 2u);
}

TEST_F(JiraMaxNew, TheCollectingIssueIsCreatedOnceHoweverItsAnswerIsLost) {
  open_another("a"), open_another("b");
  jira.drop_creates = 1;
  EXPECT_EQ(open_another("c").status, TSN_UNKNOWN);
  instance.reset();
  EXPECT_EQ(open_another("c", 2).ticket.key, "OPS-3");
  EXPECT_EQ(open_another("d").ticket.key, "OPS-3");
  EXPECT_EQ(jira.issue_count(), 3u);
  EXPECT_EQ(jira.issue("OPS-3")["comments"].size(), 2u);
}

TEST_F(JiraMaxNew, ASearchThatLagsMakesNoSecondCollectingIssue) {
  open_another("a"), open_another("b");
  jira.drop_creates = 1;
  open_another("c");
  jira.hidden_searches = 2;  // for the incident's own issue, and for the collecting one
  EXPECT_EQ(open_another("c", 2).status, TSN_RETRY);
  host.advance(5s);
  EXPECT_EQ(open_another("c", 3).ticket.key, "OPS-3");
  EXPECT_EQ(jira.issue_count(), 3u);
}

TEST_F(JiraMaxNew, AnIncidentKeepsItsPlaceInALaterWindow) {
  open_another("a"), open_another("b");
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    return call.is("POST", "/issue") ? std::optional(JiraStub::Answer{429, {}}) : std::nullopt;
  };
  open_another("c");
  jira.instead = nullptr;
  host.advance(1h);
  EXPECT_EQ(open_another("c", 2).ticket.key, "OPS-3");
  EXPECT_EQ(jira.issue("OPS-3")["fields"]["labels"].back(), "tocsin-collecting-OPS-20261120T1000");
}

TEST_F(JiraMaxNew, WhatBecomesOfACollectedIncidentIsWrittenDownAndMovesNothing) {
  open_another("a"), open_another("b"), open_another("c");
  const auto answer = upsert(TSN_CHANGE_RESOLVED, [](tsn::Upsert& to) {
    to.incident.ticket_key = "OPS-3", to.incident.status = TSN_INC_RESOLVED, to.note = "made room", to.key = "r";
  });
  EXPECT_EQ(answer.status, TSN_OK);
  EXPECT_EQ(jira.status("OPS-3"), "To Do");
  EXPECT_NE(jira.issue("OPS-3")["comments"].back().dump().find("RESOLVED"), std::string::npos);
}

TEST_F(JiraMaxNew, TheEndOfACollectingIssueResolvesEachOfItsIncidents) {
  for (const char* id : {"a", "b", "c", "d"}) open_another(id);
  tracker().start();
  jira.comments("OPS-3", "no note of one of them");
  jira.moves("OPS-3", "Done");
  poll();
  poll();
  ASSERT_EQ(host.answers().size(), 2u);
  EXPECT_EQ(host.answers()[0].incident, "c");
  EXPECT_EQ(host.answers()[0].ticket, "");
  EXPECT_EQ(host.answers()[1].incident, "d");
  EXPECT_NE(host.answers()[0].id, host.answers()[1].id);
  EXPECT_EQ(host.answers()[1].status, TSN_INC_RESOLVED);
}

}  // namespace
