// An incident: what people work on. One or more alerts, a status, an owner, a timeline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/alert.hpp"

namespace tocsin::model {

enum class IncidentStatus : std::uint8_t { open = 1, acknowledged, in_progress, resolved, closed };
std::string_view to_string(IncidentStatus status);  ///< "OPEN", …
base::Result<IncidentStatus> parse_incident_status(std::string_view text);

/// Forward up to RESOLVED (skips too), CLOSED only from RESOLVED, OPEN again from RESOLVED or CLOSED.
bool valid_transition(IncidentStatus from, IncidentStatus to);
/// The valid ones, for the message that refuses another.
std::vector<IncidentStatus> next_statuses(IncidentStatus from);

struct Incident {
  std::uint64_t number = 0;    ///< short, given by the store at the first commit; unique in the store
  std::string correlation_id;  ///< UUIDv7, unique across agents; the identity
  std::string title, description;
  Severity severity = Severity::none;
  Category category = Category::none;
  IncidentStatus status = IncidentStatus::open;
  std::string service_name, affected_component, metric_name, impact, suggestion, resolution_notes, close_reason, owner;
  double metric_value = std::numeric_limits<double>::quiet_NaN();
  double threshold_value = std::numeric_limits<double>::quiet_NaN();
  std::string ticket_key, ticket_url;
  std::string group_key;  ///< the group (route, labels) and severity it belongs to
  std::string route;      ///< the route's path, "root/payments-day"
  Labels labels;          ///< common to its alerts
  std::vector<std::string> tags;
  std::vector<Link> links;
  std::string runbook_url;
  bool shadow = false;
  base::Time detected_at{}, acknowledged_at{}, resolved_at{}, closed_at{}, created_at{}, updated_at{};
  std::string acknowledged_by;  ///< of the acknowledgement that holds; empty: none
  base::Time ack_expires_at{};  ///< the acknowledgement ends then and the ladder goes on; no_time: it holds
  base::Time snoozed_until{};   ///< the ladder pauses until then; no_time: not snoozed
  std::string merged_into;      ///< correlation id of the incident that goes on in its place
  /// Groups whose further alerts join this incident, because theirs was merged into it:
  /// "PATH\nGROUPKEY\n[shadow]\nSEVERITY".
  std::vector<std::string> merged_groups;
};

/// Who, what, when, old and new value. Append only.
struct TimelineEntry {
  std::string correlation_id;  ///< of the incident
  base::Time at{};
  std::string actor;  ///< "tocsin", a user, "jira"
  std::string what;   ///< opened, status, note, severity, owner, alert, notified, escalated, ticket, tags, link,
                      ///< attachment, snoozed, acknowledgement, paged, merged
  std::string from, to, text;
};

/// A timeline entry as it stands among those of all incidents: what follows changes reads them in this order.
struct IncidentEvent {
  std::uint64_t id = 0;        ///< rises; the cursor
  std::uint64_t incident = 0;  ///< number
  std::string title;
  IncidentStatus status = IncidentStatus::open;  ///< as it is now
  Severity severity = Severity::none;            ///< likewise
  TimelineEntry entry;
};

/// An alert's membership in an incident, with the alert as it last was.
struct IncidentAlert {
  std::string correlation_id;
  Alert alert;
};

}  // namespace tocsin::model
