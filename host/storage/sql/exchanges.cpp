// What trackers and their other side said to each other: jira_sync_log written and read.
#include <charconv>
#include <cmath>

#include "storage/sql/ask.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::sql {
namespace {

constexpr std::string_view exchange_columns =
    "id, synced_at, direction, instance, correlation_id, incident_id, jira_key, method, target, request, response, "
    "error, http_status, took_ms, status, intent";

model::Exchange read_exchange(const Row& row) {
  model::Exchange out;
  out.id = static_cast<std::uint64_t>(row.integer(0));
  out.at = row.time(1);
  out.direction = row.text(2) == "IN"    ? model::ExchangeDirection::in
                  : row.text(2) == "OUT" ? model::ExchangeDirection::out
                                         : model::ExchangeDirection::mapping;
  out.instance = row.text(3);
  out.correlation_id = row.text(4);
  out.incident = static_cast<std::uint64_t>(row.integer(5));
  out.ticket = row.text(6);
  out.method = row.text(7);
  out.target = row.text(8);
  out.request = row.text(9);
  out.response = row.text(10);
  out.error = row.text(11);
  out.http_status = static_cast<std::uint32_t>(row.integer(12));
  const double ms = row.real(13);
  if (!std::isnan(ms)) out.took = base::Duration(static_cast<std::int64_t>(std::llround(ms * 1e6)));
  out.status = row.text(14);
  out.intent = row.text(15);
  return out;
}

Param took_param(const model::Exchange& exchange) {
  return static_cast<double>(exchange.took.count()) / 1e6;
}

}  // namespace

base::Result<void> SqlStore::append_exchanges(const std::vector<model::Exchange>& exchanges) {
  if (exchanges.empty()) return {};
  TRY(auto t, database_->write());
  for (const model::Exchange& e : exchanges) {
    TRY_VOID(t->run(
        "INSERT INTO jira_sync_log (correlation_id, incident_id, instance, jira_key, synced_at, direction, method, "
        "target, http_status, request, response, error, took_ms) "
        "VALUES ($1, (SELECT id FROM incidents WHERE correlation_id = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
        "$12)",
        {std::string_view(e.correlation_id), std::string_view(e.instance), text_param(e.ticket), time_param(e.at),
         model::to_string(e.direction), text_param(e.method), text_param(e.target),
         e.http_status == 0 ? Param() : Param(static_cast<std::int64_t>(e.http_status)), text_param(e.request),
         text_param(e.response), text_param(e.error), took_param(e)}));
  }
  return t->commit();
}

base::Result<Listed<model::Exchange>> SqlStore::exchanges(const ExchangeQuery& query) {
  Question q(select(exchange_columns, "jira_sync_log"));
  if (!query.correlation_id.empty()) q.where("correlation_id = ?", std::string_view(query.correlation_id));
  return ask_page<model::Exchange>(*database_, q, query.page,
                                   [](const Row& row) -> base::Result<model::Exchange> { return read_exchange(row); });
}

}  // namespace tocsin::storage::sql
