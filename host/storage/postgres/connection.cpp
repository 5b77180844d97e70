#include "storage/postgres/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <cstdlib>
#include <limits>

#include "storage/postgres/values.hpp"

namespace tocsin::storage::postgres {
namespace {

using base::fail;
using base::Fault;
using base::Result;

std::string percent(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~')
      out += static_cast<char>(c);
    else
      ((out += '%') += digits[c >> 4]) += digits[c & 15];
  }
  return out;
}

class PostgresRow final : public sql::Row {
 public:
  explicit PostgresRow(const pqxx::row& row) : row_(row) {}
  bool null(int c) const override { return row_[c].is_null(); }
  std::int64_t integer(int c) const override { return null(c) ? 0 : std::strtoll(row_[c].c_str(), nullptr, 10); }
  double real(int c) const override {
    return null(c) ? std::numeric_limits<double>::quiet_NaN() : std::strtod(row_[c].c_str(), nullptr);
  }
  bool boolean(int c) const override { return !null(c) && *row_[c].c_str() == 't'; }
  std::string_view text(int c) const override {
    return null(c) ? std::string_view() : std::string_view(row_[c].c_str(), row_[c].size());
  }
  std::string blob(int c) const override { return parse_bytes(text(c)); }
  base::Time time(int c) const override { return null(c) ? base::no_time : parse_timestamp(text(c)); }

