// One connection to a database, whichever it is. Failures are tsn::Failure, and after one the connection is thrown
// away.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "address.hpp"
#include "tocsin/context.hpp"

namespace tocsin_plugins::sql {

/// When waiting ends: at an instant of the machine's own clock, since it bounds real waiting, or when the agent stops.
class Until {
 public:
  Until(const tsn::Context& ctx, std::chrono::nanoseconds left) : ctx_(&ctx), at_(Clock::now() + left) {}
  std::chrono::milliseconds left() const {
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::duration_cast<std::chrono::milliseconds>(at_ - Clock::now()));
  }
  /// Waits until `fd` is readable (POLLIN) or writable (POLLOUT) and returns what it is; 0: the time is over.
  short wait(int fd, short events) const;
  bool over() const { return left().count() == 0 || ctx_->stopping(); }
  /// What it was that ended: a text for the failure.
  tsn::Failure ended(const std::string& what) const;

 private:
  using Clock = std::chrono::steady_clock;
  const tsn::Context* ctx_;
  Clock::time_point at_;
};

/// What is made of a column's values.
enum class Kind { number, boolean, money, time, text, none };

struct Column {
  std::string name;
  Kind kind = Kind::text;
  std::string type;  ///< for messages
};

/// One value as text. Valid until the next row. `whole` is how long it is where the text was cut.
struct Cell {
  std::string_view text;
  bool null = false;
  std::size_t whole = 0;
};

/// Longer values are cut on their way in: none of them can be a label.
inline constexpr std::size_t longest_cell = 1024;

/// Takes a result as it comes, so that none is kept whole.
class Rows {
 public:
  virtual ~Rows() = default;
  /// Throws where the columns cannot be signals; then the statement is not executed.
  virtual void columns(std::vector<Column> columns) = 0;
  /// False: no more are wanted.
  virtual bool row(std::span<const Cell> cells) = 0;
};

/// A statement in the form of the one database: its parameter, if any, stands for the cursor.
struct Statement {
  std::string text;
  bool has_cursor = false;
  std::string cursor;
  std::size_t places = 0;  ///< how often it stands in the text
};

class Connection {
 public:
  virtual ~Connection() = default;
  /// Cheap, without a round trip: the server has not hung up.
  virtual bool usable() = 0;
  /// In a read-only transaction of its own and with the server's own limit of time.
  virtual void select(const Statement& statement, const Until& until, Rows& rows) = 0;
  /// What the account may do besides reading, one text each: "INSERT on orders".
  virtual std::vector<std::string> excess_rights(const Until& until) = 0;
  virtual std::string server() const = 0;
  /// The text that stands for the `nth` parameter.
  virtual std::string place() const = 0;
  virtual std::string quoted(std::string_view identifier) const = 0;
};

/// Opens a connection. Throws: the server does not answer, or does not let the account in (denied).
std::unique_ptr<Connection> open_postgres(const Address& address, const Until& until);
std::unique_ptr<Connection> open_mysql(const Address& address, const Until& until);
std::unique_ptr<Connection> open(const Address& address, const Until& until);

}  // namespace tocsin_plugins::sql
