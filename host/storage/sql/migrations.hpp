// Numbered migrations: what brings a database of any earlier version to this one's schema.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "storage/sql/database.hpp"

namespace tocsin::storage::sql {

struct Migration {
  int version = 0;        ///< from 1, without gaps
  std::string_view name;  ///< "initial"
  std::string_view script;
};

struct MigrationPlan {
  std::span<const Migration> migrations;
  /// Keeps two agents that start together from migrating at once, inside the transaction; empty: the database does.
  std::string_view lock;
  /// First of all, inside the transaction and the lock; empty: nothing.
  std::function<base::Result<void>(Transaction& transaction)> prepare;
  /// Called before an existing database of an older version changes.
  std::function<base::Result<void>(int from_version)> backup;
};

/// The version of the database; 0: it has no schema of ours.
base::Result<int> schema_version(Transaction& transaction);
/// Runs what is missing, all in one transaction. Fault::unsupported if the database is newer than this program.
base::Result<int> migrate(Database& database, const MigrationPlan& plan);

}  // namespace tocsin::storage::sql
