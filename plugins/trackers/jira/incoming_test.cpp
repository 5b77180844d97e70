// What an event in Jira changes here.
#include "jira_fixture.hpp"

namespace {

using namespace jira_testing;

struct JiraIncoming : JiraTest {};

TEST_F(JiraIncoming, AnIssueThatIsDoneResolvesTheIncidentAndSaysWho) {
  begin();
  const auto id = jira.moves("OPS-1", "Done");
  poll();
  ASSERT_EQ(statuses().size(), 1u);
  const auto got = statuses()[0];
  EXPECT_EQ(got.id, "changelog:" + id);
  EXPECT_EQ(got.ticket, "OPS-1");
  EXPECT_EQ(got.status, TSN_INC_RESOLVED);
  EXPECT_EQ(got.text, "Jira: Fixed by Nora N.");
  EXPECT_EQ(got.address, "nora@corp.example");
  EXPECT_EQ(got.actor, "Nora N.");
  EXPECT_EQ(got.way, "Jira");
  EXPECT_EQ(got.ticket_status, "Done");
}

TEST_F(JiraIncoming, AStatusIsReadBackByTheTableElseByItsCategory) {
  begin();
  jira.moves("OPS-1", "in review");
  poll();
  jira.moves("OPS-1", "Waiting for parts");
  poll();
  ASSERT_EQ(statuses().size(), 2u);
  EXPECT_EQ(statuses()[0].status, TSN_INC_ACKNOWLEDGED);
  EXPECT_EQ(statuses()[1].status, TSN_INC_IN_PROGRESS);
  jira.moves("OPS-1", "To Do");
  poll();
  EXPECT_EQ(statuses().size(), 2u);  // work that was laid down changes no incident
  ASSERT_EQ(answers(TSN_ANSWER_TICKET).size(), 1u);
  EXPECT_EQ(answers(TSN_ANSWER_TICKET)[0].ticket_status, "To Do");
}

TEST_F(JiraIncoming, ATransitionOfTheTableIsReadBackByWhereItLeads) {
  config.set("status", Value::table({{"ACKNOWLEDGED", "start work"}}));
  begin();
  status(TSN_INC_ACKNOWLEDGED);  // shows where the transition leads
  jira.moves("OPS-1", "To Do");
  poll();
  jira.moves("OPS-1", "In Progress");
  poll();
  ASSERT_EQ(statuses().size(), 1u);
  EXPECT_EQ(statuses()[0].status, TSN_INC_ACKNOWLEDGED);
}

TEST_F(JiraIncoming, WhatWeDidOurselvesIsNoNews) {
  begin();
  status(TSN_INC_IN_PROGRESS);
  upsert(TSN_CHANGE_NOTE, [](tsn::Upsert& to) { to.incident.ticket_key = "OPS-1", to.note = "ours", to.key = "n1"; });
  status(TSN_INC_RESOLVED);
  poll();
  poll();
  EXPECT_EQ(host.answers().size(), 0u);
  EXPECT_EQ(jira.count("GET", "/myself"), 1u);
}

TEST_F(JiraIncoming, WhereJiraDoesNotSayWhoWeAreOurCommentsAreKnownByTheirMark) {
  jira.instead = [](const JiraStub::Call& call) -> std::optional<JiraStub::Answer> {
    return call.is("GET", "/myself") ? std::optional(JiraStub::Answer{404, {}}) : std::nullopt;
  };
  begin();
  upsert(TSN_CHANGE_NOTE, [](tsn::Upsert& to) { to.incident.ticket_key = "OPS-1", to.note = "ours", to.key = "n1"; });
  jira.comments("OPS-1", "theirs");
  poll();
  ASSERT_EQ(notes().size(), 1u);
  EXPECT_EQ(notes()[0].text, "theirs");
  EXPECT_TRUE(host.logged("which changes in Jira are our own"));
}

TEST_F(JiraIncoming, CommentsBecomeNotesAndEditsToo) {
  begin();
  const auto id = jira.comments(
      "OPS-1", {{"type", "doc"},
                {"version", 1},
                {"content",
                 {{{"type", "paragraph"},
                   {"content", {{{"type", "text"}, {"text", "disk "}}, {{"type", "text"}, {"text", "full"}}}}},
                  {{"type", "paragraph"}, {"content", {{{"type", "text"}, {"text", "القرص"}}}}}}}});
  poll();
  ASSERT_EQ(notes().size(), 1u);
  EXPECT_EQ(notes()[0].text, "disk full\nالقرص");
  EXPECT_EQ(notes()[0].id, "comment:" + id);
  host.advance(10min);
  jira.edits("OPS-1", id, "disk was full");
  poll();
  ASSERT_EQ(notes().size(), 2u);
  EXPECT_EQ(notes()[1].text, "edited: disk was full");
  poll();
  EXPECT_EQ(notes().size(), 2u);
}

TEST_F(JiraIncoming, AnEditSoonAfterTheCommentIsNotMissedNorTakenForTwo) {
  begin();
  const auto first = jira.comments("OPS-1", "a");
  poll();
  jira.edits("OPS-1", first, "b");
  poll();
  const auto second = jira.comments("OPS-1", "c");
  host.advance(2s);
  jira.edits("OPS-1", second, "d");
  poll();
  poll();
  ASSERT_EQ(notes().size(), 3u);
  EXPECT_EQ(notes()[1].text, "edited: b");
  EXPECT_EQ(notes()[2].text, "d");
}

TEST_F(JiraIncoming, AnAssigneeBecomesTheOwner) {
  config.set("users", Value::table({{"omar.here", "omar"}}));
  begin();
  jira.assigns("OPS-1", "omar");
  poll();
  jira.assigns("OPS-1", "nora");
  poll();
  jira.assigns("OPS-1", "");
  poll();
  const auto got = answers(TSN_ANSWER_ASSIGN);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].text, "omar.here");          // by the table
  EXPECT_EQ(got[1].text, "nora@corp.example");  // nobody named her before
  EXPECT_EQ(got[2].text, "");
}

