// One incident with all that a desk needs to go on with it.
#include "storage/json.hpp"
#include "storage/sql/ask.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::sql {

base::Result<Restored> SqlStore::restore_incident(const std::string& id) {
  Restored out;
  TRY(auto found, incident(id));
  if (!found) return out;
  const std::string known = found->correlation_id;
  out.incidents.push_back(std::move(*found));
  TRY(out.incident_alerts, incident_alerts(known));
  const auto of_it = [&](std::string_view columns, std::string_view table) {
    Question q(select(columns, table));
    q.where("correlation_id = ?", std::string_view(known));
    return q;
  };
  TRY(out.tickets, ask<model::TicketRef>(*database_, of_it(ticket_columns, "jira_mappings"), read_ticket));
  Question ladders = of_it("body", "ladders");
  ladders.where("agent = ?", std::string_view(owner_));
  TRY(out.ladders, ask<model::Ladder>(*database_, ladders, [](const Row& row) { return json::ladder(row.text(0)); }));
  return out;
}

}  // namespace tocsin::storage::sql
