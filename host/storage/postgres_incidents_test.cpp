// SQL as users have it in dashboards and reports, over the columns they depend on: it runs as it stands and answers
// right.
#include <gtest/gtest.h>

#include "storage/port.hpp"
#include "storage/postgres_server_test.hpp"
#include "storage/scratch_test.hpp"

namespace tocsin::storage {
namespace {

using model::IncidentStatus;
using model::Severity;
using std::chrono::minutes;
using std::chrono::seconds;

class UsersSql : public ::testing::Test {
 protected:
  void SetUp() override {
    server = PostgresServer::shared();
    if (!server) GTEST_SKIP() << "not run: " << PostgresServer::why();
    url = server->make_database();
    store = must(open_store({.url = url, .password = PostgresServer::password()}, series));
    must(store->commit(history()));
  }

  static model::Incident incident(const std::string& id, Severity severity, IncidentStatus status,
                                  base::Duration acknowledged, base::Duration resolved) {
    model::Incident i;
    i.correlation_id = id;
    i.title = "disk_full host=" + id;
    i.description = "95 % of / is used";
    i.severity = severity;
    i.category = model::Category::infrastructure;
    i.status = status;
    i.service_name = severity == Severity::critical ? "payments" : "web";
    i.affected_component = id;
    i.metric_name = "host.disk.used_percent";
    i.metric_value = 95.5;
    i.threshold_value = 90;
    i.labels = {{"team", "core"}, {"host", id}};
    i.tags = {"night"};
    i.owner = "ana";
    i.detected_at = i.created_at = start;
    i.updated_at = start + resolved;
    if (acknowledged != base::Duration::zero()) i.acknowledged_at = start + acknowledged;
    if (resolved != base::Duration::zero()) {
      i.resolved_at = start + resolved;
      i.resolution_notes = "disk replaced";
    }
    return i;
  }
  static model::Attempt attempt(const std::string& id, const std::string& type, const std::string& status,
                                base::Duration after) {
    model::Attempt a;
    a.delivery_key = id + type + status;
    a.correlation_id = id;
    a.instance = type == "email" ? "mail" : type;
    a.type = type;
    a.recipient = "ana";
    a.status = status;
    a.sent_at = start + after;
    if (status == "SENT") a.delivered_at = start + after + seconds(2);
    if (status == "FAILED") a.error = "535 authentication failed";
    return a;
  }
  /// Four incidents: two CRITICAL acknowledged after 2 and 4 minutes and resolved after 30, a HIGH one open, a LOW one.
  static model::Changes history() {
    model::Changes c;
    c.incidents = {incident("n1", Severity::critical, IncidentStatus::resolved, minutes(2), minutes(30)),
                   incident("n2", Severity::critical, IncidentStatus::resolved, minutes(4), minutes(30)),
                   incident("n3", Severity::high, IncidentStatus::open, {}, {}),
                   incident("n4", Severity::low, IncidentStatus::acknowledged, minutes(60), {})};
    c.timeline = {{"n1", start, "tocsin", "opened", "", "CRITICAL", "disk_full"},
                  {"n1", start + minutes(2), "ana", "status", "OPEN", "ACKNOWLEDGED", ""},
                  {"n1", start + minutes(5), "ana", "note", "", "", "ordered a disk"},
                  {"n1", start + minutes(30), "ana", "status", "ACKNOWLEDGED", "RESOLVED", "disk replaced"}};
    c.attempts = {attempt("n1", "sms", "FAILED", seconds(1)), attempt("n1", "sms", "SENT", seconds(11)),
                  attempt("n1", "email", "SENT", seconds(1)), attempt("n3", "email", "SENT", seconds(3))};
    c.tickets = {{"n1", "jira", "OPS-1", "https://jira/OPS-1", "Done", "", start + minutes(31)}};
    model::Alert alert;
    alert.id = "a1";
    alert.rule = "disk_full";
    alert.fingerprint = 0x172e140873e2d000;
    alert.state = model::AlertState::firing;
    alert.severity = Severity::critical;
    alert.labels = {{"host", "n1"}};
    alert.value = 95.5;
    alert.threshold = 90;
    alert.active_at = alert.fired_at = alert.updated_at = start;
    c.alerts = {alert};
    c.incident_alerts = {{"n1", alert}};
    model::Attachment file;
    file.key = "k1";
    file.correlation_id = "n1";
    file.name = "smart.log";
    file.content_type = "text/plain; charset=utf-8";
    file.content = std::make_shared<const std::string>("hello");
    file.size = 5;
    file.at = start;
    c.attachments = {file};
    return c;
  }
  std::string ask(const std::string& statement) { return server->ask(url, statement); }

