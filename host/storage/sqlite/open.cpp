#include "storage/sqlite/open.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "storage/sql/migrations.hpp"
#include "storage/sql/store.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/history.hpp"
#include "storage/sqlite/logged_store.hpp"
#include "storage/sqlite/rule_queries.hpp"
#include "storage_migrations.hpp"

namespace tocsin::storage::sqlite {
namespace {

namespace fs = std::filesystem;
using base::fail;
using base::Fault;
using base::Result;

/// The database as it was before its migration, beside it: "tocsin.db.schema-1.bak".
Result<void> back_up(SqliteDatabase& database, const std::string& path, int version) {
  const std::string target = path + ".schema-" + std::to_string(version) + ".bak", part = target + ".part";
  std::error_code error;
  fs::remove(part, error);
  if (auto copied = database.copy_to(part); !copied) return fail(copied.error().in("backup before the migration"));
  fs::rename(part, target, error);
  if (error) return fail(Fault::unavailable, "backup before the migration: " + target + ": " + error.message());
  return {};
}

Result<std::uint64_t> newest_number(SqliteDatabase& database) {
  std::uint64_t number = 0;
  TRY(auto t, database.read());
  TRY_VOID(t->run("SELECT seq FROM sqlite_sequence WHERE name = 'incidents'", {},
                  [&](const sql::Row& row) { number = static_cast<std::uint64_t>(row.integer(0)); }));
  return number;
}

void to_stderr(const base::Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(const std::string& path, const StoreSettings& settings,
                                           model::SeriesTable& series) {
  TRY(auto database, SqliteDatabase::open(path, settings.sync));
  sql::MigrationPlan plan;
  plan.migrations = migrations::sqlite;
  plan.backup = [&](int version) { return back_up(*database, path, version); };
  TRY(const int schema, sql::migrate(*database, plan));
  TRY(auto history, SqliteHistory::open(*database, series, settings.agent));
  SqliteDatabase& file = *database;
  LoggedStore::Parts parts;
  parts.store = std::make_unique<sql::SqlStore>(std::move(database), std::move(history), settings.agent, schema,
                                                nullptr, std::make_unique<SqliteRuleQueries>(path), true);
  TRY(const auto folded, parts.store->kv(LoggedStore::position_key));
  if (folded) parts.folded = std::strtoull(folded->c_str(), nullptr, 10);
  parts.newest_number = [&file] { return newest_number(file); };
  parts.report = settings.report ? settings.report : to_stderr;
  TRY(parts.log,
      DecisionLog::open(
          {.directory = path + ".decisions", .sync = settings.sync, .after = parts.folded, .report = parts.report}));
  auto store = std::make_unique<LoggedStore>(std::move(parts));
  TRY_VOID(store->start());
  return store;
}

}  // namespace tocsin::storage::sqlite
