#include "abi_values.hpp"

namespace tsn::testing {
namespace {
template <class List>
std::uint32_t count(const List& list) {
  return static_cast<std::uint32_t>(list.size());
}
}  // namespace

const tsn_label* AbiValues::labels(const Labels& from) {
  auto& made = labels_.emplace_back();
  for (const auto& label : from) made.push_back({str(label.name), str(label.value)});
  return made.data();
}

tsn_alert AbiValues::alert(const Alert& from) {
  tsn_alert out{};
  out.name = str(from.name);
  out.fingerprint = str(from.fingerprint);
  out.severity = from.severity;
  out.firing = from.firing;
  out.value = from.value;
  out.threshold = from.threshold;
  out.starts_at = from.starts_at;
  out.ends_at = from.ends_at;
  out.message = str(from.message);
  out.suggestion = str(from.suggestion);
  out.generator_url = str(from.generator_url);
  out.labels = labels(from.labels);
  out.label_count = count(from.labels);
  out.annotations = labels(from.annotations);
  out.annotation_count = count(from.annotations);
  out.label_stride = out.annotation_stride = sizeof(tsn_label);
  return out;
}

const tsn_incident* AbiValues::incident(const Incident& from) {
  auto& out = incident_;
  out = tsn_incident{};
  out.size = sizeof out;
  out.severity = from.severity;
  out.status = from.status;
  out.number = from.number;
  const std::pair<tsn_str*, std::string_view> texts[] = {{&out.correlation_id, from.correlation_id},
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
  for (const auto& [to, text] : texts) *to = str(text);
  out.detected_at = from.detected_at;
  out.acknowledged_at = from.acknowledged_at;
  out.resolved_at = from.resolved_at;
  out.closed_at = from.closed_at;
  for (const auto& entry : from.alerts) alerts_.push_back(alert(entry));
  for (const auto& link : from.links) links_.push_back({str(link.text), str(link.href)});
  for (const auto& e : from.timeline)
    timeline_.push_back({e.at, str(e.actor), str(e.what), str(e.from), str(e.to), str(e.text)});
  for (const auto& file : from.attachments)
    attachments_.push_back({str(file.name), str(file.type), file.size, file.blob});
  out.alerts = alerts_.data(), out.alert_count = count(alerts_), out.alert_stride = sizeof(tsn_alert);
  out.labels = labels(from.labels), out.label_count = count(from.labels), out.label_stride = sizeof(tsn_label);
  out.links = links_.data(), out.link_count = count(links_), out.link_stride = sizeof(tsn_link);
  out.timeline = timeline_.data(), out.timeline_count = count(timeline_);
  out.timeline_stride = sizeof(tsn_timeline_entry);
  out.attachments = attachments_.data(), out.attachment_count = count(attachments_);
  out.attachment_stride = sizeof(tsn_attachment);
  return &out;
}

const tsn_message* AbiValues::message(const Message& from) {
  auto& out = message_;
  out = tsn_message{};
  out.size = sizeof out;
  out.kind = from.kind;
  out.key = str(from.key);
  out.attempt = from.attempt;
  out.outcome_unknown = from.outcome_unknown;
  out.recipient = {str(from.recipient.target), str(from.recipient.name), str(from.recipient.address)};
  out.title = str(from.title);
  out.text = str(from.text);
  out.incident = incident(from.incident);
  out.provider_id = {from.provider_id.data(), from.provider_id.size()};
  if (from.group) {
    group_ = {sizeof(tsn_group),
              from.group->truncated_alerts,
              str(from.group->receiver),
              str(from.group->group_key),
              str(from.group->external_url),
              labels(from.group->labels),
              count(from.group->labels),
              sizeof(tsn_label)};
  }
  out.group = &group_;
  for (const auto& action : from.actions) actions_.push_back({action.kind, 0, str(action.text), str(action.href)});
  out.actions = actions_.data(), out.action_count = count(actions_), out.action_stride = sizeof(tsn_action);
  return &out;
}

const tsn_upsert* AbiValues::upsert(const Upsert& from) {
  upsert_ = {sizeof(tsn_upsert),      from.change,    str(from.key),         from.attempt,         from.outcome_unknown,
             incident(from.incident), str(from.note), str(from.note_author), str(from.owner_email)};
  return &upsert_;
}

}  // namespace tsn::testing
