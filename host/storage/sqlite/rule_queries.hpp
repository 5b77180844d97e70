// Rules' queries on the SQLite file: a connection of their own, opened read-only, that authorizes reading and nothing
// else. It is opened when the first rule asks.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <mutex>
#include <string>

#include "storage/rule_queries.hpp"

namespace tocsin::storage::sqlite {

class SqliteRuleQueries final : public RuleQueries {
 public:
  explicit SqliteRuleQueries(std::string path) : path_(std::move(path)) {}

  base::Result<model::RuleAnswer> ask(const std::string& query, base::Duration timeout, std::size_t most_rows) override;

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  base::Result<void> open();
  base::Error error(sqlite3* db) const;

  const std::string path_;
  std::mutex mutex_;
  std::unique_ptr<sqlite3, Close> db_;  ///< under mutex_
};

}  // namespace tocsin::storage::sqlite
