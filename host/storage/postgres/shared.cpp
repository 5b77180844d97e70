#include "storage/postgres/shared.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "storage/sql/rows.hpp"
#include "storage/sql/rule_query.hpp"

namespace tocsin::storage::postgres {
namespace {

using base::fail;
using base::Fault;
using base::Result;

std::string seconds_text(base::Duration d) {
  return std::to_string(std::chrono::duration<double>(d).count());
}

/// int8 int2 int4 float4 float8 numeric.
bool numeric_type(pqxx::oid type) {
  static constexpr std::array<pqxx::oid, 6> types{20, 21, 23, 700, 701, 1700};
  return std::ranges::find(types, type) != types.end();
}

/// The column that is the number; −1: there is none.
int value_column(const pqxx::result& table) {
  int first = -1;
  for (int c = 0; c < static_cast<int>(table.columns()); ++c) {
    if (std::string_view(table.column_name(c)) == "value") return c;
    if (first < 0 && numeric_type(table.column_type(c))) first = c;
  }
  return first;
}

Result<double> number_of(const pqxx::field& field) {
  if (field.is_null()) return std::numeric_limits<double>::quiet_NaN();
  char* end = nullptr;
  const double value = std::strtod(field.c_str(), &end);
  if (end != field.c_str() && *end == '\0') return value;
  return fail(sql::no_number(field.c_str()));
}

Result<model::RuleAnswer> answer_of(const pqxx::result& table, std::size_t most_rows) {
  if (static_cast<std::size_t>(table.size()) > most_rows) return fail(sql::too_many_rows(most_rows));
  const int value_at = value_column(table);
  model::RuleAnswer answer;
  for (const pqxx::row& from : table) {
    model::RuleAnswer::Row row;
    for (int c = 0; c < static_cast<int>(from.size()); ++c) {
      const pqxx::field field = from[c];
      if (c == value_at) {
        TRY(row.value, number_of(field));
      } else if (!field.is_null()) {
        row.labels.set(sql::label_name(field.name()), std::string_view(field.c_str(), field.size()));
      }
    }
    answer.rows.push_back(std::move(row));
  }
  return answer;
}

}  // namespace

Result<std::uint64_t> PostgresShared::change(std::string_view statement, std::initializer_list<sql::Param> params) {
  TRY(auto t, database_.write());
  TRY(const std::uint64_t changed, t->run(statement, params));
  TRY_VOID(t->commit());
  return changed;
}

std::int64_t PostgresShared::epoch(std::string_view name) const {
  std::lock_guard lock(epochs_mutex_);
  const auto it = epochs_.find(name);
  return it == epochs_.end() ? 0 : it->second;
}

void PostgresShared::set_epoch(std::string_view name, std::int64_t epoch) {
  std::lock_guard lock(epochs_mutex_);
  epochs_.insert_or_assign(std::string(name), epoch);
}

Result<bool> PostgresShared::lease(std::string_view name, base::Duration lasts, std::string_view address) {
  const std::string seconds = seconds_text(lasts);
  const std::string_view me = agent_;
  if (const std::int64_t mine = epoch(name); mine != 0) {
    TRY(const auto prolonged,
        change("UPDATE leases SET expires_at = clock_timestamp() + $3::float8 * interval '1 s', address = $4 "
               "WHERE name = $1 AND holder = $2 AND epoch = $5::bigint",
               {name, me, std::string_view(seconds), sql::text_param(address), mine}));
    if (prolonged > 0) return true;
    set_epoch(name, 0);
  }
  // A process that was killed is followed by one of its name at once; any other waits until the lease is over.
  TRY(auto t, database_.write());
  std::int64_t taken = 0;
  TRY_VOID(
      t->run("INSERT INTO leases (name, holder, expires_at, address) VALUES ($1, $2, clock_timestamp() + $3::float8 * "
             "interval "
             "'1 s', $4) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, "
             "address = excluded.address, epoch = leases.epoch + 1 "
             "WHERE leases.holder = excluded.holder OR leases.expires_at < clock_timestamp() RETURNING epoch",
             {name, me, std::string_view(seconds), sql::text_param(address)},
             [&taken](const sql::Row& row) { taken = row.integer(0); }));
  TRY_VOID(t->commit());
  if (taken != 0) set_epoch(name, taken);
  return taken != 0;
}

/// The row stays, over and done with: its count goes on.
Result<void> PostgresShared::release(std::string_view name) {
  const std::int64_t mine = epoch(name);
  if (mine == 0) return {};
  set_epoch(name, 0);
  TRY_VOID(
      change("UPDATE leases SET expires_at = clock_timestamp() - interval '1 ms', holder = '' "
             "WHERE name = $1 AND holder = $2 AND epoch = $3::bigint",
             {name, std::string_view(agent_), mine}));
  return {};
}

Result<std::optional<Holder>> PostgresShared::holder(std::string_view name) {
  TRY(auto t, database_.read());
  std::optional<Holder> found;
  TRY_VOID(t->run("SELECT holder, address FROM leases WHERE name = $1 AND expires_at >= clock_timestamp()", {name},
                  [&](const sql::Row& row) { found = Holder{std::string(row.text(0)), std::string(row.text(1))}; }));
  return found;
}

Result<void> PostgresShared::check_decides(sql::Transaction& t) {
  bool mine = false;
  TRY_VOID(t.run("SELECT true FROM leases WHERE name = $1 AND holder = $2 AND epoch = $3::bigint FOR SHARE",
                 {deciding_lease, std::string_view(agent_), epoch(deciding_lease)},
                 [&](const sql::Row&) { mine = true; }));
  if (!mine) return fail(Fault::cancelled, "another agent decides now");
  return {};
}

Result<std::vector<PassedAlert>> PostgresShared::passed_alerts(std::size_t most) {
  TRY(auto t, database_.read());
  sql::Collector<PassedAlert> rows;
  TRY_VOID(t->run("SELECT id, agent, body FROM passed_alerts ORDER BY id LIMIT $1", {static_cast<std::int64_t>(most)},
                  rows.with(sql::read_passed)));
  return rows.result();
}

// The channel's name is the schema's, because several fleets may live in one database.
Result<void> PostgresShared::announce_passed(sql::Transaction& t) {
  TRY_VOID(t.run("SELECT pg_notify('tocsin_' || current_schema(), '')", {}, [](const sql::Row&) {}));
  return {};
}

Result<void> PostgresShared::wait_for_passed(base::Duration most) {
  if (listener_ && !listener_->usable_for_listening()) listener_.reset();
  if (!listener_) {
    TRY(auto fresh, database_.connect());
    TRY_VOID(fresh->begin(false));
    TRY_VOID(fresh->script("DO $$ BEGIN EXECUTE 'LISTEN ' || quote_ident('tocsin_' || current_schema()); END $$"));
    TRY_VOID(fresh->commit());
    fresh->roll_back();
    listener_ = std::move(fresh);
    return {};  // what was passed on before it listened is there already
  }
  return listener_->wait_for_notice(most);
}

Result<std::vector<model::Member>> PostgresShared::meet(std::string_view address, std::string_view version) {
  TRY(auto t, database_.write());
  TRY_VOID(
      t->run("INSERT INTO agents (name, address, version, last_seen) VALUES ($1, $2, $3, clock_timestamp()) "
             "ON CONFLICT (name) DO UPDATE SET address = excluded.address, version = excluded.version, "
             "last_seen = excluded.last_seen",
             {std::string_view(agent_), address, version}));
  std::vector<model::Member> all;
  TRY_VOID(t->run(
      "SELECT name, address, version, last_seen, extract(epoch FROM clock_timestamp() - last_seen), told_by "
      "FROM agents ORDER BY name COLLATE \"C\"",
      {}, [&](const sql::Row& row) {
        model::Member member;
        member.name = row.text(0);
        member.address = row.text(1);
        member.version = row.text(2);
        member.last_seen = row.time(3);
        member.silent_for =
            std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(std::max(0.0, row.real(4))));
        member.told_by = row.text(5);
        all.push_back(std::move(member));
      }));
  TRY_VOID(t->commit());
  return all;
}

