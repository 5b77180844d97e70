// What the statements of this room need of a database: transactions, parameters, rows. SQLite and PostgreSQL provide
// it; what is kept, and how it is asked for, is written once above it (store.hpp).
//
// Statements are common to both: parameters are $1, $2, … and appear first in that order (SQLite numbers them so),
// times, booleans and JSON are bound and read by the functions here and stored as each database's users expect them.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::storage::sql {

struct Blob {
  std::string_view bytes;
};
/// A bound value; text and blobs are borrowed until the call returns. monostate is NULL.
using Param = std::variant<std::monostate, std::int64_t, double, bool, std::string_view, base::Time, Blob>;

/// no_time is NULL.
inline Param time_param(base::Time t) {
  return t == base::no_time ? Param() : Param(t);
}
/// NaN is NULL.
inline Param real_param(double v) {
  return std::isnan(v) ? Param() : Param(v);
}
/// Empty text is NULL.
inline Param text_param(std::string_view v) {
  return v.empty() ? Param() : Param(v);
}

/// The row a statement stands on; columns from 0. NULL reads as zero, false, empty, no_time, NaN.
class Row {
 public:
  virtual bool null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;
  virtual double real(int column) const = 0;
  virtual bool boolean(int column) const = 0;
  /// Valid until the next row.
  virtual std::string_view text(int column) const = 0;
  virtual std::string blob(int column) const = 0;
  virtual base::Time time(int column) const = 0;

 protected:
  ~Row() = default;
};
using EachRow = std::function<void(const Row&)>;

/// Rolls back when it goes without commit(). One thread.
class Transaction {
 public:
  virtual ~Transaction() = default;
  /// Runs a statement and hands over its rows; returns how many rows it changed. The statement stays prepared: for
  /// texts that are known when the program is built.
  virtual base::Result<std::uint64_t> run(std::string_view statement, std::span<const Param> params,
                                          const EachRow& row = {}) = 0;
  /// The same for a text that was put together for this one question.
  virtual base::Result<std::uint64_t> ask(std::string_view statement, std::span<const Param> params,
                                          const EachRow& row = {}) = 0;
  /// Several statements separated by semicolons, as migrations have them.
  virtual base::Result<void> script(const std::string& statements) = 0;
  virtual base::Result<void> commit() = 0;

  base::Result<std::uint64_t> run(std::string_view statement, std::initializer_list<Param> params,
                                  const EachRow& row = {}) {
    return run(statement, std::span<const Param>(params.begin(), params.size()), row);
  }
};

/// Any thread.
class Database {
 public:
  virtual ~Database() = default;
  /// The one writer; waits for the one before it.
  virtual base::Result<std::unique_ptr<Transaction>> write() = 0;
  /// Sees one state of the database, from its first statement on.
  virtual base::Result<std::unique_ptr<Transaction>> read() = 0;
  /// "sqlite 3.40.1, /var/lib/tocsin/tocsin.db"
  virtual std::string describe() const = 0;
};

}  // namespace tocsin::storage::sql
