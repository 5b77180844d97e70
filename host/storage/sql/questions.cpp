// What the API and the command line ask.
#include <algorithm>
#include <set>

#include "storage/json.hpp"
#include "storage/sql/ask.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::sql {

using base::Result;

/// Ordered by when they became active; the cursor is "<ns>/<id>", because many alerts begin at the same moment.
Result<Listed<model::Alert>> SqlStore::alerts(const AlertQuery& query) {
  Question q("SELECT id, body FROM alerts");
  std::vector<std::string_view> states;
  for (model::AlertState s : query.states) states.push_back(model::to_string(s));
  q.where_in("state", states);
  if (!query.rule.empty()) q.where("rule_name = ?", std::string_view(query.rule));
  // What fires is alive, however long ago it changed last.
  if (query.from != base::no_time) q.where("(updated_at >= ? OR state IN ('pending', 'firing'))", query.from);
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
  if (!query.key.empty()) q.where("delivery_key = ?", std::string_view(query.key));
  if (!query.provider_id.empty()) q.where("provider_id = ?", std::string_view(query.provider_id));
  between(q, "sent_at", query.from, query.to);
  return ask_page<model::Attempt>(*database_, q, query.page,
                                  [](const Row& row) -> Result<model::Attempt> { return read_attempt(row); });
}

Result<std::vector<model::Delivery>> SqlStore::deliveries(const std::string& correlation_id) {
  // The columns are newer than the body where it was sent at once.
  Question q(
      "SELECT body, state, attempts, (SELECT id FROM incidents i WHERE i.correlation_id = deliveries.correlation_id) "
      "FROM deliveries");
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.add(" ORDER BY created_at, key");
  return ask<model::Delivery>(*database_, q, [](const Row& row) -> Result<model::Delivery> {
    TRY(model::Delivery d, json::delivery(row.text(0)));
    if (row.text(1) != model::to_string(model::DeliveryState::sent)) return d;
    d.state = model::DeliveryState::sent;
    d.attempts = static_cast<std::uint32_t>(row.integer(2));
    d.outcome_unknown = false;
    d.last_error.clear();
    if (d.incident.number == 0) d.incident.number = static_cast<std::uint64_t>(row.integer(3));
    return d;
  });
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

// Labels and fingerprints are compared here, not by the database: regular expressions are anchored and RE2's. Rows are
// read in steps until the page is full, the rows are out, or so many were read that the caller should look up.
Result<Listed<model::Verdict>> SqlStore::verdicts(const VerdictQuery& query) {
  constexpr std::size_t step = 2000, most_read = 200'000;
  const bool all = query.matchers.empty() && query.fingerprints.empty();
  const std::set<std::uint64_t> alerts(query.fingerprints.begin(), query.fingerprints.end());
  const auto wanted = [&](const model::Verdict& v) {
    if (all || (!query.matchers.empty() && model::matches(query.matchers, v.labels))) return true;
    if (v.fingerprint != 0) return alerts.contains(v.fingerprint);
    return std::any_of(v.fingerprints.begin(), v.fingerprints.end(), [&](auto one) { return alerts.contains(one); });
  };
  const std::size_t limit = page_limit(query.page);
  Listed<model::Verdict> out;
  Page page{step, query.page.after};
  for (std::size_t read = 0;; read += step) {
    Question q(select(verdict_columns, "verdicts"));
    between(q, "at", query.from, query.to);
    if (!query.correlation_id.empty()) q.where("correlation_id = ?", std::string_view(query.correlation_id));
    if (!query.rule.empty()) q.where("rule_name = ?", std::string_view(query.rule));
    if (!query.who.empty()) q.where("who = ?", std::string_view(query.who));
    TRY(const std::int64_t after, page_after(page));
    if (after > 0) q.where("id < ?", after);
    q.add(" ORDER BY id DESC");
    q.limit(step);
    std::vector<std::string> cursors;
    TRY(std::vector<model::Verdict> rows, ask<model::Verdict>(*database_, q, read_verdict, &cursors));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!wanted(rows[i])) continue;
      if (out.items.size() == limit) return out;
      out.items.push_back(std::move(rows[i]));
      out.next = cursors[i];
    }
    if (rows.size() < step) {
      out.next.clear();
      return out;
    }
    page.after = cursors.back();
    if (read + step >= most_read) {
      out.next = cursors.back();
      return out;
    }
  }
}

Result<std::optional<std::string>> SqlStore::kv(const std::string& key) {
  TRY(auto t, database_->read());
  std::optional<std::string> value;
  TRY_VOID(t->run("SELECT value FROM kv WHERE agent = $1 AND key = $2", {kv_owner(agent_, key), std::string_view(key)},
                  [&](const Row& row) { value = row.blob(0); }));
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
