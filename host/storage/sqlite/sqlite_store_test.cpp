#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <utility>

#include "storage/scratch_test.hpp"
#include "storage/sql/migrations.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/open.hpp"
#include "storage_migrations.hpp"

namespace tocsin::storage::sqlite {
namespace {

namespace fs = std::filesystem;

class SqliteStore : public ::testing::Test {
 protected:
  base::Result<std::unique_ptr<Store>> try_open() {
    series = std::make_unique<model::SeriesTable>();
    return open_sqlite(path, {}, *series);
  }
  /// First column of the first row, read as any program would.
  std::string ask(const std::string& statement) const {
    sqlite3* db = nullptr;
    std::string out;
    EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    const auto first = [](void* to, int n, char** values, char**) {
      if (n > 0 && values[0] && static_cast<std::string*>(to)->empty()) *static_cast<std::string*>(to) = values[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), first, &out, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
    return out;
  }
  static model::Changes with_incident(const std::string& id) {
    model::Changes c;
    c.incidents.emplace_back();
    c.incidents[0].correlation_id = id;
    c.incidents[0].title = "kept";
    return c;
  }

  Scratch scratch;
  const std::string path = scratch / "tocsin.db";
  std::unique_ptr<model::SeriesTable> series;
};

TEST_F(SqliteStore, MigratesAnOlderDatabaseAndKeepsABackupOfIt) {
  must(sql::migrate(*must(SqliteDatabase::open(path, false)), {.migrations = migrations::sqlite.first(1)}));
  ask("INSERT INTO incidents (correlation_id, agent, title, status, labels, tags, links, shadow) "
      "VALUES ('old', 'default', 'kept', 'OPEN', '{}', '[]', '[]', 0)");
  ASSERT_EQ(ask("SELECT max(version) FROM schema_version"), "1");
  auto store = must(try_open());
  EXPECT_EQ(must(store->incident("old"))->title, "kept");
  EXPECT_TRUE(must(store->samples({})).empty());
  EXPECT_EQ(ask("SELECT max(version) FROM schema_version"), std::to_string(migrations::sqlite.back().version));
  const fs::path backup = path + ".schema-1.bak";
  ASSERT_TRUE(fs::exists(backup));
  store.reset();
  fs::copy_file(backup, path, fs::copy_options::overwrite_existing);
  EXPECT_EQ(ask("SELECT max(version) FROM schema_version"), "1");
  EXPECT_EQ(ask("SELECT title FROM incidents"), "kept");
}

TEST_F(SqliteStore, MakesNoBackupOfANewDatabase) {
  must(try_open());
  for (const auto& entry : fs::directory_iterator(scratch.path())) EXPECT_NE(entry.path().extension(), ".bak");
}

TEST_F(SqliteStore, RefusesADatabaseOfANewerVersion) {
  must(try_open());
  ask("INSERT INTO schema_version (version, name) VALUES (99, 'future')");
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::unsupported);
  EXPECT_NE(opened.error().message().find("schema 99"), std::string::npos);
}

TEST_F(SqliteStore, SaysThatAFileIsNoDatabase) {
  std::ofstream(path) << std::string(5000, 'x');
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::corrupt);
  EXPECT_NE(opened.error().message().find(path), std::string::npos);
}

TEST_F(SqliteStore, SaysThatAFolderIsMissing) {
  model::SeriesTable table;
  const auto opened = open_sqlite(scratch / "missing/tocsin.db", {}, table);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), base::Fault::unavailable);
}

TEST_F(SqliteStore, WritesAnAlertHistoryRowPerTransition) {
  auto store = must(try_open());
  model::Changes c;
  c.alerts.emplace_back();
  c.alerts[0].id = "a1";
  for (auto state : {model::AlertState::pending, model::AlertState::firing, model::AlertState::firing,
                     model::AlertState::resolved}) {
    c.alerts[0].state = state;
    must(store->commit(c));
  }
  settle(*store);
  EXPECT_EQ(ask("SELECT group_concat(state) FROM (SELECT state FROM alert_history ORDER BY id)"),
            "pending,firing,resolved");
  EXPECT_EQ(ask("SELECT count(*) FROM alerts"), "1");
}

TEST_F(SqliteStore, RefusesAnEnumerationThatIsNone) {
  auto store = must(try_open());
  must(store->commit(with_incident("i")));
  settle(*store);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "UPDATE incidents SET status = 'GONE'", nullptr, nullptr, nullptr), SQLITE_CONSTRAINT);
  sqlite3_close(db);
}

