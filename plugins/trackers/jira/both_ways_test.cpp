// Both sides change something at once: they end in the same state, and nothing goes back and forth.
#include "jira_fixture.hpp"

namespace {

using namespace jira_testing;

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
