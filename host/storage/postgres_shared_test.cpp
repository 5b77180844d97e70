// What agents that share a PostgreSQL have of each other, and what a rule's query may do there.
#include <gtest/gtest.h>

#include <cmath>

#include "storage/port.hpp"
#include "storage/postgres_server_test.hpp"
#include "storage/scratch_test.hpp"

namespace tocsin::storage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PostgresSharing : public ::testing::Test {
 protected:
  void SetUp() override {
    server = PostgresServer::shared();
    if (!server) GTEST_SKIP() << "not run: " << PostgresServer::why();
    url = server->make_database();
    first = open("agent-a");
    second = open("agent-b");
  }
  std::unique_ptr<Store> open(const std::string& agent) {
    return must(open_store({.url = url, .password = PostgresServer::password(), .agent = agent}, series));
  }
  std::string ask(const std::string& statement) { return server->ask(url, statement); }
  base::Result<model::RuleAnswer> query(const std::string& text, base::Duration timeout = seconds(5)) {
    return first->rule_queries().ask(text, timeout, 100);
  }

  static model::Delivery delivery(const std::string& key) {
    model::Delivery out;
    out.key = key;
    out.instance = "mail";
    out.created_at = out.next_attempt_at = now;
    return out;
  }
  static base::Result<CommitResult> decided(Store& store, const std::string& key) {
    model::Changes c;
    c.decided = true;
    c.deliveries = {delivery(key)};
    return store.commit(c);
  }
  static model::Alert alert_of(const std::string& id, const std::string& agent) {
    model::Alert alert;
    alert.id = id;
    alert.rule = "r";
    alert.state = model::AlertState::firing;
    alert.agent = agent;
    alert.active_at = alert.updated_at = now;
    return alert;
  }
  static constexpr base::Time now{seconds(1'800'000'000)};

  PostgresServer* server = nullptr;
  std::string url;
  model::SeriesTable series;
  std::unique_ptr<Store> first, second;
};

TEST_F(PostgresSharing, ALeaseHasOneHolder) {
  EXPECT_TRUE(must(first->shared()->lease("rules", seconds(30))));
  EXPECT_TRUE(must(first->shared()->lease("rules", seconds(30))));
  EXPECT_FALSE(must(second->shared()->lease("rules", seconds(30))));
  EXPECT_TRUE(must(second->shared()->lease("another", seconds(30))));
}

TEST_F(PostgresSharing, ALeaseThatIsOverIsTakenByTheNext) {
  EXPECT_TRUE(must(first->shared()->lease("rules", seconds(30))));
  ask("UPDATE leases SET expires_at = clock_timestamp() - interval '1 ms'");
  EXPECT_TRUE(must(second->shared()->lease("rules", seconds(30))));
  EXPECT_FALSE(must(first->shared()->lease("rules", seconds(30))));
}

TEST_F(PostgresSharing, ALeaseThatWasGivenUpIsFreeAtOnce) {
  EXPECT_TRUE(must(first->shared()->lease("rules", seconds(30))));
  must(second->shared()->release("rules"));
  EXPECT_FALSE(must(second->shared()->lease("rules", seconds(30))));
  must(first->shared()->release("rules"));
  EXPECT_TRUE(must(second->shared()->lease("rules", seconds(30))));
}

TEST_F(PostgresSharing, AnotherProcessOfTheSameNameTakesTheLeaseAtOnceAndTheOldOneHasItNoMore) {
  EXPECT_TRUE(must(first->shared()->lease(deciding_lease, seconds(30))));
  const auto again = open("agent-a");
  EXPECT_TRUE(must(again->shared()->lease(deciding_lease, seconds(30), "http://a:1")));
  EXPECT_EQ(decided(*first, "late").error().fault(), base::Fault::cancelled);
  EXPECT_TRUE(decided(*again, "new"));
  const auto holder = must(second->shared()->holder(deciding_lease));
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->agent + " " + holder->address, "agent-a http://a:1");
}

TEST_F(PostgresSharing, OnlyTheHoldersDecisionsAreKept) {
  EXPECT_EQ(decided(*first, "nobody's").error().fault(), base::Fault::cancelled);
  EXPECT_TRUE(must(first->shared()->lease(deciding_lease, seconds(30))));
  EXPECT_TRUE(decided(*first, "mine"));
  EXPECT_EQ(decided(*second, "theirs").error().fault(), base::Fault::cancelled);
  // Over for the others, and nobody took it: it is the holder's still.
  ask("UPDATE leases SET expires_at = clock_timestamp() - interval '1 ms'");
  EXPECT_FALSE(must(second->shared()->holder(deciding_lease)));
  EXPECT_TRUE(decided(*first, "still mine"));
  EXPECT_TRUE(must(second->shared()->lease(deciding_lease, seconds(30))));
  EXPECT_EQ(decided(*first, "too late").error().fault(), base::Fault::cancelled);
  EXPECT_EQ(ask("SELECT string_agg(key, ',' ORDER BY key) FROM deliveries"), "mine,still mine");
}

TEST_F(PostgresSharing, WhoeverDecidesGoesOnWithWhatWasDecidedByAny) {
  EXPECT_TRUE(must(first->shared()->lease(deciding_lease, seconds(30))));
  model::Changes c;
  c.decided = true;
  c.journal_position = 5;
  c.alerts = {alert_of("a1", "agent-a"), alert_of("b1", "agent-b")};
  c.deliveries = {delivery("d")};
  model::GroupState group;
  group.key = "g";
  c.groups = {group};
  model::Ladder ladder;
  ladder.correlation_id = "l";
  c.ladders = {ladder};
  c.kv = {{"k", "first's"}, {"fleet/k", "everybody's"}};
  must(first->commit(c));
  const auto theirs = must(second->restore(now));
  EXPECT_EQ(theirs.journal_position, 0u);
  ASSERT_EQ(theirs.alerts.size(), 2u);
  EXPECT_EQ(theirs.alerts[0].agent + theirs.alerts[1].agent, "agent-aagent-b");
  EXPECT_EQ(theirs.deliveries.size() + theirs.groups.size() + theirs.ladders.size(), 3u);
  EXPECT_FALSE(must(second->kv("k")));
  EXPECT_EQ(must(second->kv("fleet/k")), "everybody's");
  EXPECT_EQ(must(first->restore(now)).journal_position, 5u);
}

TEST_F(PostgresSharing, PassedAlertsWaitUntilTheyAreDecided) {
  model::Changes c;
  c.journal_position = 3;
  c.passed_on = {alert_of("x", ""), alert_of("y", "")};
  must(second->commit(c));
  auto waiting = must(first->shared()->passed_alerts(10));
  ASSERT_EQ(waiting.size(), 2u);
  EXPECT_EQ(waiting[0].alert.id + waiting[0].alert.agent, "xagent-b");
  EXPECT_TRUE(must(first->restore(now)).passed.empty());
  EXPECT_EQ(must(second->restore(now)).passed.size(), 2u);
  EXPECT_TRUE(must(first->shared()->lease(deciding_lease, seconds(30))));
  model::Changes d;
  d.decided = true;
  d.taken = {waiting[0].id};
  d.alerts = {waiting[0].alert};
  must(first->commit(d));
  EXPECT_EQ(must(first->shared()->passed_alerts(10)).size(), 1u);
  EXPECT_EQ(ask("SELECT agent || id FROM alerts"), "agent-bx");
}

TEST_F(PostgresSharing, WhoWaitsForPassedAlertsIsWoken) {
  must(first->shared()->wait_for_passed(milliseconds(0)));  // begins to listen
  model::Changes c;
  c.passed_on = {alert_of("x", "")};
  must(second->commit(c));
  const auto before = std::chrono::steady_clock::now();
  must(first->shared()->wait_for_passed(seconds(60)));
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(50));
}

