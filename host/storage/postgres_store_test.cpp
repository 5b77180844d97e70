// What only PostgreSQL does: logins, restarts of the server, several agents at once, and the tables that users' SQL
// reads.
#include <gtest/gtest.h>

#include <thread>

#include "storage/port.hpp"
#include "storage/postgres_server_test.hpp"
#include "storage/scratch_test.hpp"
#include "storage_migrations.hpp"

namespace tocsin::storage {
namespace {

class PostgresStore : public ::testing::Test {
 protected:
  void SetUp() override {
    server = PostgresServer::shared();
    if (!server) GTEST_SKIP() << "not run: " << PostgresServer::why();
    url = server->make_database();
  }
  base::Result<std::unique_ptr<Store>> try_open(const std::string& at,
                                                const std::string& password = PostgresServer::password(),
                                                const std::string& agent = "default") {
    return open_store({.url = at, .password = password, .agent = agent}, series);
  }
  std::string ask(const std::string& statement) { return server->ask(url, statement); }
  static model::Changes with_incident(const std::string& id) {
    model::Changes c;
    c.incidents.emplace_back();
    c.incidents[0].correlation_id = id;
    c.incidents[0].title = "disk full";
    return c;
  }
  static std::vector<model::SharedBatch> at_position(model::SignalBatch batch, std::uint64_t position) {
    batch.position = position;
    return {std::make_shared<const model::SignalBatch>(std::move(batch))};
  }

  PostgresServer* server = nullptr;
  std::string url;
  model::SeriesTable series;
};

TEST_F(PostgresStore, AWrongPasswordIsDeniedAndNeverShown) {
  const auto opened = try_open(url, "wr0ng&secret");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::denied) << opened.error().message();
  EXPECT_EQ(opened.error().message().find("wr0ng"), std::string::npos) << opened.error().message();
  EXPECT_NE(opened.error().message().find("tester@127.0.0.1"), std::string::npos);
}

TEST_F(PostgresStore, APasswordInTheUrlIsNotShownEither) {
  std::string with_password = url;
  with_password.insert(with_password.find('@'), ":wr0ng");
  const auto opened = try_open(with_password, "");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message().find("wr0ng"), std::string::npos) << opened.error().message();
}

TEST_F(PostgresStore, AServerThatIsNotThereIsUnavailable) {
  const auto opened = try_open("postgres://tester@127.0.0.1:1/none");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::unavailable) << opened.error().message();
}

TEST_F(PostgresStore, ADatabaseThatIsMissingIsNamed) {
  const auto opened = try_open(url + "missing");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::not_found) << opened.error().message();
}

TEST_F(PostgresStore, AMissingModuleIsSaidWithItsPath) {
  const auto opened = open_store({.url = url, .module_dir = "/nowhere"}, series);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::unsupported);
  EXPECT_NE(opened.error().message().find("/nowhere/tocsin_postgres.so"), std::string::npos);
}

TEST_F(PostgresStore, GoesOnAfterTheServerWasRestarted) {
  auto store = must(try_open(url));
  must(store->commit(with_incident("before")));
  server->restart();
  must(store->commit(with_incident("after")));
  EXPECT_EQ(must(store->incidents({})).items.size(), 2u);
}

TEST_F(PostgresStore, AgentsThatStartTogetherMigrateOnce) {
  {
    std::vector<std::jthread> agents;
    for (int i = 0; i < 4; ++i)
      agents.emplace_back([&, i] { must(try_open(url, PostgresServer::password(), "agent " + std::to_string(i))); });
  }
  EXPECT_EQ(ask("SELECT count(*) FROM schema_version"), std::to_string(migrations::postgres.size()));
}

