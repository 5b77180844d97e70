#include "jira_fixture.hpp"

namespace {

using namespace jira_testing;

struct JiraIncoming : JiraTest {
  std::vector<GivenAnswer> statuses() const { return answers(TSN_ANSWER_STATUS); }
  std::vector<GivenAnswer> notes() const { return answers(TSN_ANSWER_NOTE); }
  /// `count` more issues of ours, beside the first.
  void more_issues(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = "other-" + std::to_string(i);
      upsert(TSN_CHANGE_OPENED, [&](tsn::Upsert& to) { to.incident.correlation_id = id, to.key = id; });
    }
  }
};

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

TEST_F(JiraIncoming, AnEventIsTakenOnceOnHoweverManyPassesItIsMet) {
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

TEST_F(JiraIncoming, AnUnchangedIssueIsNotReadAgain) {
  begin();
  poll();
  const auto reads = jira.count("GET", "/issue/OPS-1");
  poll();
  poll();
  EXPECT_EQ(jira.count("GET", "/issue/OPS-1"), reads);
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

TEST_F(JiraIncoming, WhileJiraCannotSayWhoWeAreNothingIsTakenAndNothingLost) {
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

TEST_F(JiraIncoming, ReadsEveryPageOnCloudAndOnDataCenter) {
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

TEST_F(JiraIncoming, AnIndexThatLagsOnlyDelays) {
  begin();
  jira.lag = std::chrono::nanoseconds(150s).count();
  jira.comments("OPS-1", "late");
  poll();
  EXPECT_EQ(notes().size(), 0u);
  poll();
  poll();
  EXPECT_EQ(notes().size(), 1u);
}

TEST_F(JiraIncoming, AfterAnOutageNothingIsMissing) {
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

TEST_F(JiraIncoming, WhatHappenedWhileTheAgentWasDownIsTakenAtTheStart) {
  begin();
  instance.reset();
  host.advance(5h);
  jira.moves("OPS-1", "Done");
  host.advance(5h);
  tracker().start();
  host.advance(3s);
  EXPECT_EQ(statuses().size(), 1u);
}

TEST_F(JiraIncoming, WhatWasBeforeTheFirstStartIsNotBroughtOver) {
  open();
  jira.comments("OPS-1", "long ago");
  host.advance(1h);
  jira.comments("OPS-1", "now");
  tracker().start();
  poll();
  ASSERT_EQ(notes().size(), 1u);
  EXPECT_EQ(notes()[0].text, "now");
}

TEST_F(JiraIncoming, AHistoryThatComesInPagesIsReadBackToTheLastPass) {
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

TEST_F(JiraIncoming, OneBadIssueCostsOnlyItself) {
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

TEST_F(JiraIncoming, HostileIssuesAreReadAsFarAsTheyMakeSense) {
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

TEST_F(JiraIncoming, ARateLimitIsWaitedOut) {
  begin();
  jira.instead = [](const JiraStub::Call&) { return JiraStub::Answer{429, {}, "Retry-After: 600\r\n"}; };
  poll();
  const auto calls = jira.calls.size();
  host.advance(8min);
  EXPECT_EQ(jira.calls.size(), calls);
  host.advance(3min);
  EXPECT_GT(jira.calls.size(), calls);
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

TEST_F(JiraIncoming, APollOfZeroLooksForNothingUntilItIsAsked) {
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

TEST_F(JiraIncoming, ASyncTellsWhyItCannot) {
  begin();
  jira.instead = [](const JiraStub::Call&) { return JiraStub::Answer{401, {}}; };
  expect(TSN_DENIED, "username and token", tracker().sync());
}

TEST_F(JiraIncoming, AStopLeavesNothingBehind) {
  begin();
  jira.comments("OPS-1", "x");
  tracker().stop();
  EXPECT_EQ(host.timers(), 0u);
  const auto calls = jira.calls.size();
  host.advance(1h);
  EXPECT_EQ(jira.calls.size(), calls);
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST_F(JiraIncoming, EveryCallAndEveryEventIsLoggedWithoutSecrets) {
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

/// A host that holds to what an incident may become.
struct JiraBothWays : JiraTest {
  JiraBothWays() {
    host.on_answer([this](const GivenAnswer& given) {
      if (given.kind != TSN_ANSWER_STATUS) return tsn::testing::Answer{};
      const bool reopens = given.status == TSN_INC_OPEN && now_is >= TSN_INC_RESOLVED;
      if (!reopens && given.status < now_is) return tsn::testing::Answer{TSN_INVALID, "no such step", 0, 0, {}, {}, {}};
      now_is = given.status;
      return tsn::testing::Answer{};
    });
  }
  /// Done here, at `at`, and brought to Jira.
  void done_here(tsn_incident_status to, tsn::Time at) {
    now_is = to;
    const auto answer =
        upsert(to == TSN_INC_RESOLVED ? TSN_CHANGE_RESOLVED : TSN_CHANGE_STATUS, [&](tsn::Upsert& change) {
          change.incident.ticket_key = "OPS-1", change.incident.status = to;
          if (to == TSN_INC_RESOLVED) change.incident.resolved_at = at;
          if (to == TSN_INC_ACKNOWLEDGED) change.incident.acknowledged_at = at;
        });
    EXPECT_EQ(answer.status, TSN_OK) << answer.text;
  }
  /// Whatever comes back and forth has come.
  void settle() {
    for (int i = 0; i < 5; ++i) poll();
  }
  tsn_incident_status now_is = TSN_INC_OPEN;
};

TEST_F(JiraBothWays, AnEndInJiraWinsOverAMoveHere) {
  begin();
  const auto before = jira.changes();
  jira.moves("OPS-1", "Done");
  done_here(TSN_INC_IN_PROGRESS, host.now());
  settle();
  EXPECT_EQ(now_is, TSN_INC_RESOLVED);
  EXPECT_EQ(jira.status("OPS-1"), "Done");
  EXPECT_EQ(jira.changes(), before);
}

TEST_F(JiraBothWays, AnEndHereWinsOverAMoveInJira) {
  begin();
  const auto before = jira.changes();
  jira.moves("OPS-1", "In Progress");
  done_here(TSN_INC_RESOLVED, host.now());
  settle();
  EXPECT_EQ(now_is, TSN_INC_RESOLVED);
  EXPECT_EQ(jira.status("OPS-1"), "Done");
  EXPECT_EQ(jira.changes(), before + 1);
}

TEST_F(JiraBothWays, OfTwoMovesTheOneFurtherAlongWins) {
  config.set("status", Value::table({{"ACKNOWLEDGED", "To Do"}, {"IN_PROGRESS", "In Progress"}}));
  begin();
  const auto before = jira.changes();
  jira.moves("OPS-1", "In Progress");
  done_here(TSN_INC_ACKNOWLEDGED, host.now());
  settle();
  EXPECT_EQ(now_is, TSN_INC_IN_PROGRESS);
  EXPECT_EQ(jira.status("OPS-1"), "In Progress");
  EXPECT_EQ(jira.changes(), before);
}

TEST_F(JiraBothWays, AChangeFromBeforeWhatJiraBroughtIsOvertaken) {
  begin();
  done_here(TSN_INC_RESOLVED, host.now());
  poll();
  const auto resolved_at = host.now();
  host.advance(1s);
  jira.moves("OPS-1", "To Do");
  poll();
  ASSERT_EQ(now_is, TSN_INC_OPEN);
  // An attempt of the end that was held up until now.
  upsert(TSN_CHANGE_RESOLVED, [&](tsn::Upsert& change) {
    change.incident.ticket_key = "OPS-1", change.incident.status = TSN_INC_RESOLVED;
    change.incident.resolved_at = resolved_at, change.attempt = 2;
  });
  settle();
  EXPECT_EQ(now_is, TSN_INC_OPEN);
  EXPECT_EQ(jira.status("OPS-1"), "To Do");
}

TEST_F(JiraBothWays, ANoteFromJiraOvertakesNoStatus) {
  begin();
  const auto resolved_at = host.now();
  jira.comments("OPS-1", "still looking");
  poll();
  now_is = TSN_INC_RESOLVED;
  upsert(TSN_CHANGE_RESOLVED, [&](tsn::Upsert& change) {
    change.incident.ticket_key = "OPS-1", change.incident.status = TSN_INC_RESOLVED;
    change.incident.resolved_at = resolved_at;
  });
  EXPECT_EQ(jira.status("OPS-1"), "Done");
}

TEST_F(JiraBothWays, TwoOwnersAtOnceEndAsOne) {
  config.set("users", Value::table({{"contact-nora", "nora"}, {"contact-omar", "omar"}}));
  begin();
  const auto owned_by_nora = [](tsn::Upsert& to) {
    to.incident.ticket_key = "OPS-1", to.incident.owner = "contact-nora", to.key = "assign";
  };
  jira.assigns("OPS-1", "omar", "omar");
  host.advance(1s);
  upsert(TSN_CHANGE_UPDATED, owned_by_nora);  // ours is the later in Jira
  settle();
  EXPECT_EQ(jira.issue("OPS-1")["fields"]["assignee"]["accountId"], "nora");
  // Ours waits while Jira cannot be reached, and theirs comes in first.
  jira.instead = [](const JiraStub::Call&) { return JiraStub::Answer{500, {}}; };
  const auto held_up = [&](tsn::Upsert& to) { owned_by_nora(to), to.key = "assign again"; };
  EXPECT_EQ(upsert(TSN_CHANGE_UPDATED, held_up).status, TSN_FAILED);
  jira.instead = nullptr;
  host.advance(10min);
  jira.assigns("OPS-1", "omar", "omar");
  settle();
  upsert(TSN_CHANGE_UPDATED, [&](tsn::Upsert& to) { held_up(to), to.attempt = 2; });
  settle();
  ASSERT_FALSE(answers(TSN_ANSWER_ASSIGN).empty());
  EXPECT_EQ(answers(TSN_ANSWER_ASSIGN).back().text, "contact-omar");
  EXPECT_EQ(jira.issue("OPS-1")["fields"]["assignee"]["accountId"], "omar");
}

TEST_F(JiraBothWays, BackAndForthEndsAtOnce) {
  begin();
  const auto before = jira.changes();
  for (int round = 0; round < 3; ++round) {
    jira.comments("OPS-1", "theirs");
    upsert(TSN_CHANGE_NOTE, [&](tsn::Upsert& to) { to.incident.ticket_key = "OPS-1", to.note = "ours"; });
    poll();
  }
  jira.moves("OPS-1", "In Progress");
  done_here(TSN_INC_RESOLVED, host.now());
  settle();
  EXPECT_EQ(jira.changes(), before + 3 + 1);  // our notes and our end, nothing in answer to theirs
  EXPECT_EQ(answers(TSN_ANSWER_NOTE).size(), 3u);
}

}  // namespace
