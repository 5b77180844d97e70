#include "storage/sqlite/connection.hpp"

#include <limits>

namespace tocsin::storage::sqlite {
namespace {

using base::fail;
using base::Fault;
using base::Result;

Fault fault_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Fault::corrupt;
    case SQLITE_CONSTRAINT:
      return Fault::conflict;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return Fault::denied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
      return Fault::unavailable;
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
      return Fault::invalid;
    default:
      return Fault::internal;
  }
}

std::string_view hint_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "; free space on its file system";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; restore a backup (tocsin store restore)";
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return "; check the directory's owner and mode";
    case SQLITE_BUSY:
      return "; another process holds it";
    default:
      return "";
  }
}

class SqliteRow final : public sql::Row {
 public:
  explicit SqliteRow(sqlite3_stmt* s) : s_(s) {}
  bool null(int c) const override { return sqlite3_column_type(s_, c) == SQLITE_NULL; }
  std::int64_t integer(int c) const override { return sqlite3_column_int64(s_, c); }
  double real(int c) const override {
    return null(c) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(s_, c);
  }
  bool boolean(int c) const override { return sqlite3_column_int(s_, c) != 0; }
  std::string_view text(int c) const override {
    const auto* p = reinterpret_cast<const char*>(sqlite3_column_text(s_, c));
    return p ? std::string_view(p, static_cast<std::size_t>(sqlite3_column_bytes(s_, c))) : std::string_view();
  }
  std::string blob(int c) const override {
    const auto* p = static_cast<const char*>(sqlite3_column_blob(s_, c));
    return p ? std::string(p, static_cast<std::size_t>(sqlite3_column_bytes(s_, c))) : std::string();
  }
  base::Time time(int c) const override { return base::from_ns(integer(c)); }

 private:
  sqlite3_stmt* s_;
};

/// Borrowed bytes: the statement is reset before they go.
struct Bind {
  sqlite3_stmt* s;
  int at;
  int operator()(std::monostate) const { return sqlite3_bind_null(s, at); }
  int operator()(std::int64_t v) const { return sqlite3_bind_int64(s, at, v); }
  int operator()(double v) const { return sqlite3_bind_double(s, at, v); }
  int operator()(bool v) const { return sqlite3_bind_int(s, at, v); }
  int operator()(base::Time v) const { return sqlite3_bind_int64(s, at, base::to_ns(v)); }
  int operator()(std::string_view v) const {
    return sqlite3_bind_text64(s, at, v.data() ? v.data() : "", v.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  int operator()(sql::Blob v) const {
    return sqlite3_bind_blob64(s, at, v.bytes.data() ? v.bytes.data() : "", v.bytes.size(), SQLITE_STATIC);
  }
};

struct Reset {
  sqlite3_stmt* s;
  ~Reset() {
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
  }
};

}  // namespace

base::Error Connection::error(std::string_view what) const {
  const int code = sqlite3_extended_errcode(db_);
  return {fault_of(code), "sqlite " + path_ + ": " + std::string(what) + ": " + sqlite3_errmsg(db_) + " (" +
                              std::to_string(code) + ")" + std::string(hint_of(code))};
}

Result<std::unique_ptr<Connection>> Connection::open(const Settings& settings) {
  // Nobody asks for SQLite's own count of memory, for which each allocation takes a lock. Refused, once one is open.
  static const int without_count = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)without_count;
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (settings.writer ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(settings.path.c_str(), &db, flags, nullptr);
  std::unique_ptr<Connection> c(new Connection(db, settings.path));
  if (code != SQLITE_OK) return fail(c->error("opening"));
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 5000);
  std::string pragmas = "PRAGMA cache_size = -" + std::to_string(settings.cache_kib) + "; PRAGMA temp_store = MEMORY;";
  // A WAL reader changes nothing in the file; query_only keeps a defect from doing so.
  if (settings.writer) {
    std::int64_t pages = 0;
    TRY_VOID(c->run("PRAGMA page_count", {}, [&](const sql::Row& row) { pages = row.integer(0); }, false));
    // A file that is there keeps what it has: to set it takes a lock.
    if (pages == 0) pragmas += "PRAGMA auto_vacuum = INCREMENTAL;";
    pragmas += "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 8000;";
  } else {
    pragmas += "PRAGMA query_only = 1;";
  }
  pragmas += settings.sync ? "PRAGMA synchronous = FULL;" : "PRAGMA synchronous = NORMAL;";
  TRY_VOID(c->script(pragmas));
  return c;
}

Connection::~Connection() {
  prepared_.clear();
  sqlite3_close(db_);
}

Result<Connection::Statement> Connection::prepare(std::string_view text, bool keep) {
  sqlite3_stmt* s = nullptr;
  const int code = sqlite3_prepare_v3(db_, text.data(), static_cast<int>(text.size()),
                                      keep ? SQLITE_PREPARE_PERSISTENT : 0, &s, nullptr);
  if (code != SQLITE_OK) return fail(error("preparing \"" + std::string(text.substr(0, 60)) + "\""));
  return Statement(s);
}

Result<std::uint64_t> Connection::run(std::string_view text, std::span<const sql::Param> params,
                                      const sql::EachRow& row, bool keep) {
  Statement once;
  sqlite3_stmt* s = nullptr;
  if (const auto it = prepared_.find(text); it != prepared_.end()) {
    s = it->second.get();
  } else {
    TRY(Statement prepared, prepare(text, keep));
    s = prepared.get();
    if (keep)
      prepared_.emplace(std::string(text), std::move(prepared));
    else
      once = std::move(prepared);
  }
  const Reset reset{s};
  for (std::size_t i = 0; i < params.size(); ++i)
    if (std::visit(Bind{s, static_cast<int>(i) + 1}, params[i]) != SQLITE_OK)
      return fail(error("binding \"" + std::string(text.substr(0, 60)) + "\""));
  return step_all(s, row);
}

Result<std::uint64_t> Connection::step_all(sqlite3_stmt* s, const sql::EachRow& row) {
  for (;;) {
    const int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
      if (row) row(SqliteRow(s));
      continue;
    }
    if (code != SQLITE_DONE) {
      const char* text = sqlite3_sql(s);
      return fail(error("running \"" + std::string(text ? text : "").substr(0, 60) + "\""));
    }
    return sqlite3_stmt_readonly(s) ? 0 : static_cast<std::uint64_t>(sqlite3_changes64(db_));
  }
}

Result<void> Connection::script(const std::string& statements) {
  if (sqlite3_exec(db_, statements.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return fail(error("running a script"));
}

}  // namespace tocsin::storage::sqlite
