#include "template/message_data.hpp"

#include <algorithm>

#include "message_text/page.hpp"

namespace tocsin_plugins {
namespace {

using Kind = Datum::Kind;

constexpr Name alert_names[] = {{"name"},
                                {"severity"},
                                {"status"},
                                {"firing", Kind::truth},
                                {"message"},
                                {"suggestion"},
                                {"value", Kind::number},
                                {"threshold", Kind::number},
                                {"starts_at", Kind::time},
                                {"ends_at", Kind::time},
                                {"labels", Kind::map},
                                {"annotations", Kind::map},
                                {"fingerprint"},
                                {"url", Kind::text, {}, Use::address}};
constexpr Name incident_names[] = {{"number", Kind::number, {}, Use::code},
                                   {"title"},
                                   {"description"},
                                   {"severity"},
                                   {"status"},
                                   {"category"},
                                   {"service"},
                                   {"owner"},
                                   {"impact"},
                                   {"suggestion"},
                                   {"resolution_notes"},
                                   {"correlation_id"},
                                   {"url", Kind::text, {}, Use::address},
                                   {"runbook_url", Kind::text, {}, Use::address},
                                   {"ticket_key"},
                                   {"ticket_url", Kind::text, {}, Use::address},
                                   {"detected_at", Kind::time},
                                   {"acknowledged_at", Kind::time},
                                   {"resolved_at", Kind::time},
                                   {"closed_at", Kind::time},
                                   {"labels", Kind::map}};
constexpr Name link_names[] = {{"text"}, {"href", Kind::text, {}, Use::address}};
constexpr Name action_names[] = {{"kind"}, {"text"}, {"href", Kind::text, {}, Use::address}};
constexpr Name entry_names[] = {{"at", Kind::time}, {"actor"}, {"what"}, {"from"}, {"to"}, {"text"}};
constexpr Name group_names[] = {{"receiver"}, {"key"}, {"url", Kind::text, {}, Use::address}, {"labels", Kind::map}};
constexpr Name recipient_names[] = {{"name"}, {"address"}, {"target"}};
constexpr Name message_names[] = {{"kind"},
                                  {"marker"},
                                  {"headline"},
                                  {"title"},
                                  {"text"},
                                  {"severity"},
                                  {"status"},
                                  {"number", Kind::number, {}, Use::code},
                                  {"service"},
                                  {"url", Kind::text, {}, Use::address},
                                  {"ack_url", Kind::text, {}, Use::address},
                                  {"open", Kind::truth},
                                  {"reply", Kind::truth},
                                  {"digits", Kind::truth},
                                  {"now", Kind::time},
                                  {"key"},
                                  {"attempt", Kind::number},
                                  {"alert_count", Kind::number},
                                  {"firing_count", Kind::number},
                                  {"resolved_count", Kind::number},
                                  {"more_alerts", Kind::number},
                                  {"incident", Kind::object, incident_names},
                                  {"alerts", Kind::list, alert_names},
                                  {"labels", Kind::map},
                                  {"links", Kind::list, link_names},
                                  {"actions", Kind::list, action_names},
                                  {"timeline", Kind::list, entry_names},
                                  {"group", Kind::object, group_names},
                                  {"recipient", Kind::object, recipient_names}};

std::string_view message_kind(tsn_message_kind kind) {
  constexpr std::string_view names[] = {"firing", "resolved", "update", "test"};
  return kind == TSN_MSG_FIRING     ? names[0]
         : kind == TSN_MSG_RESOLVED ? names[1]
         : kind == TSN_MSG_UPDATE   ? names[2]
                                    : names[3];
}

std::string_view action_kind(tsn_answer_kind kind) {
  switch (kind) {
    case TSN_ANSWER_ACKNOWLEDGE:
      return "acknowledge";
    case TSN_ANSWER_ESCALATE:
      return "escalate";
    case TSN_ANSWER_RESOLVE:
      return "resolve";
    case TSN_ANSWER_SNOOZE:
      return "snooze";
    default:
      return "other";
  }
}

/// Only what may be offered for a click.
Datum address_of(std::string_view href) {
  return is_web_link(href) ? Datum::of(href) : Datum();
}

Datum labels_datum(const tsn::Labels& labels) {
  Datum out = Datum::of_kind(Kind::map);
  for (const auto& label : labels) out.set(label.name, Datum::of(label.value));
  return out;
}

Datum alert_datum(const tsn::Alert& alert) {
  Datum out = Datum::of_kind(Kind::object);
  out.set("name", Datum::of(alert.name));
  out.set("severity", Datum::of(tsn::severity_name(alert.severity)));
  out.set("status", Datum::of(alert.firing ? "firing" : "resolved"));
  out.set("firing", Datum::of_truth(alert.firing));
  out.set("message", Datum::of(alert.message));
  out.set("suggestion", Datum::of(alert.suggestion));
  out.set("value", Datum::of_number(alert.value));
  out.set("threshold", Datum::of_number(alert.threshold));
  out.set("starts_at", Datum::of_time(alert.starts_at));
  out.set("ends_at", Datum::of_time(alert.firing ? 0 : alert.ends_at));
  out.set("labels", labels_datum(alert.labels));
  out.set("annotations", labels_datum(alert.annotations));
  out.set("fingerprint", Datum::of(alert.fingerprint));
  out.set("url", address_of(alert.generator_url));
  return out;
}

Datum number_or_nothing(std::uint64_t number) {
  return number ? Datum::of_number(static_cast<double>(number)) : Datum();
}

Datum incident_datum(const tsn::Incident& in) {
  Datum out = Datum::of_kind(Kind::object);
  out.set("number", number_or_nothing(in.number));
  out.set("severity", Datum::of(tsn::severity_name(in.severity)));
  out.set("status", Datum::of(tsn::status_name(in.status)));
  const std::pair<std::string_view, std::string_view> texts[] = {{"title", in.title},
                                                                 {"description", in.description},
                                                                 {"category", in.category},
                                                                 {"service", in.service},
                                                                 {"owner", in.owner},
                                                                 {"impact", in.impact},
                                                                 {"suggestion", in.suggestion},
                                                                 {"resolution_notes", in.resolution_notes},
                                                                 {"correlation_id", in.correlation_id},
                                                                 {"ticket_key", in.ticket_key}};
  for (const auto& [name, text] : texts) out.set(name, Datum::of(text));
  out.set("url", address_of(in.url));
  out.set("runbook_url", address_of(in.runbook_url));
  out.set("ticket_url", address_of(in.ticket_url));
  out.set("detected_at", Datum::of_time(in.detected_at));
  out.set("acknowledged_at", Datum::of_time(in.acknowledged_at));
  out.set("resolved_at", Datum::of_time(in.resolved_at));
  out.set("closed_at", Datum::of_time(in.closed_at));
  out.set("labels", labels_datum(in.labels));
  return out;
}

}  // namespace

Schema message_schema() {
  return message_names;
}

MessageData::MessageData(const tsn::Message& message, tsn::Time now, ChannelWays ways) {
  add_summary(message, now, ways);
  root_.set("incident", incident_datum(message.incident));
  add_alerts(message);
  add_links(message);
  add_parties(message);
}

void MessageData::add_summary(const tsn::Message& message, tsn::Time now, ChannelWays ways) {
  const auto& in = message.incident;
  const bool open = message.kind == TSN_MSG_FIRING || message.kind == TSN_MSG_UPDATE;
  const auto title = message.title.empty() ? in.title : message.title;
  const auto marker = keep(marker_text(message));
  root_.set("kind", Datum::of(message_kind(message.kind)));
  root_.set("marker", Datum::of(marker));
  root_.set("title", Datum::of(title));
  root_.set("headline", Datum::of(marker.empty() ? title : keep(std::string(marker).append(" ").append(title))));
  root_.set("text", Datum::of(message.text));
  root_.set("severity", Datum::of(tsn::severity_name(in.severity)));
  root_.set("status", Datum::of(tsn::status_name(in.status)));
  root_.set("number", number_or_nothing(in.number));
  root_.set("service", Datum::of(in.service));
  root_.set("url", address_of(in.url));
  root_.set("open", Datum::of_truth(open));
  root_.set("reply", Datum::of_truth(open && ways.replies && in.number));
  root_.set("digits", Datum::of_truth(open && ways.digits));
  root_.set("now", Datum::of_time(now));
  root_.set("key", Datum::of(message.key));
  root_.set("attempt", Datum::of_number(message.attempt));
}

void MessageData::add_alerts(const tsn::Message& message) {
  const auto& alerts = message.incident.alerts;
  const auto firing =
      static_cast<std::size_t>(std::count_if(alerts.begin(), alerts.end(), [](auto& a) { return a.firing; }));
  Datum list = Datum::of_kind(Kind::list);
  for (std::size_t i = 0; i < std::min(alerts.size(), most_alerts); ++i) list.items.push_back(alert_datum(alerts[i]));
  const std::size_t more = alerts.size() - list.items.size() + (message.group ? message.group->truncated_alerts : 0);
  const auto count = [&](std::string_view name, std::size_t n) {
    root_.set(name, Datum::of_number(static_cast<double>(n)));
  };
  count("alert_count", list.items.size() + more);
  count("firing_count", firing);
  count("resolved_count", alerts.size() - firing);
  count("more_alerts", more);
  root_.set("alerts", std::move(list));
}

void MessageData::add_links(const tsn::Message& message) {
  Datum links = Datum::of_kind(Kind::list), actions = links;
  for (const auto& link : message.incident.links) {
    if (!is_web_link(link.href) || links.items.size() == most_links) continue;
    Datum one = Datum::of_kind(Kind::object);
    one.set("text", Datum::of(link.text.empty() ? link.href : link.text));
    one.set("href", Datum::of(link.href));
    links.items.push_back(std::move(one));
  }
  Datum acknowledge;
  for (const auto& action : message.actions) {
    if (!is_web_link(action.href) || actions.items.size() == most_links) continue;
    Datum one = Datum::of_kind(Kind::object);
    one.set("kind", Datum::of(action_kind(action.kind)));
    one.set("text", Datum::of(action.text));
    one.set("href", Datum::of(action.href));
    if (action.kind == TSN_ANSWER_ACKNOWLEDGE && acknowledge.text.empty()) acknowledge = Datum::of(action.href);
    actions.items.push_back(std::move(one));
  }
  root_.set("links", std::move(links));
  root_.set("actions", std::move(actions));
  root_.set("ack_url", std::move(acknowledge));
}

void MessageData::add_parties(const tsn::Message& message) {
  const auto& in = message.incident;
  Datum timeline = Datum::of_kind(Kind::list);
  for (auto it = in.timeline.rbegin(); it != in.timeline.rend() && timeline.items.size() < most_entries; ++it) {
    Datum one = Datum::of_kind(Kind::object);
    one.set("at", Datum::of_time(it->at));
    one.set("actor", Datum::of(it->actor));
    one.set("what", Datum::of(it->what));
    one.set("from", Datum::of(it->from));
    one.set("to", Datum::of(it->to));
    one.set("text", Datum::of(it->text));
    timeline.items.push_back(std::move(one));
  }
  root_.set("timeline", std::move(timeline));
  Datum group = Datum::of_kind(Kind::object), recipient = group;
  if (message.group) {
    group.set("receiver", Datum::of(message.group->receiver));
    group.set("key", Datum::of(message.group->group_key));
    group.set("url", address_of(message.group->external_url));
    group.set("labels", labels_datum(message.group->labels));
  }
  root_.set("group", std::move(group));
  recipient.set("name", Datum::of(message.recipient.name));
  recipient.set("address", Datum::of(message.recipient.address));
  recipient.set("target", Datum::of(message.recipient.target));
  root_.set("recipient", std::move(recipient));
  root_.set("labels", labels_datum(in.labels.empty() && message.group ? message.group->labels : in.labels));
}

Filled filled_message(const Template& text, const tsn::Message& message, tsn::Time now, ChannelWays ways,
                      const TemplateBudget& budget) {
  const MessageData data(message, now, ways);
  return text.fill(data.root(), now, budget);
}

}  // namespace tocsin_plugins
