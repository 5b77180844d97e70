// postgres by libpq's calls that do not wait. The password is libpq's own argument, never part of a text.
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "check.hpp"

namespace tocsin_plugins::probing {
namespace {

// A standby that has replayed all it was sent lags by nothing, however old the last transaction; without a sender
// nobody knows what there is to replay, and the age of the last transaction, or of the server, is the bound. A
// primary's lag is that of its furthest standby (PostgreSQL's documentation, "Recovery Information Functions" and
// "pg_stat_replication").
constexpr auto query =
    "SELECT pg_is_in_recovery(),"
    " CASE WHEN NOT pg_is_in_recovery() THEN"
    "  (SELECT extract(epoch FROM max(coalesce(replay_lag, interval '0'))) FROM pg_stat_replication)"
    " WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
    " ELSE extract(epoch FROM now() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) END";

struct ConnectionDeleter {
  void operator()(PGconn* line) const { PQfinish(line); }
};
struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, ConnectionDeleter>;
using Result = std::unique_ptr<PGresult, ResultDeleter>;

/// The host is looked up here: libpq's own look-up cannot be ended.
Connection begin(const Target& target, const Limits& limits) {
  std::string address;
  const auto& host = target.url.host;
  const bool looked_up = !host.empty() && host.find(',') == host.npos && host.find('%') == host.npos;
  if (looked_up) address = resolve(host, target.url.port, limits).front().text();
  const char* keys[] = {"gssencmode", "application_name", "sslmode",     "dbname",
                        "password",   "hostaddr",         "sslrootcert", nullptr};
  const auto given = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  const char* values[] = {"disable",
                          "tocsin",
                          target.ca_file.empty() ? nullptr : "verify-full",
                          target.whole_url.c_str(),
                          given(target.password),
                          given(address),
                          given(target.ca_file),
                          nullptr};
  Connection made(PQconnectStartParams(keys, values, 1));
  if (!made) throw tsn::Failure("out of memory");
  return made;
}

void connect(PGconn* line, const Limits& limits) {
  if (PQstatus(line) == CONNECTION_BAD) throw tsn::Failure(PQerrorMessage(line));
  for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(line)) {
    if (state == PGRES_POLLING_FAILED) throw tsn::Failure(PQerrorMessage(line));
    wait_for(PQsocket(line), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, limits);
  }
}

Result ask(PGconn* line, const Limits& limits) {
  if (PQsetnonblocking(line, 1) != 0 || PQsendQuery(line, query) != 1) throw tsn::Failure(PQerrorMessage(line));
  for (int unsent; (unsent = PQflush(line)) != 0;) {
    if (unsent < 0) throw tsn::Failure(PQerrorMessage(line));
    wait_for(PQsocket(line), POLLOUT | POLLIN, limits);
    if (PQconsumeInput(line) != 1) throw tsn::Failure(PQerrorMessage(line));
  }
  while (PQisBusy(line)) {
    wait_for(PQsocket(line), POLLIN, limits);
    if (PQconsumeInput(line) != 1) throw tsn::Failure(PQerrorMessage(line));
  }
  Result result(PQgetResult(line));
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) != 1)
    throw tsn::Failure(std::string("asking for its replication failed: ") + PQerrorMessage(line));
  return result;
}

}  // namespace

void check_postgres(const Target& target, const Limits& limits, Outcome& out) {
  const auto line = begin(target, limits);
  connect(line.get(), limits);
  const auto result = ask(line.get(), limits);
  const bool replica = *PQgetvalue(result.get(), 0, 0) == 't';
  if (!PQgetisnull(result.get(), 0, 1)) {
    const std::string_view text = PQgetvalue(result.get(), 0, 1);
    double lag = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), lag).ec == std::errc()) out.lag = std::max(0.0, lag);
  }
  check_role(target, replica);
}

}  // namespace tocsin_plugins::probing
