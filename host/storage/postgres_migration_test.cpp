// A database of the version before `signals` became a view: its rows, its users' rights and views, and its agents that
// still run.
#include <gtest/gtest.h>

#include "storage/port.hpp"
#include "storage/postgres_server_test.hpp"
#include "storage/scratch_test.hpp"
#include "storage_migrations.hpp"

namespace tocsin::storage {
namespace {

constexpr std::int64_t second = 1'000'000'000, tuesday = 1'700'000'000 * second;  // 2023-11-14 22:13:20 UTC

class WideSignals : public ::testing::Test {
 protected:
  void SetUp() override {
    server = PostgresServer::shared();
    if (!server) GTEST_SKIP() << "not run: " << PostgresServer::why();
    url = server->make_database();
    ask("CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TIMESTAMP DEFAULT "
        "CURRENT_TIMESTAMP)");
    for (const sql::Migration& m : migrations::postgres) {
      if (m.version > 11) break;
      ask(std::string(m.script));
      ask("INSERT INTO schema_version (version, name) VALUES (" + std::to_string(m.version) + ", '" +
          std::string(m.name) + "')");
    }
    ask("CREATE TABLE signals_20231114 PARTITION OF signals FOR VALUES FROM ('2023-11-14 00:00+00') TO ('2023-11-15 "
        "00:00+00')");
    ask("INSERT INTO series (id, name, labels, loader_code) OVERRIDING SYSTEM VALUE VALUES (7, 'cpu', "
        "'{\"loader\":\"DAILY\"}', 'DAILY'); SELECT setval(pg_get_serial_sequence('series', 'id'), 7)");
    write_as_before("1700000000000000,1700000001000000", "10,20", "NULL,4");
    ask("INSERT INTO signals (captured_at, instance, metric_source, error_type, reason, signal_key, raw, "
        "rejected_count, validation_status) VALUES ('2023-11-14 22:00:00+00', 'i', 'http', 'bad_ts', 'r', 'n', 'raw', "
        "1, 'FAILED')");
  }
  std::unique_ptr<Store> open() {
    return must(open_store({.url = url, .password = PostgresServer::password()}, series));
  }
  std::string ask(const std::string& statement) { return server->ask(url, statement); }
  /// The statement by which the version before writes signals, of series 7.
  void write_as_before(const std::string& us, const std::string& values, const std::string& counts) {
    ask("INSERT INTO signals (loader_code, signal_key, signal_value, captured_at, metric_type, metric_source, "
        "correlation_id, labels, series_id, sample_count, min_val, max_val, avg_val, sum_val) "
        "SELECT s.loader_code, s.name, v.value, timestamptz 'epoch' + v.us * interval '1 microsecond', "
        "s.labels->>'metric_type', coalesce(s.labels->>'metric_source', 'http'), s.labels->>'correlation_id', "
        "s.labels, s.id, v.n, v.n, v.n, v.n, v.n FROM unnest('{" +
        us + "}'::bigint[], '{" + values + "}'::float8[], '{" + counts +
        "}'::float8[]) WITH ORDINALITY AS v(us, value, n, place) JOIN series s ON s.id = 7 ORDER BY v.place");
  }
  void write(Store& store, std::size_t rows, std::int64_t ts, std::uint64_t position) {
    auto batch = batch_of(series.intern({"cpu", {{"loader", "DAILY"}}}), rows, ts, 100);
    batch.position = position;
    must(store.append_history({std::make_shared<const model::SignalBatch>(std::move(batch))}));
    must(store.flush_history());
  }
  std::vector<double> values(Store& store) {
    std::vector<double> out;
    for (const auto& s : must(store.samples({.name = "cpu"})))
      for (const auto& sample : s.samples) out.push_back(sample.value);
    return out;
  }

