// A small pool of connections to one PostgreSQL database. A connection that was lost is replaced at the next use.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "storage/postgres/connection.hpp"

namespace tocsin::storage::postgres {

/// A transaction that can write rows in bulk.
class BulkTransaction : public sql::Transaction {
 public:
  virtual base::Result<void> copy(const std::string& statement, const NextBytes& next) = 0;
};

class PostgresDatabase final : public sql::Database {
 public:
  /// Connects once, so that a wrong address or password is known at the start.
  static base::Result<std::unique_ptr<PostgresDatabase>> open(Address address);

  base::Result<std::unique_ptr<sql::Transaction>> write() override { return begin(false); }
  base::Result<std::unique_ptr<BulkTransaction>> write_bulk() { return begin(false); }
  base::Result<std::unique_ptr<sql::Transaction>> read() override { return begin(true); }
  /// A connection of the caller's own, beside the pool: for statements that may take long.
  base::Result<std::unique_ptr<Connection>> connect() const { return Connection::open(address_); }
  std::string describe() const override { return "postgres " + version_ + ", " + address_.shown; }

 private:
  class Session;
  explicit PostgresDatabase(Address address) : address_(std::move(address)) {}
  base::Result<std::unique_ptr<BulkTransaction>> begin(bool read_only);
  base::Result<std::unique_ptr<Connection>> take();
  void give_back(std::unique_ptr<Connection> connection);

  static constexpr int most_connections = 4;
  const Address address_;
  std::string version_;
  std::mutex mutex_;
  std::condition_variable free_one_;
  int open_ = 0;  ///< in use or not
  std::vector<std::unique_ptr<Connection>> free_;
};

}  // namespace tocsin::storage::postgres