TEST_F(PostgresSharing, AgentsMeet) {
  must(first->shared()->meet("http://a:7676", "1"));
  ask("UPDATE agents SET last_seen = last_seen - interval '1 min'");
  const auto all = must(second->shared()->meet("http://b:7676", "2"));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "agent-a");
  EXPECT_EQ(all[0].address, "http://a:7676");
  EXPECT_GE(all[0].silent_for, seconds(60));
  EXPECT_LT(all[1].silent_for, seconds(30));
  must(first->shared()->leave());
  EXPECT_EQ(must(second->shared()->meet("", "")).size(), 1u);
}

TEST_F(PostgresSharing, OneAgentTellsOfAMemberThatIsDown) {
  must(first->shared()->meet("", ""));
  must(second->shared()->meet("", ""));
  ask("INSERT INTO agents (name, last_seen) VALUES ('agent-c', now() - interval '1 min')");
  EXPECT_TRUE(must(second->shared()->claim("agent-c")));
  EXPECT_FALSE(must(first->shared()->claim("agent-c")));
  EXPECT_EQ(must(first->shared()->meet("", "")).at(2).told_by, "agent-b");
  must(first->shared()->disclaim("agent-c"));
  EXPECT_TRUE(must(first->shared()->claim("agent-c")));
}

TEST_F(PostgresSharing, ARulesColumnsBecomeNumberAndLabels) {
  const auto rows = must(query("SELECT 'DAILY' AS loader_code, 's1' AS segment_code, 3::int AS failed, 7.5::numeric AS "
                               "value, NULL::text AS nothing -- a comment\n; "))
                        .rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].value, 7.5);
  EXPECT_EQ(rows[0].labels, (model::Labels{{"loader", "DAILY"}, {"segment", "s1"}, {"failed", "3"}}));
}

TEST_F(PostgresSharing, TheFirstNumberCountsWhereNoneIsCalledValue) {
  const auto rows =
      must(query("SELECT client_ip AS \"client ip\", count(*), count(*) + 1 FROM (VALUES ('a'), ('a')) AS "
                 "t(client_ip) GROUP BY 1"))
          .rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].value, 2);
  EXPECT_EQ(rows[0].labels.get("client_ip"), "a");
}

