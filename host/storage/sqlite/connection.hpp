// One connection to the SQLite file, with its prepared statements. One thread at a time; the pool sees to that.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "storage/sql/database.hpp"

namespace tocsin::storage::sqlite {

class Connection {
 public:
  struct Settings {
    std::string path;
    bool writer = false;
    bool sync = false;  ///< synchronous FULL instead of NORMAL
    int cache_kib = 1024;
  };
  static base::Result<std::unique_ptr<Connection>> open(const Settings& settings);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// `keep`: the statement stays prepared.
  base::Result<std::uint64_t> run(std::string_view text, std::span<const sql::Param> params, const sql::EachRow& row,
                                  bool keep);
  base::Result<void> script(const std::string& statements);
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  base::Result<Statement> prepare(std::string_view text, bool keep);
  base::Result<std::uint64_t> step_all(sqlite3_stmt* statement, const sql::EachRow& row);
  base::Error error(std::string_view what) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  sqlite3* db_;
  std::string path_;
  std::unordered_map<std::string, Statement, Hash, std::equal_to<>> prepared_;
};

}  // namespace tocsin::storage::sqlite