TEST_F(JiraIncoming, AnAssigneeWhomWeFoundForAnOwnerIsThatOwner) {
  begin();
  const auto owned = [](tsn::Upsert& to) {
    to.incident.ticket_key = "OPS-1", to.incident.owner = "contact-nora", to.owner_email = "nora@corp.example";
  };
  ASSERT_EQ(upsert(TSN_CHANGE_UPDATED, owned).status, TSN_OK);
  instance.reset();
  tracker().start();
  jira.assigns("OPS-1", "omar", "omar");
  poll();
  jira.assigns("OPS-1", "nora", "omar");
  poll();
  ASSERT_EQ(answers(TSN_ANSWER_ASSIGN).size(), 2u);
  EXPECT_EQ(answers(TSN_ANSWER_ASSIGN)[1].text, "contact-nora");
}

TEST_F(JiraIncoming, WhatTheHostCannotTakeNowIsTakenLaterInOrderAndHoldsNoOtherIssueUp) {
  begin();
  more_issues(1);
  host.on_answer([](const GivenAnswer& given) {
    return tsn::testing::Answer{given.ticket == "OPS-1" ? TSN_RETRY : TSN_OK, "not now", 0, 0, {}, {}, {}};
  });
  jira.comments("OPS-1", "first");
  poll();
  jira.comments("OPS-1", "second");
  jira.comments("OPS-2", "other");
  host.clear();
  poll();
  const auto told = notes();
  EXPECT_EQ(std::ranges::count(told, "other", &GivenAnswer::text), 1);
  EXPECT_EQ(std::ranges::count(told, "second", &GivenAnswer::text), 0);
  std::vector<std::string> taken;
  host.on_answer([&](const GivenAnswer& given) {
    taken.push_back(given.text);
    return tsn::testing::Answer{};
  });
  instance.reset();  // what waits is kept
  tracker().start();
  host.advance(15min);
  EXPECT_EQ(taken, (std::vector<std::string>{"first", "second"}));
}