TEST_F(PostgresSharing, AnswersWithoutNumberOrRowsAreAnswers) {
  EXPECT_TRUE(must(query("SELECT 1 AS value WHERE false")).rows.empty());
  const auto rows = must(query("SELECT 'x' AS what")).rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(std::isnan(rows[0].value));
  EXPECT_TRUE(std::isnan(must(query("SELECT NULL::int AS value")).rows.at(0).value));
}

TEST_F(PostgresSharing, TheSpecificationsQueriesRunAsTheyStand) {
  must(query("SELECT count(*) FROM signals WHERE captured_at > now() - interval '10 minutes'"));
  must(
      query("SELECT client_ip, count(*) AS value FROM login_attempts WHERE NOT success AND attempted_at > now() - "
            "interval '5 min' GROUP BY client_ip HAVING count(*) >= 5"));
  must(
      query("WITH s AS (SELECT loader_code, count(*) FILTER (WHERE validation_status = 'FAILED')::float / count(*) AS "
            "value FROM signals GROUP BY 1) SELECT * FROM s ORDER BY value DESC"));
}

TEST_F(PostgresSharing, AQueryCanChangeNothing) {
  ask("CREATE TABLE theirs (n int)");
  for (const char* text :
       {"DELETE FROM theirs", "WITH gone AS (DELETE FROM theirs RETURNING n) SELECT * FROM gone",
        "SELECT 1) AS t; DROP TABLE theirs; SELECT * FROM (SELECT 1", "SELECT nextval('incidents_id_seq') AS value",
        "SELECT pg_read_file('PG_VERSION') AS what", "COMMIT", "SET ROLE tester"}) {
    EXPECT_FALSE(query(text)) << text;
  }
  EXPECT_EQ(ask("SELECT count(*) FROM theirs"), "0");
  must(query("SELECT count(*) FROM theirs"));
}

TEST_F(PostgresSharing, AQueryThatTakesTooLongIsEnded) {
  const auto answer = query("SELECT pg_sleep(30), 1 AS value", milliseconds(50));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), base::Fault::deadline) << answer.error().message();
  must(query("SELECT 1"));
}

TEST_F(PostgresSharing, TooManyRowsAreAnError) {
  const auto answer = query("SELECT n AS value FROM generate_series(1, 101) AS n");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("more than 100 rows"), std::string::npos);
  EXPECT_EQ(must(query("SELECT n AS value FROM generate_series(1, 100) AS n")).rows.size(), 100u);
}

TEST_F(PostgresSharing, QueriesGoOnAfterTheServerWasRestarted) {
  must(query("SELECT 1"));
  server->restart();
  must(query("SELECT 1"));
}

TEST_F(PostgresSharing, ARuleRowComesWithAllItSays) {
  ask("INSERT INTO incident_detection_rules (rule_name, rule_type, metric_query, query_type, threshold_value, "
      "threshold_operator, severity, alert_message_template, suggestion_template, evaluation_interval_seconds, "
      "cooldown_period_seconds) VALUES ('r', 'TRANSACTION', 'SELECT 1', 'SQL', 0.05, 'GT', 'CRITICAL', '{{value}}', "
      "'look', 30, 0)");
  const auto rows = must(first->rule_rows());
  ASSERT_EQ(rows.size(), 1u);
  const auto& row = rows[0];
  EXPECT_EQ(row.name + row.query + row.query_type + row.op + row.message + row.suggestion,
            "rSELECT 1SQLGT{{value}}look");
  EXPECT_EQ(row.category, model::Category::transaction);
  EXPECT_EQ(row.severity, model::Severity::critical);
  EXPECT_EQ(row.threshold, 0.05);
  EXPECT_EQ(row.every, seconds(30));
  EXPECT_EQ(row.cooldown, seconds(0));
  EXPECT_TRUE(row.enabled);
}

TEST_F(PostgresSharing, AnEvaluationIsWrittenBack) {
  ask("INSERT INTO incident_detection_rules (rule_name, rule_type, metric_query, query_type, threshold_value, "
      "threshold_operator, severity) VALUES ('r', 'TRANSACTION', 'SELECT 1', 'SQL', 5, 'GT', 'HIGH')");
  const auto before = ask("SELECT updated_at FROM incident_detection_rules");
  const base::Time at = base::from_ns(1'700'000'000'000'000'000);
  const std::int64_t id = must(first->rule_rows()).at(0).id;
  model::Changes changes;
  changes.evaluations = {{id, "r", at, 7, 5, true, "", 2}, {id, "r", at, std::nan(""), 5, false, "no such column", 0}};
  must(first->commit(changes));
  EXPECT_EQ(ask("SELECT trigger_count, last_triggered_at AT TIME ZONE 'UTC' FROM incident_detection_rules"),
            "2|2023-11-14 22:13:20");
  EXPECT_EQ(ask("SELECT updated_at FROM incident_detection_rules"), before);
  EXPECT_EQ(ask("SELECT metric_value, threshold_value, fired FROM alert_evaluations WHERE error IS NULL"), "7|5|t");
  EXPECT_EQ(ask("SELECT count(*) FROM alert_evaluations WHERE error = 'no such column'"), "1");
}

}  // namespace
}  // namespace tocsin::storage