 private:
  const pqxx::row& row_;
};

/// By SQLSTATE (PostgreSQL's documentation, appendix A).
Fault fault_of(std::string_view state) {
  const std::string_view of = state.substr(0, 2);
  if (state == "57014") return Fault::deadline;  // statement timeout
  if (state == "42501" || of == "28") return Fault::denied;
  if (of == "23") return Fault::conflict;
  if (of == "22") return Fault::invalid;
  if (of == "08" || of == "53" || of == "57" || of == "40" || of == "55" || of == "25") return Fault::unavailable;
  return Fault::internal;
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

base::Error connection_error(const std::string& shown, std::string_view what, const std::string& text) {
  if (text.find("authentication failed") != text.npos || text.find("no password supplied") != text.npos)
    return {Fault::denied, "postgres " + shown + ": " + std::string(what) + ": " + one_line(text) +
                               "; check [storage] url and password"};
  if (text.find("does not exist") != text.npos)
    return {Fault::not_found, "postgres " + shown + ": " + std::string(what) + ": " + one_line(text) +
                                  "; create it, or mend storage.url"};
  return {Fault::unavailable, "postgres " + shown + ": " + std::string(what) + ": " + one_line(text)};
}

}  // namespace

Address address_of(const StoreSettings& settings) {
  const std::string_view url = settings.url;
  Address out;
  out.conninfo = std::string(url) + (url.find('?') == url.npos ? "?" : "&");
  if (!settings.password.empty()) out.conninfo += "password=" + percent(settings.password) + "&";
  out.conninfo += "connect_timeout=5&application_name=tocsin&tcp_user_timeout=15000&options=" +
                  percent(std::string("-c TimeZone=UTC -c DateStyle=ISO -c statement_timeout=60000 "
                                      "-c idle_in_transaction_session_timeout=10000") +
                          (settings.sync ? " -c synchronous_commit=on" : "") +
                          (settings.schema.empty() ? std::string() : " -c search_path=" + settings.schema));
  const std::size_t query = url.find('?');
  out.shown = std::string(url.substr(0, query));
  const std::size_t at = out.shown.rfind('@'), colon = out.shown.find(':', out.shown.find("://") + 3);
  if (at != out.shown.npos && colon < at) out.shown.erase(colon, at - colon);
  return out;
}

base::Error error_of_current_exception(const Address& address, std::string_view what) {
  const std::string who = "postgres " + address.shown + ": " + std::string(what) + ": ";
  try {
    throw;
  } catch (const pqxx::broken_connection& e) {
    return connection_error(address.shown, what, e.what());
  } catch (const pqxx::in_doubt_error& e) {
    return {Fault::unavailable, who + "the connection was lost during commit; whether it was kept is unknown"};
  } catch (const pqxx::sql_error& e) {
    return {fault_of(e.sqlstate()), who + one_line(e.what()) + " (" + e.sqlstate() + ")"};
  } catch (const pqxx::transaction_rollback& e) {
    return {Fault::unavailable, who + one_line(e.what())};
  } catch (const std::bad_alloc&) {
    return {Fault::exhausted, who + "out of memory"};
  } catch (const std::exception& e) {
    return {Fault::internal, who + one_line(e.what())};
  }
}

Connection::Connection(const Address& address)
    : address_(address), connection_(address.conninfo), quiet_(connection_) {}

Result<std::unique_ptr<Connection>> Connection::open(const Address& address) {
  return guarded(address, "connecting", [&]() -> Result<std::unique_ptr<Connection>> {
    return std::unique_ptr<Connection>(new Connection(address));
  });
}

bool Connection::usable() const {
  if (broken_) return false;
  // A server that is gone has closed its end: end of file is waiting to be read.
  pollfd p{connection_.sock(), POLLIN, 0};
  return ::poll(&p, 1, 0) == 0;
}

std::string Connection::server_version() const {
  const int v = connection_.server_version();
  return std::to_string(v / 10000) + "." + std::to_string(v % 10000);
}

Result<void> Connection::begin(bool read_only) {
  return guarded(address_, "beginning", [&]() -> Result<void> {
    if (read_only)
      transaction_ = std::make_unique<pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>>(connection_);
    else
      transaction_ = std::make_unique<pqxx::work>(connection_);
    return {};
  });
}

const std::string& Connection::prepared(std::string_view text) {
  if (const auto it = prepared_.find(text); it != prepared_.end()) return it->second;
  std::string name = "s" + std::to_string(prepared_.size());
  connection_.prepare(name, std::string(text));
  return prepared_.emplace(std::string(text), std::move(name)).first->second;
}

Result<std::uint64_t> Connection::run(std::string_view text, std::span<const sql::Param> params,
                                      const sql::EachRow& row, bool keep) {
  std::vector<std::optional<std::string>> texts;
  std::vector<const char*> values;
  for (const sql::Param& p : params) texts.push_back(text_of(p));
  for (const auto& t : texts) values.push_back(t ? t->c_str() : nullptr);
  auto done = guarded(address_, "running \"" + std::string(text.substr(0, 60)) + "\"", [&]() -> Result<std::uint64_t> {
    const auto bound = pqxx::prepare::make_dynamic_params(values);
    const pqxx::result result =
        keep ? transaction_->exec_prepared(prepared(text), bound) : transaction_->exec_params(std::string(text), bound);
    if (row)
      for (const pqxx::row& r : result) row(PostgresRow(r));
    return result.affected_rows();
  });
  if (!done && !connection_.is_open()) broken_ = true;
  return done;
}

Result<void> Connection::script(const std::string& statements) {
  return guarded(address_, "running a script", [&]() -> Result<void> {
    transaction_->exec(statements);
    return {};
  });
}

Result<void> Connection::copy(const std::string& statement, const NextBytes& next) {
  PGconn* const raw = connection_.handle();
  const std::string what = "running \"" + statement.substr(0, 60) + "\"";
  const auto failed = [&](const PGresult* result) {
    const char* state = result ? ::PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    if (::PQstatus(raw) != CONNECTION_OK) broken_ = true;
    const std::string text = one_line(::PQerrorMessage(raw));
    if (!state || broken_) return connection_error(address_.shown, what, text);
    return base::Error(fault_of(state), "postgres " + address_.shown + ": " + what + ": " + text + " (" + state + ")");
  };
  using Answer = std::unique_ptr<PGresult, void (*)(PGresult*)>;
  const auto answer = [&] { return Answer(::PQgetResult(raw), ::PQclear); };
  if (!connection_.is_open() || !raw) return fail(Fault::unavailable, "postgres " + address_.shown + ": not connected");
  if (const Answer begun(::PQexec(raw, statement.c_str()), ::PQclear); ::PQresultStatus(begun.get()) != PGRES_COPY_IN)
    return fail(failed(begun.get()));
  std::string bytes;
  bool sent = true;
  for (next(bytes); sent && !bytes.empty(); next(bytes)) {
    sent = ::PQputCopyData(raw, bytes.data(), static_cast<int>(bytes.size())) == 1;
    bytes.clear();
  }
  // A server that refused has said why, and says it now.
  sent = ::PQputCopyEnd(raw, nullptr) == 1 && sent;
  Result<void> done;
  for (Answer a = answer(); a; a = answer())
    if (::PQresultStatus(a.get()) != PGRES_COMMAND_OK && done) done = fail(failed(a.get()));
  if (done && !sent) return fail(failed(nullptr));
  return done;
}

Result<pqxx::result> Connection::table(const std::string& statement) {
  auto done = guarded(address_, "running a rule's query",
                      [&]() -> Result<pqxx::result> { return transaction_->exec_params(statement); });
  if (!done && !connection_.is_open()) broken_ = true;
  return done;
}

Result<void> Connection::commit() {
  auto done = guarded(address_, "committing", [&]() -> Result<void> {
    transaction_->commit();
    return {};
  });
  if (!done) broken_ = true;
  return done;
}

Result<void> Connection::wait_for_notice(base::Duration most) {
  auto done = guarded(address_, "waiting for a notice", [&]() -> Result<void> {
    if (connection_.get_notifs() > 0) return {};
    pollfd p{connection_.sock(), POLLIN, 0};
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(most).count();
    if (::poll(&p, 1, static_cast<int>(milliseconds)) > 0) connection_.get_notifs();
    return {};
  });
  if (!done || !connection_.is_open()) broken_ = true;
  return done;
}

void Connection::roll_back() {
  // libpqxx rolls back in the destructor, which does not throw.
  transaction_.reset();
  if (!connection_.is_open()) broken_ = true;
}

}  // namespace tocsin::storage::postgres