TEST_F(SqliteStore, FrequentFlushesLeaveFullChunks) {
  auto store = must(try_open());
  const model::SeriesId id = series->intern({"cpu", {}});
  for (std::uint64_t position = 1; position <= 300; ++position) {
    auto batch = batch_of(id, 10, static_cast<std::int64_t>(position) * 10'000'000'000);
    batch.position = position;
    must(store->append_history({std::make_shared<const model::SignalBatch>(std::move(batch))}));
    must(store->flush_history());
  }
  EXPECT_EQ(ask("SELECT count(*) FROM chunks"), "3");
  EXPECT_EQ(ask("SELECT sum(samples) FROM chunks"), "3000");
}

TEST_F(SqliteStore, FlushesByItselfWhenMuchIsTogether) {
  auto store = must(try_open());
  const model::SeriesId id = series->intern({"noise", {}});
  std::uint64_t position = 0, seed = 1;
  while (ask("SELECT count(*) FROM chunks") == "0" && position < 200) {
    auto batch = batch_of(id, 20'000);
    for (double& v : batch.value)
      v = static_cast<double>(seed = seed * 6364136223846793005ull + 1442695040888963407ull);
    batch.position = ++position;
    must(store->append_history({std::make_shared<const model::SignalBatch>(std::move(batch))}));
  }
  EXPECT_LT(position, 200u);
  EXPECT_EQ(must(store->samples({.name = "noise"}))[0].samples.size(), position * 20'000);
}

/// A file whose history began before there were rollups: they are made in steps, oldest first, and the answer is the
/// same at each of them.
TEST_F(SqliteStore, RollsUpAnOlderHistoryStepByStep) {
  constexpr std::int64_t second = 1'000'000'000, begin = 1'700'000'100 * second;
  auto store = must(try_open());
  for (std::uint64_t position = 1; position <= 30; ++position) {
    auto batch = batch_of(series->intern({"cpu", {}}), 60, begin);
    for (std::size_t i = 0; i < batch.rows(); ++i)
      batch.ts[i] = begin + static_cast<std::int64_t>(position * 60 + i) * 60 * second;
    batch.position = position;
    must(store->append_history({std::make_shared<const model::SignalBatch>(std::move(batch))}));
  }
  must(store->flush_history());
  const auto sums = [&] {
    double sum = 0, count = 0;
    for (const auto& s : must(store->buckets({.name = "cpu"}, std::chrono::hours(1))))
      for (const Bucket& b : s.buckets) sum += b.of.total(), count += b.of.count;
    return std::pair(sum, count);
  };
  const auto before = sums();
  EXPECT_EQ(before.second, 1800);
  int steps = 1;
  std::string last = ask("SELECT rolled FROM rollup_state");
  for (bool more = true; more; ++steps) {
    more = must(store->roll_up(base::from_ns(begin + 3 * 86'400 * second)));
    EXPECT_EQ(sums(), before);
    EXPECT_NE(ask("SELECT rolled FROM rollup_state"), std::exchange(last, ask("SELECT rolled FROM rollup_state")));
  }
  EXPECT_GT(steps, 5);
  EXPECT_EQ(ask("SELECT sum(buckets) FROM rollups WHERE width = 300000000000"), "360");
}

TEST_F(SqliteStore, GivesTheRoomOfExpiredHistoryBack) {
  auto store = must(try_open());
  std::uint64_t seed = 1;
  for (std::uint64_t position = 1; position <= 40; ++position) {
    auto batch = batch_of(series->intern({"noise", {}}), 10'000);
    for (double& v : batch.value)
      v = static_cast<double>(seed = seed * 6364136223846793005ull + 1442695040888963407ull);
    batch.position = position;
    must(store->append_history({std::make_shared<const model::SignalBatch>(std::move(batch))}));
  }
  must(store->flush_history());
  const auto used = must(store->history_size());
  EXPECT_EQ(used.samples, 400'000u);
  EXPECT_GT(used.bytes, 2'000'000u);
  const auto gone = must(store->expire(base::from_ns(1'800'000'000'000'000'000), {}));
  EXPECT_EQ(gone.samples, 400'000u);
  EXPECT_EQ(ask("PRAGMA freelist_count"), "0");
  EXPECT_LT(must(store->history_size()).bytes, 500'000u);
  store.reset();
  EXPECT_LT(fs::file_size(path), 500'000u);
}

TEST_F(SqliteStore, RegistersTheLoadersItSees) {
  auto store = must(try_open());
  auto batch = batch_of(series->intern({"etl.run", {{"loader", "DAILY_SALES"}}}), 1);
  batch.position = 1;
  must(store->append_history({std::make_shared<const model::SignalBatch>(std::move(batch))}));
  must(store->flush_history());
  EXPECT_EQ(ask("SELECT loader_code || version FROM loader"), "DAILY_SALESACTIVE");
}

}  // namespace
}  // namespace tocsin::storage::sqlite
