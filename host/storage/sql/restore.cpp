// What a start continues with, and what is forgotten in time.
#include "storage/json.hpp"
#include "storage/sql/rows.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::sql {
namespace {

using base::fail;
using base::Result;

/// Runs one statement and reads its rows into `out`.
template <class T, class Read>
Result<void> load(Transaction& t, std::string_view text, std::initializer_list<Param> params, Read read,
                  std::vector<T>& out) {
  Collector<T> rows;
  TRY_VOID(t.run(text, params, rows.with(read)));
  TRY(out, rows.result());
  return {};
}

// Of incidents and alerts each row keeps the agent it is from, and the owner '' has them all.
constexpr std::string_view of_open_incidents =
    " IN (SELECT correlation_id FROM incidents WHERE ($1 = '' OR agent = $1) AND status <> 'CLOSED')";

Result<void> load_incidents(Transaction& t, std::string_view agent, Restored& out) {
  static const std::string incidents =
      "SELECT " + std::string(incident_columns) +
      " FROM incidents WHERE ($1 = '' OR agent = $1) AND status <> 'CLOSED' ORDER BY id";
  static const std::string members =
      "SELECT correlation_id, body FROM incident_alerts WHERE correlation_id" + std::string(of_open_incidents);
  TRY_VOID(load(t, incidents, {agent}, read_incident, out.incidents));
  return load(
      t, members, {agent},
      [](const Row& row) -> Result<model::IncidentAlert> {
        TRY(model::Alert alert, json::alert(row.text(1)));
        return model::IncidentAlert{std::string(row.text(0)), std::move(alert)};
      },
      out.incident_alerts);
}

Result<void> load_told(Transaction& t, std::string_view agent, Restored& out) {
  static const std::string refs =
      "SELECT instance, recipient, correlation_id, provider_id FROM provider_refs WHERE agent = $1 AND "
      "(correlation_id" +
      std::string(of_open_incidents) + " OR correlation_id NOT IN (SELECT correlation_id FROM incidents))";
  static const std::string tickets =
      "SELECT " + std::string(ticket_columns) +
      " FROM jira_mappings WHERE ($1 = '' OR agent = $1) AND (intent IS NOT NULL OR correlation_id" +
      std::string(of_open_incidents) + ") ORDER BY id";
  TRY_VOID(load(
      t, refs, {agent},
      [](const Row& row) -> Result<model::ProviderRef> {
        return model::ProviderRef{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                                  std::string(row.text(3))};
      },
      out.provider_refs));
  return load(
      t, tickets, {agent}, [](const Row& row) -> Result<model::TicketRef> { return read_ticket(row); }, out.tickets);
}

/// Of all agents; those of others are marked where each decides for itself.
Result<void> load_silences(Transaction& t, std::string_view agent, std::vector<model::Silence>& out) {
  return load(
      t, "SELECT agent, body FROM silences ORDER BY id", {},
      [agent](const Row& row) -> Result<model::Silence> {
        TRY(model::Silence silence, json::silence(row.text(1)));
        silence.elsewhere = !agent.empty() && row.text(0) != agent;
        return silence;
      },
      out);
}

/// Of all agents.
Result<void> load_overrides(Transaction& t, std::vector<model::OncallOverride>& out) {
  return load(
      t, "SELECT id, rotation, contact, starts_at, ends_at, created_by, created_at FROM oncall_overrides ORDER BY id",
      {},
      [](const Row& row) -> Result<model::OncallOverride> {
        return model::OncallOverride{std::string(row.text(0)),
                                     std::string(row.text(1)),
                                     std::string(row.text(2)),
                                     row.time(3),
                                     row.time(4),
                                     row.time(6),
                                     std::string(row.text(5))};
      },
      out);
}

}  // namespace

Result<Restored> SqlStore::restore(base::Time now) {
  const std::string_view owner = owner_;
  TRY(auto t, database_->read());
  Restored out;
  TRY_VOID(t->run("SELECT decided FROM journal_state WHERE agent = $1", {std::string_view(agent_)},
                  [&](const Row& row) { out.journal_position = static_cast<std::uint64_t>(row.integer(0)); }));
  TRY_VOID(load(
      *t,
      "SELECT body, agent FROM alerts WHERE ($1 = '' OR agent = $1) AND (state IN ('pending', 'firing') OR (state = "
      "'resolved' AND (resolved_at >= $2 OR cooldown_until > $3))) ORDER BY active_at, id",
      {owner, now - std::chrono::hours(1), now},
      [owner](const Row& row) -> Result<model::Alert> {
        TRY(model::Alert alert, json::alert(row.text(0)));
        if (owner.empty()) alert.agent = row.text(1);
        return alert;
      },
      out.alerts));
  if (shared_) {
    TRY_VOID(load(*t, "SELECT id, agent, body FROM passed_alerts WHERE agent = $1 ORDER BY id",
                  {std::string_view(agent_)}, read_passed, out.passed));
  }
  TRY_VOID(load_incidents(*t, owner, out));
  TRY_VOID(load(
      *t, "SELECT body FROM deliveries WHERE agent = $1 AND state = 'PENDING' ORDER BY created_at, key", {owner},
      [](const Row& row) { return json::delivery(row.text(0)); }, out.deliveries));
  TRY_VOID(load(
      *t, "SELECT body FROM alert_groups WHERE agent = $1 ORDER BY key", {owner},
      [](const Row& row) { return json::group(row.text(0)); }, out.groups));
  TRY_VOID(load(
      *t, "SELECT body FROM ladders WHERE agent = $1 ORDER BY correlation_id", {owner},
      [](const Row& row) { return json::ladder(row.text(0)); }, out.ladders));
  TRY_VOID(load_told(*t, owner, out));
  TRY_VOID(load_silences(*t, owner, out.silences));
  TRY_VOID(load_overrides(*t, out.overrides));
  return out;
}

Result<std::vector<model::Silence>> SqlStore::silences() {
  TRY(auto t, database_->read());
  std::vector<model::Silence> out;
  TRY_VOID(load_silences(*t, owner_, out));
  return out;
}

Result<Expired> SqlStore::expire(base::Time now, const Retention& retention) {
  {
    const base::Time decisions = now - retention.decisions, deliveries = now - retention.deliveries;
    TRY(auto t, database_->write());
    for (std::string_view text :
         {"DELETE FROM alert_history WHERE created_at < $1", "DELETE FROM alert_evaluations WHERE evaluated_at < $1",
          "DELETE FROM notification_log WHERE sent_at < $1", "DELETE FROM jira_sync_log WHERE synced_at < $1",
          "DELETE FROM login_attempts WHERE attempted_at < $1",
          "DELETE FROM alerts WHERE state IN ('resolved', 'inactive') AND updated_at < $1"})
      TRY_VOID(t->run(text, {decisions}));
    TRY_VOID(t->run("DELETE FROM verdicts WHERE at < $1", {now - retention.verdicts}));
    TRY_VOID(t->run("DELETE FROM deliveries WHERE state <> 'PENDING' AND created_at < $1", {deliveries}));
    TRY_VOID(t->run("DELETE FROM dead_letters WHERE replayed = $1 AND created_at < $2", {true, deliveries}));
    TRY_VOID(
        t->run("DELETE FROM provider_refs WHERE correlation_id IN (SELECT correlation_id FROM incidents WHERE "
               "status = 'CLOSED' AND closed_at < $1)",
               {deliveries}));
    TRY_VOID(t->commit());
  }
  return history_->expire(now, retention);
}

}  // namespace tocsin::storage::sql