TEST_F(PostgresStore, EverySchemaIsAStoreOfItsOwn) {
  const auto in = [&](const std::string& schema, const std::string& agent) {
    return must(
        open_store({.url = url, .password = PostgresServer::password(), .schema = schema, .agent = agent}, series));
  };
  auto one = in("team_a", "x"), same = in("team_a", "y"), other = in("team_b", "x");
  must(one->commit(with_incident("of a")));
  EXPECT_EQ(must(same->incidents({})).items.size(), 1u);
  EXPECT_EQ(must(other->incidents({})).items.size(), 0u);
  EXPECT_EQ(ask("SELECT title FROM team_a.incidents"), "disk full");
  EXPECT_EQ(ask("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"), "0");
}

TEST_F(PostgresStore, RefusesADatabaseOfANewerVersion) {
  must(try_open(url));
  ask("INSERT INTO schema_version (version, name) VALUES (99, 'future')");
  const auto opened = try_open(url);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::unsupported);
}

TEST_F(PostgresStore, ASecondAgentOfTheSameNameDoublesNothing) {
  auto first = must(try_open(url)), second = must(try_open(url));
  const model::SeriesId id = series.intern({"cpu", {}});
  must(first->append_history(at_position(batch_of(id, 5), 1)));
  must(second->append_history(at_position(batch_of(id, 5), 1)));
  must(first->flush_history());
  const auto flushed = second->flush_history();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().fault(), base::Fault::conflict);
  EXPECT_EQ(ask("SELECT count(*) FROM signals"), "5");
}

TEST_F(PostgresStore, ASeriesThatSomebodyRemovedIsMadeAgain) {
  auto store = must(try_open(url));
  const model::SeriesId id = series.intern({"cpu", {}});
  must(store->append_history(at_position(batch_of(id, 5), 1)));
  must(store->flush_history());
  ask("DELETE FROM signals; DELETE FROM series");
  must(store->append_history(at_position(batch_of(id, 5), 2)));
  EXPECT_EQ(must(store->flush_history()), 2u);
  EXPECT_EQ(must(store->samples({.name = "cpu"})).at(0).samples.size(), 5u);
}

/// The columns of the specification, on which users' SQL and panels depend.
TEST_F(PostgresStore, HasTheColumnsThatUsersDependOn) {
  must(try_open(url));
  const std::vector<std::pair<std::string, std::string>> tables{
      {"signals",
       "id,loader_code,signal_key,signal_value,captured_at,metric_type,metric_source,validation_status,error_type,"
       "correlation_id,labels"},
      {"signals_history", "id,loader_code,load_time_stamp,segment_code,rec_count,min_val,max_val,avg_val,sum_val"},
      {"loader", "id,loader_code,loader_name,loader_description,enabled,version,created_at"},
      {"login_attempts", "id,client_ip,username,success,attempted_at,user_agent"},
      {"incidents",
       "id,title,description,severity,category,status,service_name,correlation_id,affected_component,metric_name,"
       "metric_value,threshold_value,impact,suggestion,resolution_notes,jira_ticket_key,jira_ticket_url,detected_at,"
       "acknowledged_at,resolved_at,closed_at,created_at,updated_at"},
      {"incident_detection_rules",
       "id,rule_name,rule_type,description,metric_query,query_type,threshold_value,threshold_operator,severity,"
       "alert_message_template,suggestion_template,enabled,evaluation_interval_seconds,cooldown_period_seconds,created_"
       "at,"
       "updated_at,last_triggered_at,trigger_count"}};
  for (const auto& [table, columns] : tables) ask("SELECT " + columns + " FROM " + table);
  for (const char* table :
       {"incident_timeline", "incident_alerts", "incident_attachments", "alert_evaluations", "alert_history",
        "notification_log", "contact_groups", "escalation_policies", "jira_mappings", "jira_sync_log"})
    EXPECT_EQ(ask("SELECT count(*) FROM " + std::string(table)), "0");
  EXPECT_EQ(ask("SELECT count(*) FROM pg_constraint WHERE conrelid = 'incidents'::regclass AND contype = 'c'"), "3");
}

