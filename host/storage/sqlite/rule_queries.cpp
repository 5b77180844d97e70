#include "storage/sqlite/rule_queries.hpp"

#include <chrono>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "storage/sql/rule_query.hpp"

namespace tocsin::storage::sqlite {
namespace {

using base::fail;
using base::Fault;
using base::Result;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int operations_between_looks = 10'000;
constexpr int longest_value = 16 * 1024 * 1024;  ///< what one function call may make is not interrupted

/// Reading, and calling functions that do nothing else. Nothing else is left to a query, PRAGMA and ATTACH included.
int authorize(void*, int action, const char*, const char* name, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return name && base::equal_without_case(name, "load_extension") ? SQLITE_DENY : SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

/// Ends what is running past its deadline.
int look_at_clock(void* deadline) {
  return std::chrono::steady_clock::now() >= *static_cast<const SteadyTime*>(deadline);
}

Fault query_fault(int code) {
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      return Fault::deadline;
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return Fault::denied;
    case SQLITE_TOOBIG:
      return Fault::exhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
      return Fault::unavailable;
    default:
      return Fault::invalid;
  }
}

struct Cell {
  int type = SQLITE_NULL;
  std::string text;
};
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

struct Finalize {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};

std::vector<Cell> read_row(sqlite3_stmt* s) {
  std::vector<Cell> row(static_cast<std::size_t>(sqlite3_column_count(s)));
  for (int c = 0; c < static_cast<int>(row.size()); ++c) {
    Cell& cell = row[static_cast<std::size_t>(c)];
    cell.type = sqlite3_column_type(s, c);
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(s, c));
    if (text) cell.text.assign(text, static_cast<std::size_t>(sqlite3_column_bytes(s, c)));
  }
  return row;
}

/// A column has no type of its own here: one of numbers is one whose values are.
bool has_numbers(const Table& table, std::size_t column) {
  bool any = false;
  for (const auto& row : table.rows) {
    const int type = row[column].type;
    if (type != SQLITE_NULL && type != SQLITE_INTEGER && type != SQLITE_FLOAT) return false;
    any = any || type != SQLITE_NULL;
  }
  return any;
}

/// The column that is the number; as many as there are: there is none.
std::size_t value_column(const Table& table) {
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (table.columns[c] == "value") return c;
  }
  std::size_t first = 0;
  while (first < table.columns.size() && !has_numbers(table, first)) ++first;
  return first;
}

Result<double> number_of(const Cell& cell) {
  char* end = nullptr;
  const double value = std::strtod(cell.text.c_str(), &end);
  if (end != cell.text.c_str() && *end == '\0') return value;
  return fail(sql::no_number(cell.text));
}

Result<model::RuleAnswer> answer_of(const Table& table) {
  const std::size_t value_at = value_column(table);
  model::RuleAnswer answer;
  for (const auto& from : table.rows) {
    model::RuleAnswer::Row row;
    for (std::size_t c = 0; c < from.size(); ++c) {
      if (from[c].type == SQLITE_NULL) continue;
      if (c == value_at) {
        TRY(row.value, number_of(from[c]));
      } else if (from[c].type == SQLITE_BLOB || !base::valid_utf8(from[c].text)) {
        return fail(Fault::invalid, "the column \"" + table.columns[c] + "\" holds bytes, which are no label");
      } else {
        row.labels.set(sql::label_name(table.columns[c]), from[c].text);
      }
    }
    answer.rows.push_back(std::move(row));
  }
  return answer;
}

}  // namespace

base::Error SqliteRuleQueries::error(sqlite3* db) const {
  const int code = sqlite3_extended_errcode(db);
  if (query_fault(code) == Fault::deadline) return {Fault::deadline, "the query took too long and was ended"};
  return {query_fault(code), std::string("sqlite: ") + sqlite3_errmsg(db)};
}

Result<void> SqliteRuleQueries::open() {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite3, Close> opened(db);
  if (code != SQLITE_OK) return fail(error(db).in(path_));
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 1000);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, longest_value);
  if (sqlite3_exec(db, "PRAGMA query_only = 1; PRAGMA cache_size = -512", nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(error(db).in(path_));
  sqlite3_set_authorizer(db, authorize, nullptr);
  db_ = std::move(opened);
  return {};
}

Result<model::RuleAnswer> SqliteRuleQueries::ask(const std::string& query, base::Duration timeout,
                                                 std::size_t most_rows) {
  std::lock_guard lock(mutex_);
  if (!db_) {
    TRY_VOID(open());
  }
  SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  sqlite3_progress_handler(db_.get(), operations_between_looks, look_at_clock, &deadline);
  const std::string text = sql::guarded_query(query, most_rows);
  sqlite3_stmt* prepared = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v2(db_.get(), text.c_str(), static_cast<int>(text.size()), &prepared, &rest);
  const std::unique_ptr<sqlite3_stmt, Finalize> statement(prepared);
  if (code != SQLITE_OK) return fail(error(db_.get()));
  if (!prepared || (rest && *rest != '\0')) return fail(Fault::invalid, "metric_query is not one query");
  Table table;
  for (int c = 0; c < sqlite3_column_count(prepared); ++c) table.columns.emplace_back(sqlite3_column_name(prepared, c));
  for (;;) {
    const int step = sqlite3_step(prepared);
    if (step == SQLITE_DONE) return answer_of(table);
    if (step != SQLITE_ROW) return fail(error(db_.get()));
    if (table.rows.size() >= most_rows) return fail(sql::too_many_rows(most_rows));
    table.rows.push_back(read_row(prepared));
  }
}

}  // namespace tocsin::storage::sqlite
