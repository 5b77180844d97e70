#include "storage/sql/migrations.hpp"

#include "base/clock.hpp"

namespace tocsin::storage::sql {

using base::fail;
using base::Fault;
using base::Result;

namespace {

Result<void> create_version_table(Transaction& t) {
  return t.script(
      "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, "
      "applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)");
}

Result<void> apply(Transaction& t, const Migration& m) {
  if (auto done = t.script(std::string(m.script)); !done)
    return fail(done.error().in("migration " + std::to_string(m.version) + " (" + std::string(m.name) + ")"));
  auto noted = t.run("INSERT INTO schema_version (version, name) VALUES ($1, $2)", {std::int64_t{m.version}, m.name});
  if (!noted) return fail(std::move(noted).error());
  return {};
}

}  // namespace

Result<int> schema_version(Transaction& t) {
  int version = 0;
  TRY_VOID(t.run("SELECT max(version) FROM schema_version", {},
                 [&](const Row& row) { version = static_cast<int>(row.integer(0)); }));
  return version;
}

Result<int> migrate(Database& database, const MigrationPlan& plan) {
  TRY(auto t, database.write());
  if (!plan.lock.empty()) TRY_VOID(t->run(plan.lock, {}, [](const Row&) {}));
  if (plan.prepare) TRY_VOID(plan.prepare(*t));
  TRY_VOID(create_version_table(*t));
  TRY(int version, schema_version(*t));
  const int newest = plan.migrations.empty() ? 0 : plan.migrations.back().version;
  if (version > newest)
    return fail(Fault::unsupported, "the store " + database.describe() + " has schema " + std::to_string(version) +
                                        ", this version knows up to " + std::to_string(newest) +
                                        "; run the newer version, or restore the backup made before its migration");
  if (version == newest) return version;
  if (version > 0 && plan.backup) TRY_VOID(plan.backup(version));
  for (const Migration& m : plan.migrations)
    if (m.version > version) TRY_VOID(apply(*t, m));
  TRY_VOID(t->commit());
  return newest;
}

}  // namespace tocsin::storage::sql
