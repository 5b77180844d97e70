#include "storage/sqlite/open.hpp"

#include <filesystem>

#include "storage/sql/migrations.hpp"
#include "storage/sql/store.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/history.hpp"
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

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(const std::string& path, const StoreSettings& settings,
                                           model::SeriesTable& series) {
  TRY(auto database, SqliteDatabase::open(path, settings.sync));
  sql::MigrationPlan plan;
  plan.migrations = migrations::sqlite;
  plan.backup = [&](int version) { return back_up(*database, path, version); };
  TRY(const int schema, sql::migrate(*database, plan));
  TRY(auto history, SqliteHistory::open(*database, series, settings.agent));
  return std::make_unique<sql::SqlStore>(std::move(database), std::move(history), settings.agent, schema, nullptr,
                                         std::make_unique<SqliteRuleQueries>(path));
}

}  // namespace tocsin::storage::sqlite
