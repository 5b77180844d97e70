#include "storage/sqlite/database.hpp"

#include <chrono>

namespace tocsin::storage::sqlite {

using base::fail;
using base::Fault;
using base::Result;
using sql::Param;

class SqliteDatabase::Write final : public sql::Transaction {
 public:
  explicit Write(SqliteDatabase& db) : lock_(db.write_mutex_), c_(*db.writer_) {}
  ~Write() override {
    // An error such as a full disk may have rolled back already.
    if (!done_ && c_.in_transaction()) (void)c_.run("ROLLBACK", {}, {}, true);
  }
  Result<void> begin() {
    TRY_VOID(c_.run("BEGIN IMMEDIATE", {}, {}, true));
    return {};
  }
  Result<std::uint64_t> run(std::string_view text, std::span<const Param> params, const sql::EachRow& row) override {
    return c_.run(text, params, row, true);
  }
  Result<std::uint64_t> ask(std::string_view text, std::span<const Param> params, const sql::EachRow& row) override {
    return c_.run(text, params, row, false);
  }
  Result<void> script(const std::string& statements) override { return c_.script(statements); }
  Result<void> commit() override {
    TRY_VOID(c_.run("COMMIT", {}, {}, true));
    done_ = true;
    return {};
  }

 private:
  std::unique_lock<std::mutex> lock_;
  Connection& c_;
  bool done_ = false;
};

class SqliteDatabase::Read final : public sql::Transaction {
 public:
  Read(SqliteDatabase& db, std::unique_ptr<Connection> c) : db_(db), c_(std::move(c)) {}
  ~Read() override {
    if (c_->in_transaction()) (void)c_->run("ROLLBACK", {}, {}, true);
    db_.give_back(std::move(c_));
  }
  Result<void> begin() {
    TRY_VOID(c_->run("BEGIN", {}, {}, true));
    return {};
  }
  Result<std::uint64_t> run(std::string_view text, std::span<const Param> params, const sql::EachRow& row) override {
    return c_->run(text, params, row, true);
  }
  Result<std::uint64_t> ask(std::string_view text, std::span<const Param> params, const sql::EachRow& row) override {
    return c_->run(text, params, row, false);
  }
  Result<void> script(const std::string& statements) override { return c_->script(statements); }
  Result<void> commit() override { return {}; }

 private:
  SqliteDatabase& db_;
  std::unique_ptr<Connection> c_;
};

SqliteDatabase::SqliteDatabase(std::string path, bool sync, std::unique_ptr<Connection> writer)
    : path_(std::move(path)), sync_(sync), writer_(std::move(writer)) {}
SqliteDatabase::~SqliteDatabase() = default;

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path, bool sync) {
  TRY(auto writer, Connection::open({path, true, sync, 2048}));
  return std::unique_ptr<SqliteDatabase>(new SqliteDatabase(path, sync, std::move(writer)));
}

Result<std::unique_ptr<sql::Transaction>> SqliteDatabase::write() {
  auto t = std::make_unique<Write>(*this);
  TRY_VOID(t->begin());
  return t;
}

Result<std::unique_ptr<sql::Transaction>> SqliteDatabase::read() {
  TRY(auto reader, take_reader());
  auto t = std::make_unique<Read>(*this, std::move(reader));
  TRY_VOID(t->begin());
  return t;
}

Result<std::unique_ptr<Connection>> SqliteDatabase::take_reader() {
  std::unique_lock lock(readers_mutex_);
  const bool got = reader_free_.wait_for(lock, std::chrono::seconds(30),
                                         [this] { return !free_.empty() || readers_ < most_readers; });
  if (!got)
    return fail(Fault::deadline, "sqlite " + path_ + ": every reader was busy for 30 s; ask for less at a time");
  if (!free_.empty()) {
    auto reader = std::move(free_.back());
    free_.pop_back();
    return reader;
  }
  ++readers_;
  lock.unlock();
  auto reader = Connection::open({path_, false, sync_, 1024});
  if (reader) return reader;
  lock.lock();
  --readers_;
  reader_free_.notify_one();
  return reader;
}

void SqliteDatabase::give_back(std::unique_ptr<Connection> reader) {
  std::lock_guard lock(readers_mutex_);
  free_.push_back(std::move(reader));
  reader_free_.notify_one();
}

std::string SqliteDatabase::describe() const {
  return std::string("sqlite ") + sqlite3_libversion() + ", " + path_;
}

Result<void> SqliteDatabase::checkpoint() {
  std::unique_lock lock(checkpoint_mutex_, std::try_to_lock);
  if (!lock) return {};
  if (!checkpointer_) {
    TRY(checkpointer_, Connection::open({path_, true, sync_, 64}));
  }
  TRY_VOID(checkpointer_->run("PRAGMA wal_checkpoint(PASSIVE)", {}, [](const sql::Row&) {}, true));
  return {};
}

Result<void> SqliteDatabase::shrink() {
  std::lock_guard lock(write_mutex_);
  TRY_VOID(writer_->run("PRAGMA incremental_vacuum(16384)", {}, [](const sql::Row&) {}, true));
  return {};
}

Result<void> SqliteDatabase::copy_to(const std::string& path) {
  // A connection of its own: VACUUM does not run inside the transaction that the caller may hold.
  TRY(auto c, Connection::open({path_, true, true, 1024}));
  const Param target{std::string_view(path)};
  TRY_VOID(c->run("VACUUM INTO $1", std::span(&target, 1), {}, false));
  return {};
}

}  // namespace tocsin::storage::sqlite