  static constexpr base::Time start = base::from_ns(1'700'000'000'000'000'000);  // 2023-11-14T22:13:20Z
  PostgresServer* server = nullptr;
  std::string url;
  model::SeriesTable series;
  std::unique_ptr<Store> store;
};

TEST_F(UsersSql, CountsIncidentsBySeverityAndStatus) {
  EXPECT_EQ(ask("SELECT severity, status, count(*) FROM incidents GROUP BY severity, status ORDER BY severity"),
            "CRITICAL|RESOLVED|2\nHIGH|OPEN|1\nLOW|ACKNOWLEDGED|1");
}

TEST_F(UsersSql, MeanTimeToAcknowledgeBySeverity) {
  EXPECT_EQ(ask("SELECT severity, round(avg(extract(epoch FROM acknowledged_at - detected_at))) FROM incidents WHERE "
                "acknowledged_at IS NOT NULL GROUP BY severity ORDER BY severity"),
            "CRITICAL|180\nLOW|3600");
}

TEST_F(UsersSql, MeanTimeToResolveAndItsMedian) {
  EXPECT_EQ(ask("SELECT avg(resolved_at - created_at), percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM "
                "resolved_at - created_at)) FROM incidents WHERE status IN ('RESOLVED', 'CLOSED')"),
            "00:30:00|1800");
}

TEST_F(UsersSql, IncidentsPerHourAsAGrafanaPanelAsks) {
  EXPECT_EQ(ask("SELECT date_trunc('hour', created_at AT TIME ZONE 'UTC') AS time, count(*) AS value FROM incidents "
                "WHERE created_at BETWEEN '2023-11-14T00:00:00Z' AND '2023-11-15T00:00:00Z' GROUP BY 1 ORDER BY 1"),
            "2023-11-14 22:00:00|4");
}

TEST_F(UsersSql, OpenIncidentsWithAgeOldestFirst) {
  EXPECT_EQ(ask("SELECT id, title, now() - detected_at > interval '1 hour' FROM incidents WHERE status NOT IN "
                "('RESOLVED', 'CLOSED') ORDER BY detected_at, id"),
            "1003|disk_full host=n3|t\n1004|disk_full host=n4|t");
}

TEST_F(UsersSql, TheTimelineOfAnIncident) {
  EXPECT_EQ(ask("SELECT t.event_type, t.actor, t.old_value, t.new_value FROM incident_timeline t JOIN incidents i ON "
                "i.id = t.incident_id WHERE i.correlation_id = 'n1' ORDER BY t.created_at, t.id"),
            "opened|tocsin||CRITICAL\nstatus|ana|OPEN|ACKNOWLEDGED\nnote|ana||\nstatus|ana|ACKNOWLEDGED|RESOLVED");
}

TEST_F(UsersSql, WhoDidMostWithThem) {
  EXPECT_EQ(ask("SELECT actor, count(*) FROM incident_timeline WHERE actor <> 'tocsin' GROUP BY actor"), "ana|3");
}

TEST_F(UsersSql, DeliveryByChannelWithItsFailures) {
  EXPECT_EQ(ask("SELECT channel, count(*) FILTER (WHERE status = 'SENT') AS sent, count(*) FILTER (WHERE status = "
                "'FAILED') AS failed FROM notification_log GROUP BY channel ORDER BY channel"),
            "email|2|0\nsms|1|1");
}

TEST_F(UsersSql, FromDetectionToTheFirstDelivery) {
  EXPECT_EQ(ask("SELECT i.id, min(n.delivered_at) - i.detected_at FROM incidents i JOIN notification_log n ON "
                "n.incident_id = i.id WHERE n.status = 'SENT' GROUP BY i.id, i.detected_at ORDER BY i.id"),
            "1001|00:00:03\n1003|00:00:05");
}

TEST_F(UsersSql, IncidentsNobodyWasToldOf) {
  EXPECT_EQ(ask("SELECT i.id FROM incidents i LEFT JOIN notification_log n ON n.incident_id = i.id WHERE n.id IS NULL "
                "ORDER BY i.id"),
            "1002\n1004");
}

TEST_F(UsersSql, IncidentsAndTheirJiraIssues) {
  EXPECT_EQ(ask("SELECT i.id, m.jira_key, m.jira_url, m.status, m.synced_at > i.resolved_at FROM incidents i JOIN "
                "jira_mappings m ON m.incident_id = i.id"),
            "1001|OPS-1|https://jira/OPS-1|Done|t");
}

TEST_F(UsersSql, CriticalIncidentsWithoutATicket) {
  EXPECT_EQ(ask("SELECT id FROM incidents WHERE severity = 'CRITICAL' AND NOT EXISTS (SELECT 1 FROM jira_mappings m "
                "WHERE m.incident_id = incidents.id)"),
            "1002");
}

TEST_F(UsersSql, WhichRulesOpenMost) {
  EXPECT_EQ(ask("SELECT a.rule_name, count(DISTINCT i.id) FROM incident_alerts a JOIN incidents i ON i.id = "
                "a.incident_id GROUP BY a.rule_name"),
            "disk_full|1");
}

TEST_F(UsersSql, MetricValuesAgainstTheirThresholds) {
  EXPECT_EQ(ask("SELECT metric_name, max(metric_value - threshold_value) FROM incidents WHERE metric_value > "
                "threshold_value GROUP BY metric_name"),
            "host.disk.used_percent|5.5");
}

TEST_F(UsersSql, LabelsAndTagsAreJson) {
  EXPECT_EQ(ask("SELECT count(*) FROM incidents WHERE labels->>'team' = 'core' AND tags ? 'night'"), "4");
  EXPECT_EQ(ask("SELECT labels->>'host', state FROM alert_history WHERE severity = 'CRITICAL'"), "n1|firing");
}

TEST_F(UsersSql, FilesWithTheirIncident) {
  EXPECT_EQ(ask("SELECT i.id, a.file_name, length(a.content) FROM incident_attachments a JOIN incidents i ON i.id = "
                "a.incident_id"),
            "1001|smart.log|5");
}

TEST_F(UsersSql, AStatusThatIsNoneIsRefusedByTheDatabase) {
  for (const char* change : {"status = 'DONE'", "severity = 'BAD'", "category = 'X'"}) {
    const std::string attempted = "DO $$ BEGIN UPDATE incidents SET " + std::string(change) +
                                  "; RAISE NOTICE 'taken'; EXCEPTION WHEN check_violation THEN NULL; END $$; SELECT 1";
    EXPECT_EQ(ask(attempted), "1") << change;
  }
  EXPECT_EQ(ask("SELECT count(DISTINCT status) FROM incidents"), "3");
}

}  // namespace
}  // namespace tocsin::storage