TEST_F(PostgresStore, ASignalsRowSaysWhatUsersAskFor) {
  auto store = must(try_open(url));
  const model::SeriesId id = series.intern(
      {"ERROR_COUNT_5MIN",
       {{"loader", "STATS"}, {"metric_type", "COUNT"}, {"metric_source", "ELASTICSEARCH"}, {"segment", "s1"}}});
  auto batch = batch_of(id, 2, 1'700'000'000'123'456'000);
  batch.summary = {{5, 1, 9, 3, 15}, {std::numeric_limits<double>::quiet_NaN(), 0, 0, 0, 0}};
  must(store->append_history(at_position(batch, 1)));
  must(store->append_rejected(
      {{base::from_ns(1'700'000'000'000'000'000), "i", "http", "bad_ts", "r", "n", "L", "raw", 1}}));
  must(store->flush_history());
  EXPECT_EQ(
      ask("SELECT loader_code, signal_key, signal_value, captured_at AT TIME ZONE 'UTC', metric_type, metric_source, "
          "validation_status, labels->>'segment' FROM signals WHERE validation_status = 'VALID' ORDER BY id LIMIT 1"),
      "STATS|ERROR_COUNT_5MIN|3|2023-11-14 22:13:20.123456|COUNT|ELASTICSEARCH|VALID|s1");
  EXPECT_EQ(ask("SELECT loader_code, error_type, metric_source FROM signals WHERE validation_status = 'FAILED'"),
            "L|bad_ts|http");
  EXPECT_EQ(ask("SELECT loader_code, segment_code, rec_count, min_val, max_val, avg_val, sum_val FROM signals_history"),
            "STATS|s1|5|1|9|3|15");
  EXPECT_EQ(ask("SELECT loader_code FROM loader WHERE version = 'ACTIVE'"), "STATS");
}

TEST_F(PostgresStore, SignalsLieInDailyPartitionsThatGoWhenTheirTimeIsOver) {
  auto store = must(try_open(url));
  const model::SeriesId id = series.intern({"cpu", {}});
  must(store->append_history(at_position(batch_of(id, 1, 1'700'000'000'000'000'000), 1)));  // 2023-11-14
  must(store->append_history(at_position(batch_of(id, 1, 1'700'200'000'000'000'000), 2)));  // 2023-11-17
  must(store->flush_history());
  EXPECT_EQ(ask("SELECT count(*) FROM signal_samples_20231114"), "1");
  EXPECT_EQ(ask("SELECT count(*) FROM signal_samples_20231117"), "1");
  EXPECT_EQ(ask("SELECT count(*) FROM signal_samples_20231118"), "0");
  must(store->expire(base::from_ns(1'700'200'000'000'000'000),
                     {.signals = {.raw = std::chrono::hours(24)}, .classes = {}}));
  EXPECT_EQ(ask("SELECT to_regclass('signal_samples_20231114') IS NULL"), "t");
  EXPECT_EQ(ask("SELECT count(*) FROM signals"), "1");
}

TEST_F(PostgresStore, RollupsAreRowsThatSqlReads) {
  auto store = must(try_open(url));
  const model::SeriesId id = series.intern({"cpu", {{"host", "n1"}}});
  must(store->append_history(at_position(batch_of(id, 500, 1'700'000'100'000'000'000), 1)));
  must(store->flush_history());
  must(store->append_history(at_position(batch_of(id, 100, 1'700'000'600'000'000'000, 501), 2)));
  must(store->flush_history());
  EXPECT_EQ(ask("SELECT s.name, r.bucket_start AT TIME ZONE 'UTC', r.sample_count, r.min_val, r.max_val, r.sum_val + "
                "r.sum_rest FROM signals_5m r JOIN series s ON s.id = r.series_id ORDER BY 2 DESC LIMIT 1"),
            "cpu|2023-11-14 22:20:00|300|301|600|135150");
  EXPECT_EQ(ask("SELECT count(*), sum(sample_count) FROM signals_1h"), "1|600");
  EXPECT_EQ(ask("SELECT count(*) FROM signals_5m_default"), "0");
  EXPECT_EQ(ask("SELECT count(*) FROM signals_1h_default"), "0");
}

