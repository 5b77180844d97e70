#include "plugin_host/delivery_view.hpp"

#include <algorithm>

#include "base/id.hpp"
#include "plugin_host/abi_text.hpp"

namespace tocsin::plugin_host {
namespace {

/// The ABI counts 0 as "not yet", and so does base::no_time.
std::int64_t ns(base::Time t) {
  return base::to_ns(t);
}

std::string without_last_slash(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

}  // namespace

DeliveryView::DeliveryView(const model::Delivery& delivery, std::string provider_id, Links links)
    : delivery_(delivery),
      provider_id_(std::move(provider_id)),
      external_url_(without_last_slash(std::move(links.external_url))),
      offered_(std::move(links.actions)) {
  fill_alerts();
  fill_incident();
  fill_group();
  fill_message();
  fill_upsert();
}

tsn_str DeliveryView::keep(std::string text) {
  return str(texts_.emplace_back(std::move(text)));
}

const std::vector<tsn_label>& DeliveryView::labels_of(const model::Labels& labels) {
  auto& out = labels_.emplace_back();
  out.reserve(labels.size());
  for (const auto& [name, value] : labels) out.push_back({str(name), str(value)});
  return out;
}

void DeliveryView::fill_alerts() {
  alerts_.reserve(delivery_.alerts.size());
  for (const model::Alert& in : delivery_.alerts) {
    tsn_alert out{};
    out.name = str(in.rule);
    out.fingerprint = keep(base::hex16(in.fingerprint));
    out.severity = static_cast<tsn_severity>(in.severity);
    out.firing = in.state == model::AlertState::firing;
    out.value = in.value;
    out.threshold = in.threshold;
    out.starts_at = ns(in.starts_at != base::no_time  ? in.starts_at
                       : in.fired_at != base::no_time ? in.fired_at
                                                      : in.active_at);
    out.ends_at = out.firing ? 0 : ns(in.resolved_at);
    out.message = str(in.annotations.get("message"));
    out.suggestion = str(in.annotations.get("suggestion"));
    if (in.received)
      out.generator_url = str(in.generator_url);
    else if (!external_url_.empty())
      out.generator_url = keep(external_url_ + "/rules/" + in.rule);
    const auto& labels = labels_of(in.labels);
    out.labels = labels.data();
    out.label_count = static_cast<std::uint32_t>(labels.size());
    out.label_stride = sizeof(tsn_label);
    const auto& annotations = labels_of(in.annotations);
    out.annotations = annotations.data();
    out.annotation_count = static_cast<std::uint32_t>(annotations.size());
    out.annotation_stride = sizeof(tsn_label);
    alerts_.push_back(out);
  }
}

void DeliveryView::fill_incident() {
  const model::Incident& in = delivery_.incident;
  tsn_incident& out = incident_;
  out.size = sizeof out;
  out.severity = static_cast<tsn_severity>(in.severity);
  out.status = static_cast<tsn_incident_status>(in.status);
  out.number = in.number;
  out.correlation_id = str(in.correlation_id.empty() ? delivery_.correlation_id : in.correlation_id);
  out.title = str(in.title);
  out.description = str(in.description);
  if (in.category != model::Category::none) out.category = keep(std::string(model::to_string(in.category)));
  out.service = str(in.service_name);
  out.impact = str(in.impact);
  out.suggestion = str(in.suggestion);
  out.resolution_notes = str(in.resolution_notes);
  out.owner = str(in.owner);
  if (!external_url_.empty() && in.number != 0)
    out.url = keep(external_url_ + "/incidents/" + std::to_string(in.number));
  out.runbook_url = str(in.runbook_url);
  out.ticket_key = str(in.ticket_key);
  out.ticket_url = str(in.ticket_url);
  out.detected_at = ns(in.detected_at);
  out.acknowledged_at = ns(in.acknowledged_at);
  out.resolved_at = ns(in.resolved_at);
  out.closed_at = ns(in.closed_at);
  out.alerts = alerts_.data();
  out.alert_count = static_cast<std::uint32_t>(alerts_.size());
  out.alert_stride = sizeof(tsn_alert);
  const auto& labels = labels_of(in.labels);
  out.labels = labels.data();
  out.label_count = static_cast<std::uint32_t>(labels.size());
  out.label_stride = sizeof(tsn_label);
  for (const model::Link& link : in.links) links_.push_back({str(link.text), str(link.href)});
  out.links = links_.data();
  out.link_count = static_cast<std::uint32_t>(links_.size());
  out.link_stride = sizeof(tsn_link);
  out.timeline_stride = sizeof(tsn_timeline_entry);  // a delivery carries neither timeline nor attachments
  out.attachment_stride = sizeof(tsn_attachment);
}

void DeliveryView::fill_group() {
  if (delivery_.group_key.empty()) return;  // size 0: a ladder step
  group_.size = sizeof group_;
  group_.receiver = str(delivery_.receiver);
  group_.group_key = str(delivery_.group_key);
  group_.external_url = str(external_url_);
  const auto& labels = labels_of(delivery_.group_labels);
  group_.labels = labels.data();
  group_.label_count = static_cast<std::uint32_t>(labels.size());
  group_.label_stride = sizeof(tsn_label);
}

void DeliveryView::fill_message() {
  message_.size = sizeof message_;
  message_.kind = static_cast<tsn_message_kind>(delivery_.kind);
  message_.key = str(delivery_.key);
  message_.attempt = std::max(delivery_.attempts, 1u);
  message_.outcome_unknown = delivery_.outcome_unknown;
  message_.recipient = {str(delivery_.target), str(delivery_.recipient), str(delivery_.address)};
  message_.title = str(delivery_.title);
  message_.text = str(delivery_.text);
  message_.incident = &incident_;
  message_.group = &group_;
  message_.provider_id = {provider_id_.data(), provider_id_.size()};
  for (const Action& action : offered_) {
    actions_.push_back({static_cast<tsn_answer_kind>(action.kind), 0, str(action.text), str(action.href)});
  }
  message_.actions = actions_.data();
  message_.action_count = static_cast<std::uint32_t>(actions_.size());
  message_.action_stride = sizeof(tsn_action);
}

void DeliveryView::fill_upsert() {
  upsert_.size = sizeof upsert_;
  upsert_.change = delivery_.change;
  upsert_.key = str(delivery_.key);
  upsert_.attempt = std::max(delivery_.attempts, 1u);
  upsert_.outcome_unknown = delivery_.outcome_unknown;
  upsert_.incident = &incident_;
  upsert_.note = str(delivery_.note);
  upsert_.note_author = str(delivery_.note_author);
}

}  // namespace tocsin::plugin_host