  PostgresServer* server = nullptr;
  std::string url;
  model::SeriesTable series;
};

TEST_F(WideSignals, RowsAreReadBesideThoseWrittenSince) {
  auto store = open();
  EXPECT_EQ(values(*store), (std::vector<double>{10, 20}));
  write(*store, 2, tuesday + 2 * second, 1);
  EXPECT_EQ(values(*store), (std::vector<double>{10, 20, 100, 101}));
  const auto found = must(store->samples({.name = "cpu"}));
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found[0].summaries.size(), 4u);
  EXPECT_EQ(found[0].summaries[1].count, 4);
  EXPECT_EQ(must(store->series("")).at(0).samples, 4u);
  EXPECT_EQ(must(store->rejected({})).items.size(), 1u);
  EXPECT_EQ(ask("SELECT count(*), count(DISTINCT id) FROM signals"), "5|5");
  EXPECT_EQ(
      ask("SELECT DISTINCT loader_code, signal_key, metric_source, labels->>'loader', series_id FROM signals WHERE "
          "validation_status = 'VALID'"),
      "DAILY|cpu|http|DAILY|7");
}

TEST_F(WideSignals, RowsGoWhenTheirTimeIsOver) {
  auto store = open();
  write(*store, 1, tuesday + 3 * 86'400 * second, 1);
  must(store->expire(base::from_ns(tuesday + 3 * 86'400 * second),
                     {.signals = {.raw = std::chrono::hours(24)}, .classes = {}}));
  EXPECT_EQ(ask("SELECT to_regclass('signals_20231114') IS NULL"), "t");
  EXPECT_EQ(values(*store), std::vector<double>{100});
}

TEST_F(WideSignals, UsersKeepTheirRightsAndTheirViews) {
  ask("CREATE VIEW high AS SELECT signal_key, signal_value FROM signals WHERE signal_value > 15");
  ask("CREATE VIEW highest AS SELECT max(signal_value) AS value FROM high");
  ask("DROP ROLE IF EXISTS panels_of_wide, loaders_of_wide");
  ask("CREATE ROLE panels_of_wide; CREATE ROLE loaders_of_wide; GRANT SELECT ON signals TO panels_of_wide; "
      "GRANT SELECT (signal_key) ON signals TO loaders_of_wide");
  auto store = open();
  write(*store, 2, tuesday + 2 * second, 1);
  EXPECT_EQ(ask("SELECT count(*) FROM high"), "3");
  EXPECT_EQ(ask("SELECT value FROM highest"), "101");
  EXPECT_EQ(ask("SET ROLE panels_of_wide; SELECT count(*) FROM signals"), "5");
  EXPECT_EQ(ask("SET ROLE loaders_of_wide; SELECT count(signal_key) FROM signals"), "5");
  EXPECT_EQ(ask("SELECT has_table_privilege('loaders_of_wide', 'signals', 'SELECT')"), "f");
  ask("DROP OWNED BY panels_of_wide, loaders_of_wide; DROP ROLE panels_of_wide, loaders_of_wide");
}

/// What an agent of the version before does with a database that another has brought to this one.
TEST_F(WideSignals, AnAgentOfTheVersionBeforeGoesOn) {
  auto store = open();
  write(*store, 1, tuesday + 2 * second, 1);
  must(store->expire(base::from_ns(tuesday), {.signals = {.raw = std::chrono::hours(24)}, .classes = {}}));
  for (const char* day : {"20231114", "20231115", "20231116"})
    ask("CREATE TABLE IF NOT EXISTS signals_" + std::string(day) + " PARTITION OF signals FOR VALUES FROM ('" + day +
        " 00:00+00') TO ('20240101 00:00+00')");
  write_as_before("1700000003000000,1700100000000000", "30,40", "NULL,NULL");
  EXPECT_EQ(values(*store), (std::vector<double>{10, 20, 100, 30, 40}));
  EXPECT_EQ(ask("SELECT count(*) FROM signals_default"), "0");
  EXPECT_EQ(ask("SELECT count(*), max(signal_value) FROM signals WHERE series_id = 7"), "5|100");
  ask("DELETE FROM signals WHERE series_id IS NULL AND captured_at < '2023-11-15 00:00+00'");
  EXPECT_EQ(must(store->rejected({})).items.size(), 0u);
  ask("DELETE FROM series WHERE created_at < now() AND NOT EXISTS (SELECT 1 FROM signals WHERE signals.series_id = "
      "series.id) AND NOT EXISTS (SELECT 1 FROM signals_5m r WHERE r.series_id = series.id)");
  EXPECT_EQ(ask("SELECT count(*) FROM series"), "1");
}

}  // namespace
}  // namespace tocsin::storage
