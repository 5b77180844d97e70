// PostgreSQL by libpq's asynchronous functions, so that a server that says nothing holds nobody longer than the
// timeout.
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "database.hpp"

namespace tocsin_plugins::sql {
namespace {

struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, FreeResult>;

/// Settings of each transaction, so that they hold behind a pooler too, and values come in one form.
constexpr const char* transaction_settings =
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; "
    "SET LOCAL lc_monetary = 'C'; SET LOCAL extra_float_digits = 3; ";

constexpr const char* postgres_rights = R"(
WITH writable AS (
  SELECT c.oid::regclass::text AS name, c.oid FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')),
found AS (
  SELECT 1 AS rank, 'superuser' AS what FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper
  UNION ALL SELECT 2, 'the attribute ' || a.attribute FROM pg_catalog.pg_roles r,
    LATERAL (VALUES ('CREATEROLE', r.rolcreaterole), ('CREATEDB', r.rolcreatedb), ('REPLICATION', r.rolreplication),
                    ('BYPASSRLS', r.rolbypassrls)) AS a(attribute, held)
    WHERE r.rolname = current_user AND a.held
  UNION ALL SELECT 3, 'the role ' || rolname FROM pg_catalog.pg_roles
    WHERE rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program', 'pg_signal_backend')
      AND pg_catalog.pg_has_role(current_user, oid, 'MEMBER')
  UNION ALL SELECT 4, p.privilege || ' on ' || w.name FROM writable w,
    LATERAL (VALUES ('INSERT', pg_catalog.has_any_column_privilege(w.oid, 'INSERT')),
                    ('UPDATE', pg_catalog.has_any_column_privilege(w.oid, 'UPDATE')),
                    ('DELETE', pg_catalog.has_table_privilege(w.oid, 'DELETE')),
                    ('TRUNCATE', pg_catalog.has_table_privilege(w.oid, 'TRUNCATE'))) AS p(privilege, held)
    WHERE p.held
  UNION ALL SELECT 5, 'CREATE in the schema ' || nspname FROM pg_catalog.pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND pg_catalog.has_schema_privilege(oid, 'CREATE')
  UNION ALL SELECT 6, 'CREATE in the database'
    WHERE pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'))
SELECT what FROM found ORDER BY rank, what LIMIT 200)";

/// Named, since the catalog is asked between its preparation and its execution, which would replace an unnamed one.
constexpr const char* statement_name = "tocsin_loader";

constexpr Oid money_type = 790, bytea_type = 17;

Kind kind_of(Oid type, char category) {
  if (type == money_type) return Kind::money;
  if (type == bytea_type) return Kind::none;
  switch (category) {
    case 'N':
      return Kind::number;
    case 'B':
      return Kind::boolean;
    case 'D':
      return Kind::time;
    case 'A':  // array
    case 'C':  // composite
    case 'P':  // pseudo
      return Kind::none;
    default:
      return Kind::text;
  }
}

class PostgresConnection : public Connection {
 public:
  PostgresConnection(const Address& address, const Until& until) : shown_(address.url) { connect(address, until); }
  ~PostgresConnection() override { PQfinish(connection_); }

  bool usable() override {
    if (broken_ || PQstatus(connection_) != CONNECTION_OK) return false;
    // At rest a server says nothing: what can be read is its farewell.
    pollfd entry{PQsocket(connection_), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 0;
  }
  void select(const Statement& statement, const Until& until, Rows& rows) override {
    broken_ = true;  // until the end is reached in order
    begin(until);
    send(PQsendPrepare(connection_, statement_name, statement.text.c_str(), 0, nullptr));
    result(until, PGRES_COMMAND_OK);
    send(PQsendDescribePrepared(connection_, statement_name));
    rows.columns(columns_of(result(until, PGRES_COMMAND_OK).get(), until));
    const char* values[] = {statement.cursor.c_str()};
    send(PQsendQueryPrepared(connection_, statement_name, statement.has_cursor ? 1 : 0, values, nullptr, nullptr, 0));
    if (PQsetSingleRowMode(connection_) != 1) fail("the statement was not sent");
    if (!stream(until, rows)) return;  // the rest is not waited for: the connection is thrown away
    run(std::string("DEALLOCATE ") + statement_name + "; COMMIT", until);
    broken_ = false;
  }
  std::vector<std::string> excess_rights(const Until& until) override {
    broken_ = true;
    begin(until);
    send(PQsendQuery(connection_, postgres_rights));
    const auto found = result(until, PGRES_TUPLES_OK);
    std::vector<std::string> out;
    for (int i = 0; i < PQntuples(found.get()); ++i) out.emplace_back(PQgetvalue(found.get(), i, 0));
    run("COMMIT", until);
    broken_ = false;
    return out;
  }
  std::string server() const override {
    const char* version = PQparameterStatus(connection_, "server_version");
    return std::string("PostgreSQL ") + (version ? version : "of an unknown version");
  }
  std::string place() const override { return "$1"; }
  std::string quoted(std::string_view identifier) const override {
    std::string out = "\"";
    for (const char c : identifier) out.append(c == '"' ? 2 : 1, c);
    return out + '"';
  }

 private:
  /// libpq ends its lines, and a failure is one line.
  [[noreturn]] void fail(std::string text) const {
    std::ranges::replace(text, '\n', ' ');
    while (text.ends_with(' ')) text.pop_back();
    throw tsn::Failure(tsn::fail(shown_ + ": " + text));
  }
  [[noreturn]] void fail_connecting() const {
    // Further lines tell of further tries, with and without TLS.
    std::string text = PQerrorMessage(connection_);
    text.resize(std::min(text.find('\n'), text.size()));
    const bool denied = PQconnectionNeedsPassword(connection_) || PQconnectionUsedPassword(connection_);
    if (denied && text.find("authentication failed") != text.npos)
      throw tsn::Failure(tsn::denied(shown_ + ": " + text + "; check the user in url, and password"));
    fail(text);
  }

  void connect(const Address& address, const Until& until) {
    const auto limit = std::to_string(until.left().count());
    const char* const names[] = {
        "dbname",           "password",         "sslmode",    "sslrootcert",     "application_name",
        "client_encoding",  "gssencmode",       "keepalives", "keepalives_idle", "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", nullptr};
    const char* const values[] = {address.url.c_str(),
                                  address.password.c_str(),
                                  address.sslmode.c_str(),
                                  address.ca_file.c_str(),
                                  "tocsin",
                                  "UTF8",
                                  "disable",
                                  "1",
                                  "30",
                                  "10",
                                  "3",
                                  limit.c_str(),
                                  nullptr};
    connection_ = PQconnectStartParams(names, values, 1);
    if (!connection_) throw std::bad_alloc();
    PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
    auto step = PGRES_POLLING_WRITING;
    while (PQstatus(connection_) != CONNECTION_BAD && step != PGRES_POLLING_OK) {
      if (step == PGRES_POLLING_FAILED) break;
      if (!until.wait(PQsocket(connection_), step == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
        auto failure = until.ended(shown_ + ": connecting");
        PQfinish(std::exchange(connection_, nullptr));
        throw failure;
      }
      step = PQconnectPoll(connection_);
    }
    if (PQstatus(connection_) == CONNECTION_OK) return;
    try {
      fail_connecting();
    } catch (...) {
      PQfinish(std::exchange(connection_, nullptr));
      throw;
    }
  }

  void begin(const Until& until) {
    // A little before the client gives up, so that it is told why.
    const auto most = std::max<long long>(1, until.left().count() * 9 / 10);
    run("BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = " + std::to_string(most) + "; " +
            transaction_settings,
        until);
  }
  void run(const std::string& text, const Until& until) {
    send(PQsendQuery(connection_, text.c_str()));
    result(until, PGRES_COMMAND_OK);
  }
  void send(int sent) const {
    if (sent != 1) fail(PQerrorMessage(connection_));
  }

  /// The next result; null: there is none.
  Result next(const Until& until) {
    while (PQisBusy(connection_)) {
      const bool unsent = PQflush(connection_) == 1;
      if (!until.wait(PQsocket(connection_), static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN)))
        throw until.ended(shown_);
      if (PQconsumeInput(connection_) != 1) fail(std::string("the connection is lost: ") + PQerrorMessage(connection_));
    }
    return Result(PQgetResult(connection_));
  }
  void check(const PGresult* result, ExecStatusType expected) const {
    if (PQresultStatus(result) == expected) return;
    const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    std::string message = text ? text : PQresultErrorMessage(result);
    const std::string_view state = code ? code : "";
    if (message.empty()) message = "the statement is not one that gives rows";
    if (state == "57014") message += "; raise timeout, or make the query faster";
    if (state == "25006") message += "; a loader only reads";
    if (!state.empty()) message.append(" (SQLSTATE ").append(state).append(")");
    if (state == "42501") throw tsn::Failure(tsn::denied(shown_ + ": " + message + "; GRANT SELECT to the account"));
    fail(message);
  }
  /// The last result of what was sent; the others are as good.
  Result result(const Until& until, ExecStatusType expected) {
    Result last;
    while (auto each = next(until)) {
      check(each.get(), expected);
      last = std::move(each);
    }
    if (!last) fail("the server sent no result");
    return last;
  }

  /// False: no more rows were wanted.
  bool stream(const Until& until, Rows& rows) {
    std::vector<Cell> cells;
    while (auto each = next(until)) {
      if (PQresultStatus(each.get()) == PGRES_TUPLES_OK) continue;
      check(each.get(), PGRES_SINGLE_TUPLE);
      cells.clear();
      for (int i = 0; i < PQnfields(each.get()); ++i) {
        const auto size = static_cast<std::size_t>(PQgetlength(each.get(), 0, i));
        const std::string_view text(PQgetvalue(each.get(), 0, i), size);
        cells.push_back({text.substr(0, longest_cell), PQgetisnull(each.get(), 0, i) == 1, size});
      }
      if (!rows.row(cells)) return false;
      if (until.over()) throw until.ended(shown_);
    }
    return true;
  }

  std::vector<Column> columns_of(const PGresult* described, const Until& until) {
    const int count = PQnfields(described);
    if (count == 0) fail("the query gives no columns; a loader's query is a SELECT");
    learn_types(described, until);
    std::vector<Column> out;
    for (int i = 0; i < count; ++i) {
      const auto type = PQftype(described, i);
      const auto& known = types_.at(type);
      out.push_back({PQfname(described, i), kind_of(type, known.category), known.name});
    }
    return out;
  }
  /// Asks the catalog what kind of types those are that were not met before.
  void learn_types(const PGresult* described, const Until& until) {
    std::string wanted;
    for (int i = 0; i < PQnfields(described); ++i)
      if (!types_.contains(PQftype(described, i)))
        wanted.append(wanted.empty() ? "" : ",").append(std::to_string(PQftype(described, i)));
    if (wanted.empty()) return;
    send(PQsendQuery(connection_, ("SELECT oid, typcategory, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type "
                                   "WHERE oid IN (" +
                                   wanted + ")")
                                      .c_str()));
    const auto found = result(until, PGRES_TUPLES_OK);
    for (int i = 0; i < PQntuples(found.get()); ++i)
      types_[static_cast<Oid>(std::strtoul(PQgetvalue(found.get(), i, 0), nullptr, 10))] = {
          PQgetvalue(found.get(), i, 1)[0], PQgetvalue(found.get(), i, 2)};
    for (int i = 0; i < PQnfields(described); ++i) types_.try_emplace(PQftype(described, i), Type{'P', "unknown"});
  }

  struct Type {
    char category;
    std::string name;
  };
  const std::string shown_;
  PGconn* connection_ = nullptr;
  bool broken_ = false;
  std::map<Oid, Type> types_;
};

}  // namespace

std::unique_ptr<Connection> open_postgres(const Address& address, const Until& until) {
  return std::make_unique<PostgresConnection>(address, until);
}

}  // namespace tocsin_plugins::sql