/// A database of the version before: its signals are in no rollup, and what an agent of it still writes will not be.
TEST_F(PostgresStore, SignalsFromBeforeTheRollupsAreReadAsTheyAre) {
  const model::SeriesId id = series.intern({"cpu", {}});
  {
    auto store = must(try_open(url));
    must(store->append_history(at_position(batch_of(id, 600, 1'700'000'100'000'000'000), 1)));
    must(store->flush_history());
  }
  ask("DELETE FROM signals_5m; DELETE FROM signals_1h; UPDATE rollup_state SET since = '2023-11-15 00:00:00+00'");
  auto store = must(try_open(url));
  const auto found = must(store->buckets({.name = "cpu"}, std::chrono::minutes(5)));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].buckets.size(), 2u);
  EXPECT_EQ(found[0].buckets[0].of.count, 300);
}

TEST_F(PostgresStore, SignalsThatTheServerRefusesWaitAndAreWrittenOnce) {
  auto store = must(try_open(url));
  ask("ALTER TABLE signal_samples ADD CONSTRAINT small CHECK (signal_value < 3)");
  const model::SeriesId id = series.intern({"cpu", {}});
  must(store->append_history(at_position(batch_of(id, 5), 1)));
  const auto refused = store->flush_history();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("COPY signal_samples"), std::string::npos) << refused.error().message();
  EXPECT_NE(refused.error().message().find("small"), std::string::npos) << refused.error().message();
  EXPECT_EQ(ask("SELECT (SELECT count(*) FROM signals), (SELECT count(*) FROM signals_5m)"), "0|0");
  ask("ALTER TABLE signal_samples DROP CONSTRAINT small");
  server->restart();
  EXPECT_EQ(must(store->flush_history()), 1u);
  EXPECT_EQ(ask("SELECT count(*), sum(signal_value) FROM signals"), "5|15");
  EXPECT_EQ(ask("SELECT sum(sample_count) FROM signals_5m"), "5");
}

/// Two agents of one source write into the same series; each finds what both wrote, in the order of time.
TEST_F(PostgresStore, AgentsThatWriteAtOnceNeitherLoseNorDouble) {
  constexpr std::size_t flushes = 20, rows = 500;
  std::vector<std::unique_ptr<Store>> stores;
  for (const char* name : {"one", "two"}) stores.push_back(must(try_open(url, PostgresServer::password(), name)));
  const model::SeriesId ids[] = {series.intern({"cpu", {{"host", "a"}}}), series.intern({"cpu", {{"host", "b"}}})};
  {
    std::vector<std::jthread> agents;
    for (auto& store : stores)
      agents.emplace_back([&, store = store.get()] {
        for (std::size_t n = 1; n <= flushes; ++n) {
          must(store->append_history(at_position(batch_of(ids[n % 2], rows), n)));
          must(store->flush_history());
        }
      });
  }
  EXPECT_EQ(ask("SELECT count(*), count(DISTINCT id), sum(signal_value) FROM signals"), "20000|20000|5010000");
  EXPECT_EQ(ask("SELECT sum(sample_count), sum(sum_val) FROM signals_1h"), "20000|5010000");
}

/// Rows of a day came before its partition: they stay in the default one, and the day's later rows join them.
TEST_F(PostgresStore, ADayWhosePartitionCannotBeMadeIsKeptAllTheSame) {
  auto store = must(try_open(url));
  ask("INSERT INTO signal_samples (series_id, captured_at, id) VALUES (7, '2023-11-14 22:00:00+00', 1)");
  const model::SeriesId id = series.intern({"cpu", {}});
  must(store->append_history(at_position(batch_of(id, 3), 1)));
  must(store->flush_history());
  EXPECT_EQ(ask("SELECT count(*) FROM signal_samples_default"), "4");
}

}  // namespace
}  // namespace tocsin::storage
