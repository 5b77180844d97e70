// The module's two symbols (storage/module.hpp).
#include "storage/module.hpp"

#include "storage/postgres/database.hpp"
#include "storage/postgres/history.hpp"
#include "storage/postgres/shared.hpp"
#include "storage/sql/migrations.hpp"
#include "storage/sql/store.hpp"
#include "storage_migrations.hpp"

namespace tocsin::storage::postgres {
namespace {

/// Asked for first: who may use a schema that is there need not have the right to make one.
base::Result<void> make_schema(sql::Transaction& transaction, const std::string& name) {
  bool there = false;
  TRY_VOID(transaction.run("SELECT 1 FROM pg_namespace WHERE nspname = $1", {std::string_view(name)},
                           [&](const sql::Row&) { there = true; }));
  if (!there) TRY_VOID(transaction.script("CREATE SCHEMA " + name));
  return {};
}

base::Result<std::unique_ptr<Store>> open(const StoreSettings& settings, model::SeriesTable& series) {
  TRY(auto database, PostgresDatabase::open(address_of(settings)));
  sql::MigrationPlan plan;
  if (!settings.schema.empty()) plan.prepare = [&](sql::Transaction& t) { return make_schema(t, settings.schema); };
  plan.migrations = migrations::postgres;
  plan.lock = "SELECT pg_advisory_xact_lock(8370021401)";
  TRY(const int schema, sql::migrate(*database, plan));
  TRY(auto history, PostgresHistory::open(*database, series, settings.agent));
  auto shared = std::make_unique<PostgresShared>(*database, settings.agent);
  return std::make_unique<sql::SqlStore>(std::move(database), std::move(history), settings.agent, schema,
                                         std::move(shared));
}

}  // namespace
}  // namespace tocsin::storage::postgres

extern "C" const char* tocsin_store_module_version() {
  return tocsin::storage::store_module_version().c_str();
}

extern "C" void tocsin_store_module_open(const tocsin::storage::StoreSettings* settings,
                                         tocsin::model::SeriesTable* series,
                                         tocsin::base::Result<std::unique_ptr<tocsin::storage::Store>>* result) {
  *result = tocsin::storage::postgres::open(*settings, *series);
}