TEST_F(JiraIncoming, AStepThatTheIncidentCannotTakeIsNotTriedAgainAndTheTicketsStatusIsKept) {
  begin();
  host.on_answer([](const GivenAnswer& given) {
    return tsn::testing::Answer{
        given.kind == TSN_ANSWER_STATUS ? TSN_INVALID : TSN_OK, "no such step", 0, 0, {}, {}, {}};
  });
  host.advance(5min);
  jira.moves("OPS-1", "In Progress");
  poll();
  poll();
  EXPECT_EQ(statuses().size(), 1u);
  ASSERT_EQ(answers(TSN_ANSWER_TICKET).size(), 1u);
  EXPECT_EQ(answers(TSN_ANSWER_TICKET)[0].ticket_status, "In Progress");
}

TEST_F(JiraIncoming, AnEventQuickerThanTheTicketsKeyIsToldAgain) {
  begin();
  answer_with(TSN_INVALID, "no incident has the ticket OPS-2");
  more_issues(1);
  jira.comments("OPS-2", "automation");
  host.advance(2s);
  tracker().sync();
  EXPECT_EQ(notes().size(), 1u);
  host.on_answer(nullptr);
  host.advance(10s);
  EXPECT_EQ(notes().size(), 2u);
  host.advance(10min);
  EXPECT_EQ(notes().size(), 2u);
}

TEST_F(JiraIncoming, OfSeveralMovesTheNewestCounts) {
  begin();
  jira.moves("OPS-1", "Done");
  host.advance(100ms);
  jira.moves("OPS-1", "In Progress");
  host.advance(100ms);
  jira.moves("OPS-1", "Done");
  poll();
  ASSERT_EQ(statuses().size(), 1u);
  EXPECT_EQ(statuses()[0].status, TSN_INC_RESOLVED);
}

TEST_F(JiraIncoming, ReopeningInJiraReopensTheIncident) {
  begin();
  jira.moves("OPS-1", "Done");
  poll();
  const auto id = jira.moves("OPS-1", "To Do");
  poll();
  ASSERT_EQ(statuses().size(), 2u);
  EXPECT_EQ(statuses()[1].status, TSN_INC_OPEN);
  EXPECT_EQ(statuses()[1].id, "changelog:" + id + ":reopened");
  EXPECT_EQ(statuses()[1].text, "Jira: reopened by Nora N.");
}

TEST_F(JiraIncoming, ReopenedIntoWorkItIsReopenedAndWorkedOn) {
  begin();
  jira.moves("OPS-1", "Done");
  poll();
  jira.moves("OPS-1", "In Progress");
  poll();
  ASSERT_EQ(statuses().size(), 3u);
  EXPECT_EQ(statuses()[1].status, TSN_INC_OPEN);
  EXPECT_EQ(statuses()[2].status, TSN_INC_IN_PROGRESS);
}

TEST_F(JiraIncoming, ReopenedTooLateTheIncidentStays) {
  begin();
  jira.moves("OPS-1", "Done");
  poll();
  host.advance(25h);
  jira.moves("OPS-1", "To Do");
  poll();
  EXPECT_EQ(statuses().size(), 1u);
  EXPECT_EQ(answers(TSN_ANSWER_TICKET).back().ticket_status, "To Do");
}

TEST_F(JiraIncoming, AClosedIncidentWasResolvedBefore) {
  config.set("status", Value::table({{"CLOSED", "Closed"}}));
  begin();
  jira.moves("OPS-1", "Closed");
  poll();
  ASSERT_EQ(statuses().size(), 2u);
  EXPECT_EQ(statuses()[0].status, TSN_INC_RESOLVED);
  EXPECT_EQ(statuses()[1].status, TSN_INC_CLOSED);
  EXPECT_NE(statuses()[0].id, statuses()[1].id);
}

}  // namespace