Result<void> PostgresShared::leave() {
  TRY_VOID(change("DELETE FROM agents WHERE name = $1", {std::string_view(agent_)}));
  return {};
}

Result<bool> PostgresShared::claim(std::string_view member) {
  TRY(const auto changed,
      change("UPDATE agents SET told_by = $1 WHERE name = $2 AND told_by IS NULL", {std::string_view(agent_), member}));
  return changed > 0;
}

Result<void> PostgresShared::disclaim(std::string_view member) {
  TRY_VOID(change("UPDATE agents SET told_by = NULL WHERE name = $1", {member}));
  return {};
}

/// Whether there is a role `tocsin_rules` that this login may act as. Where it may make roles it makes this one, which
/// may read and nothing else; one that is there is left as the administrator made it.
Result<bool> PostgresShared::reader_role(Connection& connection) {
  if (!looked_for_role_) {
    // Two agents may do this at once, and it may not be allowed: either way what counts is what is there afterwards.
    TRY_VOID(connection.begin(false));
    const auto made = connection.script(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tocsin_rules') THEN "
        "CREATE ROLE tocsin_rules NOLOGIN; GRANT pg_read_all_data TO tocsin_rules; END IF; "
        "EXCEPTION WHEN OTHERS THEN NULL; END $$");
    if (made) (void)connection.commit();
    connection.roll_back();
    looked_for_role_ = true;
  }
  TRY_VOID(connection.begin(true));
  bool there = false;
  TRY_VOID(connection.run(
      "SELECT count(*) > 0 FROM pg_roles WHERE rolname = 'tocsin_rules' AND pg_has_role(current_user, oid, 'MEMBER')",
      {}, [&](const sql::Row& row) { there = row.boolean(0); }, true));
  connection.roll_back();
  return there;
}

Result<model::RuleAnswer> PostgresShared::ask(const std::string& query, base::Duration timeout, std::size_t most_rows) {
  std::lock_guard lock(asking_);
  if (asker_ && !asker_->usable()) asker_.reset();
  if (!asker_) {
    TRY(asker_, database_.connect());
  }
  auto answer = ask_on(*asker_, query, timeout, most_rows);
  // Whatever the query set or locked ends with the transaction, or with this.
  asker_->roll_back();
  return answer;
}

Result<model::RuleAnswer> PostgresShared::ask_on(Connection& connection, const std::string& query,
                                                 base::Duration timeout, std::size_t most_rows) {
  TRY(const bool role, reader_role(connection));
  TRY_VOID(connection.begin(true));
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  TRY_VOID(connection.script("SELECT pg_advisory_unlock_all(); SET LOCAL statement_timeout = " +
                             std::to_string(milliseconds) + (role ? "; SET LOCAL ROLE tocsin_rules" : "")));
  TRY(const pqxx::result table, connection.table(sql::guarded_query(query, most_rows)));
  return answer_of(table, most_rows);
}

}  // namespace tocsin::storage::postgres
