// Rows to model values: each column list stands beside the function that reads it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/changes.hpp"
#include "storage/shared.hpp"
#include "storage/sql/database.hpp"

namespace tocsin::storage::sql {

constexpr std::string_view incident_columns =
    "id, correlation_id, title, description, severity, category, status, service_name, affected_component, "
    "metric_name, "
    "metric_value, threshold_value, impact, suggestion, resolution_notes, close_reason, owner, jira_ticket_key, "
    "jira_ticket_url, group_key, route, labels, tags, links, runbook_url, shadow, detected_at, acknowledged_at, "
    "resolved_at, "
    "closed_at, created_at, updated_at, acknowledged_by, ack_expires_at, snoozed_until, merged_into, merged_groups";
base::Result<model::Incident> read_incident(const Row& row);

constexpr std::string_view timeline_columns =
    "correlation_id, created_at, actor, event_type, old_value, new_value, description";
model::TimelineEntry read_timeline(const Row& row);

/// With the incident's; `t` is incident_timeline, `i` incidents.
constexpr std::string_view event_columns =
    "t.id, t.correlation_id, t.created_at, t.actor, t.event_type, t.old_value, t.new_value, t.description, i.id, "
    "i.title, "
    "i.status, i.severity";
base::Result<model::IncidentEvent> read_event(const Row& row);

/// Without the content, which may follow as one more column.
constexpr std::string_view attachment_columns =
    "id, attachment_key, correlation_id, file_name, content_type, uploaded_by, file_size, created_at";
model::Attachment read_attachment(const Row& row);

constexpr std::string_view attempt_columns =
    "id, delivery_key, correlation_id, instance, channel, recipient, status, sent_at, delivered_at, provider_id, "
    "error_message, attempt";
model::Attempt read_attempt(const Row& row);

constexpr std::string_view dead_letter_columns = "id, created_at, what, key, instance, cause, body";
base::Result<model::DeadLetter> read_dead_letter(const Row& row);

constexpr std::string_view ticket_columns = "correlation_id, instance, jira_key, jira_url, status, intent, synced_at";
model::TicketRef read_ticket(const Row& row);

constexpr std::string_view verdict_columns =
    "id, at, kind, fingerprint, alert_id, rule_name, labels, alerts, fingerprints, route, group_key, correlation_id, "
    "target, who, held_by, until, text, delivery_key";
base::Result<model::Verdict> read_verdict(const Row& row);

constexpr std::string_view heartbeat_columns =
    "name, since, last_ping, last_kind, last_start, last_success, last_failure, last_duration_ns, exit_status, note, "
    "pings";
model::HeartbeatRecord read_heartbeat(const Row& row);

constexpr std::string_view rule_row_columns =
    "id, rule_name, rule_type, description, metric_query, query_type, threshold_value, threshold_operator, severity, "
    "alert_message_template, suggestion_template, enabled, evaluation_interval_seconds, cooldown_period_seconds, "
    "updated_at, last_triggered_at, trigger_count";
base::Result<model::RuleRow> read_rule_row(const Row& row);

/// id, agent, body of passed_alerts.
base::Result<PassedAlert> read_passed(const Row& row);

/// Collects rows whose reading may fail; keeps the first failure.
template <class T>
class Collector {
 public:
  template <class Read>
  EachRow with(Read read) {
    return [this, read](const Row& row) {
      base::Result<T> value = read(row);
      if (value)
        items.push_back(std::move(*value));
      else if (!error_)
        error_ = std::move(value).error();
    };
  }
  base::Result<std::vector<T>> result() {
    if (error_) return base::fail(std::move(*error_));
    return std::move(items);
  }
  std::vector<T> items;

 private:
  std::optional<base::Error> error_;
};

}  // namespace tocsin::storage::sql
