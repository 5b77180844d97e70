// What the API and the command line ask.
#include <algorithm>

#include "storage/json.hpp"
#include "storage/sql/question.hpp"
#include "storage/sql/rows.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::sql {
namespace {

using base::fail;
using base::Result;

std::string select(std::string_view columns, std::string_view table) {
  return "SELECT " + std::string(columns) + " FROM " + std::string(table);
}

void between(Question& q, std::string_view column, base::Time from, base::Time to) {
  if (from != base::no_time) q.where(std::string(column) + " >= ?", from);
  if (to != base::no_time) q.where(std::string(column) + " <= ?", to);
}

/// `%text%` in lower case, its own wildcards escaped.
std::string like_pattern(const std::string& text) {
  std::string out = "%";
  for (char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

template <class T, class Read>
Result<std::vector<T>> ask(Database& database, const Question& q, Read read,
                           std::vector<std::string>* cursors = nullptr) {
  TRY(auto t, database.read());
  Collector<T> rows;
  const EachRow collect = rows.with(read);
  TRY_VOID(t->ask(q.text(), q.params(), [&](const Row& row) {
    if (cursors) cursors->emplace_back(row.text(0));
    collect(row);
  }));
  return rows.result();
}

/// A page of rows whose first column is the id they are ordered by, newest first.
template <class T, class Read>
Result<Listed<T>> ask_page(Database& database, Question& q, const Page& page, Read read) {
  TRY(const std::int64_t after, page_after(page));
  if (after > 0) q.where("id < ?", after);
  q.add(" ORDER BY id DESC");
  q.limit(page_limit(page) + 1);
  std::vector<std::string> cursors;
  TRY(std::vector<T> items, ask<T>(database, q, read, &cursors));
  return page_of(std::move(items), cursors, page_limit(page));
}

}  // namespace

Result<Listed<model::Incident>> SqlStore::incidents(const IncidentQuery& query) {
  Question q(select(incident_columns, "incidents"));
  std::vector<std::string_view> statuses, severities;
  for (model::IncidentStatus s : query.status) statuses.push_back(model::to_string(s));
  for (model::Severity s : query.severity) severities.push_back(model::to_string(s));
  q.where_in("status", statuses);
  q.where_in("severity", severities);
  between(q, "created_at", query.from, query.to);
  if (!query.text.empty())
    q.where(
        "(lower(title) LIKE lower(?) ESCAPE '\\' OR lower(description) LIKE lower(?) ESCAPE '\\' "
        "OR lower(service_name) LIKE lower(?) ESCAPE '\\')",
        q.keep(like_pattern(query.text)));
  return ask_page<model::Incident>(*database_, q, query.page, read_incident);
}

Result<std::optional<model::Incident>> SqlStore::incident(const std::string& id) {
  Question q(select(incident_columns, "incidents"));
  const bool number =
      !id.empty() && id.size() < 18 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number)
    q.where("id = ?", static_cast<std::int64_t>(std::stoll(id)));
  else
    q.where("correlation_id = ?", std::string_view(id));
  TRY(auto found, ask<model::Incident>(*database_, q, read_incident));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<model::TimelineEntry>> SqlStore::timeline(const std::string& correlation_id) {
  Question q(select(timeline_columns, "incident_timeline"));
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.add(" ORDER BY id");
  return ask<model::TimelineEntry>(*database_, q,
                                   [](const Row& row) -> Result<model::TimelineEntry> { return read_timeline(row); });
}

Result<std::vector<model::IncidentAlert>> SqlStore::incident_alerts(const std::string& correlation_id) {
  Question q("SELECT body FROM incident_alerts");
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.add(" ORDER BY alert_id");
  return ask<model::IncidentAlert>(*database_, q, [&](const Row& row) -> Result<model::IncidentAlert> {
    TRY(model::Alert alert, json::alert(row.text(0)));
    return model::IncidentAlert{correlation_id, std::move(alert)};
  });
}

/// Ordered by when they became active; the cursor is "<ns>/<id>", because many alerts begin at the same moment.
Result<Listed<model::Alert>> SqlStore::alerts(const AlertQuery& query) {
  Question q("SELECT id, body FROM alerts");
  std::vector<std::string_view> states;
  for (model::AlertState s : query.states) states.push_back(model::to_string(s));
  q.where_in("state", states);
  if (!query.rule.empty()) q.where("rule_name = ?", std::string_view(query.rule));
  if (query.from != base::no_time) q.where("updated_at >= ?", query.from);
  if (query.to != base::no_time) q.where("active_at <= ?", query.to);
  if (const std::string& after = query.page.after; !after.empty()) {
    const std::size_t slash = after.find('/');
    // Without a slash the whole of it stands for the number, and is refused as none.
    TRY(const std::int64_t ns, page_after(Page{1, slash == after.npos ? after + "/" : after.substr(0, slash)}));
    q.where("(active_at, id) < (?, ", base::from_ns(ns));
    q.add_param(std::string_view(after).substr(slash + 1));
    q.add(")");
  }
  q.add(" ORDER BY active_at DESC, id DESC");
  const std::size_t limit = page_limit(query.page);
  q.limit(limit + 1);
  TRY(auto items, ask<model::Alert>(*database_, q, [](const Row& row) { return json::alert(row.text(1)); }));
  std::vector<std::string> cursors;
  for (const model::Alert& a : items) cursors.push_back(std::to_string(base::to_ns(a.active_at)) + "/" + a.id);
  return page_of(std::move(items), cursors, limit);
}

Result<Listed<model::Attempt>> SqlStore::attempts(const LogQuery& query) {
  Question q(select(attempt_columns, "notification_log"));
  if (!query.correlation_id.empty()) q.where("correlation_id = ?", std::string_view(query.correlation_id));
  if (!query.instance.empty()) q.where("instance = ?", std::string_view(query.instance));
  if (!query.status.empty()) q.where("status = ?", std::string_view(query.status));
  between(q, "sent_at", query.from, query.to);
  return ask_page<model::Attempt>(*database_, q, query.page,
                                  [](const Row& row) -> Result<model::Attempt> { return read_attempt(row); });
}

Result<std::vector<model::Delivery>> SqlStore::deliveries(const std::string& correlation_id) {
  Question q("SELECT body FROM deliveries");
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.add(" ORDER BY created_at, key");
  return ask<model::Delivery>(*database_, q, [](const Row& row) { return json::delivery(row.text(0)); });
}

Result<Listed<model::DeadLetter>> SqlStore::dead_letters(const Page& page) {
  Question q(select(dead_letter_columns, "dead_letters"));
  q.where("replayed = ?", false);
  return ask_page<model::DeadLetter>(*database_, q, page, read_dead_letter);
}

Result<std::optional<model::DeadLetter>> SqlStore::dead_letter(std::uint64_t id) {
  Question q(select(dead_letter_columns, "dead_letters"));
  q.where("replayed = ?", false);
  q.where("id = ?", static_cast<std::int64_t>(id));
  TRY(auto found, ask<model::DeadLetter>(*database_, q, read_dead_letter));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<model::TicketRef>> SqlStore::tickets() {
  Question q(select(ticket_columns, "jira_mappings"));
  q.add(" ORDER BY id");
  return ask<model::TicketRef>(*database_, q,
                               [](const Row& row) -> Result<model::TicketRef> { return read_ticket(row); });
}

Result<std::optional<std::string>> SqlStore::kv(const std::string& key) {
  TRY(auto t, database_->read());
  std::optional<std::string> value;
  TRY_VOID(t->run("SELECT value FROM kv WHERE agent = $1 AND key = $2",
                  {std::string_view(agent_), std::string_view(key)}, [&](const Row& row) { value = row.blob(0); }));
  return value;
}

Result<std::vector<model::HeartbeatRecord>> SqlStore::heartbeats() {
  Question q(select(heartbeat_columns, "heartbeats"));
  q.add(" ORDER BY name");
  return ask<model::HeartbeatRecord>(
      *database_, q, [](const Row& row) -> Result<model::HeartbeatRecord> { return read_heartbeat(row); });
}

Result<std::vector<model::RuleRow>> SqlStore::rule_rows() {
  Question q(select(rule_row_columns, "incident_detection_rules"));
  q.add(" ORDER BY id");
  return ask<model::RuleRow>(*database_, q, read_rule_row);
}

}  // namespace tocsin::storage::sql
