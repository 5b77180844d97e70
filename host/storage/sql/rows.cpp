#include "storage/sql/rows.hpp"

#include <charconv>

#include "storage/json.hpp"

namespace tocsin::storage::sql {
namespace {

/// Columns left to right.
class Columns {
 public:
  explicit Columns(const Row& row) : row_(row) {}
  Columns& operator>>(std::string& v) {
    v = std::string(row_.text(at_++));
    return *this;
  }
  Columns& operator>>(double& v) {
    v = row_.real(at_++);
    return *this;
  }
  Columns& operator>>(bool& v) {
    v = row_.boolean(at_++);
    return *this;
  }
  Columns& operator>>(base::Time& v) {
    v = row_.time(at_++);
    return *this;
  }
  Columns& operator>>(std::uint64_t& v) {
    v = static_cast<std::uint64_t>(row_.integer(at_++));
    return *this;
  }
  Columns& operator>>(std::uint32_t& v) {
    v = static_cast<std::uint32_t>(row_.integer(at_++));
    return *this;
  }
  std::string_view text() { return row_.text(at_++); }

 private:
  const Row& row_;
  int at_ = 0;
};

}  // namespace

base::Result<model::Incident> read_incident(const Row& row) {
  model::Incident i;
  Columns in(row);
  in >> i.number >> i.correlation_id >> i.title >> i.description;
  if (const std::string_view word = in.text(); !word.empty()) {
    TRY(i.severity, model::parse_severity(word));
  }
  if (const std::string_view word = in.text(); !word.empty()) {
    TRY(i.category, model::parse_category(word));
  }
  TRY(i.status, model::parse_incident_status(in.text()));
  in >> i.service_name >> i.affected_component >> i.metric_name >> i.metric_value >> i.threshold_value >> i.impact;
  in >> i.suggestion >> i.resolution_notes >> i.close_reason >> i.owner >> i.ticket_key >> i.ticket_url >> i.group_key;
  in >> i.route;
  TRY(i.labels, json::labels(in.text()));
  TRY(i.tags, json::texts(in.text()));
  TRY(i.links, json::links(in.text()));
  in >> i.runbook_url >> i.shadow >> i.detected_at >> i.acknowledged_at >> i.resolved_at >> i.closed_at >> i.created_at;
  in >> i.updated_at >> i.acknowledged_by >> i.ack_expires_at >> i.snoozed_until >> i.merged_into;
  TRY(i.merged_groups, json::texts(in.text()));
  return i;
}

model::TimelineEntry read_timeline(const Row& row) {
  model::TimelineEntry e;
  Columns(row) >> e.correlation_id >> e.at >> e.actor >> e.what >> e.from >> e.to >> e.text;
  return e;
}

base::Result<model::IncidentEvent> read_event(const Row& row) {
  model::IncidentEvent e;
  model::TimelineEntry& t = e.entry;
  Columns in(row);
  in >> e.id >> t.correlation_id >> t.at >> t.actor >> t.what >> t.from >> t.to >> t.text >> e.incident >> e.title;
  TRY(e.status, model::parse_incident_status(in.text()));
  if (const std::string_view word = in.text(); !word.empty()) {
    TRY(e.severity, model::parse_severity(word));
  }
  return e;
}

model::Attachment read_attachment(const Row& row) {
  model::Attachment a;
  Columns(row) >> a.id >> a.key >> a.correlation_id >> a.name >> a.content_type >> a.by >> a.size >> a.at;
  return a;
}

model::Attempt read_attempt(const Row& row) {
  model::Attempt a;
  std::uint64_t id = 0;
  Columns(row) >> id >> a.delivery_key >> a.correlation_id >> a.instance >> a.type >> a.recipient >> a.status >>
      a.sent_at >> a.delivered_at >> a.provider_id >> a.error >> a.attempt;
  return a;
}

base::Result<model::DeadLetter> read_dead_letter(const Row& row) {
  model::DeadLetter d;
  Columns in(row);
  in >> d.id >> d.at >> d.what >> d.key >> d.instance >> d.cause;
  TRY(d.delivery, json::delivery(in.text()));
  return d;
}

model::TicketRef read_ticket(const Row& row) {
  model::TicketRef t;
  Columns(row) >> t.correlation_id >> t.instance >> t.key >> t.url >> t.status >> t.intent >> t.synced_at;
  return t;
}

base::Result<model::Verdict> read_verdict(const Row& row) {
  model::Verdict v;
  Columns in(row);
  std::uint64_t id = 0;
  in >> id >> v.at;
  TRY(v.kind, model::parse_verdict_kind(in.text()));
  const std::string_view word = in.text();
  std::from_chars(word.data(), word.data() + word.size(), v.fingerprint, 16);
  in >> v.alert_id >> v.rule;
  TRY(v.labels, json::labels(in.text()));
  in >> v.alerts;
  TRY(v.fingerprints, json::fingerprints(in.text()));
  in >> v.route >> v.group_key >> v.correlation_id >> v.target >> v.who >> v.by >> v.until >> v.text >> v.delivery_key;
  return v;
}

model::HeartbeatRecord read_heartbeat(const Row& row) {
  model::HeartbeatRecord r;
  Columns in(row);
  in >> r.name >> r.since >> r.last_ping;
  r.last_kind = model::beat_kind(in.text());
  in >> r.last_start >> r.last_success >> r.last_failure;
  r.last_duration = base::Duration(row.integer(7));
  r.exit_status = row.null(8) ? -1 : static_cast<int>(row.integer(8));
  r.note = std::string(row.text(9));
  r.pings = static_cast<std::uint64_t>(row.integer(10));
  return r;
}

base::Result<model::RuleRow> read_rule_row(const Row& row) {
  model::RuleRow r;
  r.id = row.integer(0);
  r.name = std::string(row.text(1));
  TRY(r.category, model::parse_category(row.text(2)));
  r.description = std::string(row.text(3));
  r.query = std::string(row.text(4));
  r.query_type = std::string(row.text(5));
  r.threshold = row.real(6);
  r.op = std::string(row.text(7));
  TRY(r.severity, model::parse_severity(row.text(8)));
  r.message = std::string(row.text(9));
  r.suggestion = std::string(row.text(10));
  r.enabled = row.boolean(11);
  r.every = std::chrono::seconds(row.integer(12));
  r.cooldown = std::chrono::seconds(row.integer(13));
  r.updated_at = row.time(14);
  r.last_triggered_at = row.time(15);
  r.trigger_count = static_cast<std::uint64_t>(row.integer(16));
  return r;
}

base::Result<PassedAlert> read_passed(const Row& row) {
  PassedAlert out;
  out.id = static_cast<std::uint64_t>(row.integer(0));
  TRY(out.alert, json::alert(row.text(2)));
  out.alert.agent = row.text(1);
  return out;
}

}  // namespace tocsin::storage::sql
