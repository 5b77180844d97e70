// What notifiers and trackers receive, as plain C++ values. Every string_view is borrowed until the call returns: who
// answers later copies what it needs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tocsin/context.hpp"

namespace tsn {

struct Label {
  std::string_view name, value;
};

struct Labels : std::vector<Label> {
  /// The value of `name`, empty when it is missing.
  std::string_view operator[](std::string_view name) const noexcept {
    for (const auto& label : *this)
      if (label.name == name) return label.value;
    return {};
  }
};

struct Alert {
  std::string_view name, fingerprint, message, suggestion, generator_url;
  tsn_severity severity = TSN_SEV_NONE;
  bool firing = false;
  double value = 0, threshold = 0;  ///< NaN: none
  Time starts_at = 0, ends_at = 0;  ///< ends_at 0: still firing
  Labels labels, annotations;
};

struct Link {
  std::string_view text, href;
};

struct TimelineEntry {
  Time at = 0;
  std::string_view actor, what, from, to, text;
};

struct Attachment {
  std::string_view name, type;
  std::uint64_t size = 0, blob = 0;
};

struct Incident {
  tsn_severity severity = TSN_SEV_NONE;
  tsn_incident_status status = TSN_INC_OPEN;
  std::uint64_t number = 0;
  std::string_view correlation_id, title, description, category, service, impact, suggestion, resolution_notes, owner;
  std::string_view url, runbook_url, ticket_key, ticket_url;
  Time detected_at = 0, acknowledged_at = 0, resolved_at = 0, closed_at = 0;  ///< 0: not yet
  std::vector<Alert> alerts;
  Labels labels;
  std::vector<Link> links;
  std::vector<TimelineEntry> timeline;
  std::vector<Attachment> attachments;
};

/// "LOW", "MEDIUM", "HIGH", "CRITICAL"; empty for none.
constexpr std::string_view severity_name(tsn_severity severity) noexcept {
  constexpr std::string_view names[] = {"", "LOW", "MEDIUM", "HIGH", "CRITICAL"};
  return severity < std::size(names) ? names[severity] : std::string_view();
}
/// "OPEN", "ACKNOWLEDGED", "IN_PROGRESS", "RESOLVED", "CLOSED".
constexpr std::string_view status_name(tsn_incident_status status) noexcept {
  constexpr std::string_view names[] = {"", "OPEN", "ACKNOWLEDGED", "IN_PROGRESS", "RESOLVED", "CLOSED"};
  return status < std::size(names) ? names[status] : std::string_view();
}

/// The Alertmanager view of the group that a message tells of.
struct Group {
  std::uint32_t truncated_alerts = 0;
  std::string_view receiver, group_key, external_url;
  Labels labels;
};

struct Recipient {
  std::string_view target;   ///< as written: "mail:group.platform", "slack:#ops"
  std::string_view name;     ///< the contact or channel; empty: the instance has no recipients
  std::string_view address;  ///< what this notifier needs
};

/// What the recipient may do by opening a link; see tsn_action.
struct Action {
  tsn_answer_kind kind = TSN_ANSWER_ACKNOWLEDGE;
  std::string_view text, href;
};

struct Message {
  tsn_message_kind kind = TSN_MSG_FIRING;
  std::string_view key;  ///< idempotency key: the same for every attempt of one notification
  std::uint32_t attempt = 1;
  bool outcome_unknown = false;  ///< an earlier attempt may have arrived
  Recipient recipient;
  std::string_view title, text;
  Incident incident;
  std::optional<Group> group;        ///< absent where a ladder step tells an incident
  std::string_view provider_id;      ///< what an earlier deliver of the same incident and recipient returned
  std::vector<Action> actions = {};  ///< what the recipient may do by a link
};

/// What a tracker is to bring about.
struct Upsert {
  tsn_change_kind change = TSN_CHANGE_OPENED;
  std::string_view key;
  std::uint32_t attempt = 1;
  bool outcome_unknown = false;  ///< search before you create
  Incident incident;             ///< ticket_key is empty while no ticket is known
  std::string_view note, note_author;
  std::string_view owner_email = {};  ///< of the owner; empty: none is known, or the host does not say
};

namespace detail {

inline Labels to_labels(const tsn_label* first, std::uint32_t count, std::uint32_t stride) {
  Labels labels;
  labels.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto label = read_element(first, stride, i);
    labels.push_back({view(label.name), view(label.value)});
  }
  return labels;
}
inline Alert to_alert(const tsn_alert& from) {
  Alert out{view(from.name),
            view(from.fingerprint),
            view(from.message),
            view(from.suggestion),
            view(from.generator_url),
            from.severity,
            from.firing != 0,
            from.value,
            from.threshold,
            from.starts_at,
            from.ends_at,
            {},
            {}};
  out.labels = to_labels(from.labels, from.label_count, from.label_stride);
  out.annotations = to_labels(from.annotations, from.annotation_count, from.annotation_stride);
  return out;
}
inline void read_texts(const tsn_incident& from, Incident& out) {
  const std::pair<std::string_view*, tsn_str> texts[] = {{&out.correlation_id, from.correlation_id},
                                                         {&out.title, from.title},
                                                         {&out.description, from.description},
                                                         {&out.category, from.category},
                                                         {&out.service, from.service},
                                                         {&out.impact, from.impact},
                                                         {&out.suggestion, from.suggestion},
                                                         {&out.resolution_notes, from.resolution_notes},
                                                         {&out.owner, from.owner},
                                                         {&out.url, from.url},
                                                         {&out.runbook_url, from.runbook_url},
                                                         {&out.ticket_key, from.ticket_key},
                                                         {&out.ticket_url, from.ticket_url}};
  for (const auto& [to, text] : texts) *to = view(text);
}
inline Incident to_incident(const tsn_incident* source) {
  Incident out;
  if (!source) return out;
  const auto from = read_struct(source);
  read_texts(from, out);
  out.severity = from.severity;
  out.status = from.status;
  out.number = from.number;
  out.detected_at = from.detected_at;
  out.acknowledged_at = from.acknowledged_at;
  out.resolved_at = from.resolved_at;
  out.closed_at = from.closed_at;
  out.labels = to_labels(from.labels, from.label_count, from.label_stride);
  for (std::uint32_t i = 0; i < from.alert_count; ++i)
    out.alerts.push_back(to_alert(read_element(from.alerts, from.alert_stride, i)));
  for (std::uint32_t i = 0; i < from.link_count; ++i) {
    const auto link = read_element(from.links, from.link_stride, i);
    out.links.push_back({view(link.text), view(link.href)});
  }
  for (std::uint32_t i = 0; i < from.timeline_count; ++i) {
    const auto entry = read_element(from.timeline, from.timeline_stride, i);
    out.timeline.push_back(
        {entry.at, view(entry.actor), view(entry.what), view(entry.from), view(entry.to), view(entry.text)});
  }
  for (std::uint32_t i = 0; i < from.attachment_count; ++i) {
    const auto file = read_element(from.attachments, from.attachment_stride, i);
    out.attachments.push_back({view(file.name), view(file.type), file.size, file.blob});
  }
  return out;
}
inline std::optional<Group> to_group(const tsn_group* source) {
  if (!source || source->size == 0) return std::nullopt;
  const auto from = read_struct(source);
  return Group{from.truncated_alerts, view(from.receiver), view(from.group_key), view(from.external_url),
               to_labels(from.labels, from.label_count, from.label_stride)};
}
inline std::vector<Action> to_actions(const tsn_message& from) {
  std::vector<Action> out;
  for (std::uint32_t i = 0; i < from.action_count; ++i) {
    const auto action = read_element(from.actions, from.action_stride, i);
    out.push_back({action.kind, view(action.text), view(action.href)});
  }
  return out;
}
inline Message to_message(const tsn_message* source) {
  const auto from = read_struct(source);
  return {from.kind,
          view(from.key),
          from.attempt,
          from.outcome_unknown != 0,
          {view(from.recipient.target), view(from.recipient.name), view(from.recipient.address)},
          view(from.title),
          view(from.text),
          to_incident(from.incident),
          to_group(from.group),
          view(from.provider_id),
          to_actions(from)};
}
inline Upsert to_upsert(const tsn_upsert* source) {
  const auto from = read_struct(source);
  return {from.change,
          view(from.key),
          from.attempt,
          from.outcome_unknown != 0,
          to_incident(from.incident),
          view(from.note),
          view(from.note_author),
          view(from.owner_email)};
}

}  // namespace detail
}  // namespace tsn
