#include "storage/postgres/database.hpp"

#include <chrono>

namespace tocsin::storage::postgres {

using base::fail;
using base::Fault;
using base::Result;
using sql::Param;

class PostgresDatabase::Session final : public BulkTransaction {
 public:
  Session(PostgresDatabase& db, std::unique_ptr<Connection> c) : db_(db), c_(std::move(c)) {}
  ~Session() override {
    c_->roll_back();
    db_.give_back(std::move(c_));
  }
  Result<std::uint64_t> run(std::string_view text, std::span<const Param> params, const sql::EachRow& row) override {
    return c_->run(text, params, row, true);
  }
  Result<std::uint64_t> ask(std::string_view text, std::span<const Param> params, const sql::EachRow& row) override {
    return c_->run(text, params, row, false);
  }
  Result<void> script(const std::string& statements) override { return c_->script(statements); }
  Result<void> copy(const std::string& statement, const NextBytes& next) override { return c_->copy(statement, next); }
  Result<void> commit() override { return c_->commit(); }

 private:
  PostgresDatabase& db_;
  std::unique_ptr<Connection> c_;
};

Result<std::unique_ptr<PostgresDatabase>> PostgresDatabase::open(Address address) {
  std::unique_ptr<PostgresDatabase> db(new PostgresDatabase(std::move(address)));
  TRY(auto first, db->take());
  db->version_ = first->server_version();
  db->give_back(std::move(first));
  return db;
}

Result<std::unique_ptr<BulkTransaction>> PostgresDatabase::begin(bool read_only) {
  TRY(auto connection, take());
  if (auto begun = connection->begin(read_only); !begun) {
    give_back(std::move(connection));
    return fail(std::move(begun).error());
  }
  return std::make_unique<Session>(*this, std::move(connection));
}

Result<std::unique_ptr<Connection>> PostgresDatabase::take() {
  std::unique_lock lock(mutex_);
  const bool got =
      free_one_.wait_for(lock, std::chrono::seconds(30), [this] { return !free_.empty() || open_ < most_connections; });
  if (!got) return fail(Fault::deadline, "postgres " + address_.shown + ": every connection was busy for 30 s");
  while (!free_.empty()) {
    auto connection = std::move(free_.back());
    free_.pop_back();
    if (connection->usable()) return connection;
    --open_;
  }
  ++open_;
  lock.unlock();
  auto connection = Connection::open(address_);
  if (connection) return connection;
  lock.lock();
  --open_;
  free_one_.notify_one();
  return connection;
}

void PostgresDatabase::give_back(std::unique_ptr<Connection> connection) {
  const bool usable = connection->usable();
  if (!usable) connection.reset();
  std::lock_guard lock(mutex_);
  if (usable)
    free_.push_back(std::move(connection));
  else
    --open_;
  free_one_.notify_one();
}

}  // namespace tocsin::storage::postgres
