#include "message_text/page.hpp"

#include <algorithm>

namespace tocsin_plugins {
namespace {

std::string marker_of(const tsn::Message& message) {
  if (message.kind == TSN_MSG_RESOLVED) return "[RESOLVED]";
  if (message.kind == TSN_MSG_TEST) return "[TEST]";
  const auto severity = tsn::severity_name(message.incident.severity);
  std::string marker = severity.empty() ? std::string() : "[" + std::string(severity) + "]";
  if (message.kind == TSN_MSG_UPDATE) marker += marker.empty() ? "UPDATE:" : " UPDATE:";
  return marker;
}

std::string worded(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

/// The message's line without a repetition of the title and the description.
std::string lead_of(const tsn::Message& message, const Page& page) {
  std::string text = one_line(message.text);
  if (text.starts_with('[')) {
    const auto end = text.find("] ");
    if (end != text.npos && std::string_view(text).substr(end + 2).starts_with(page.title)) {
      text.erase(0, end + 2 + page.title.size());
      if (text.starts_with(": ")) text.erase(0, 2);
    }
  }
  if (text == page.title || text == one_line(message.incident.description)) return {};
  return text;
}

void add_facts(const tsn::Incident& incident, const PageLimits& limits, Page& page) {
  const auto fact = [&](const char* name, std::string value) {
    if (!value.empty()) page.facts.push_back({name, cut(value, limits.text)});
  };
  fact("Incident", incident.number ? "#" + std::to_string(incident.number) : std::string());
  fact("Status", worded(tsn::status_name(incident.status)));
  fact("Severity", std::string(tsn::severity_name(incident.severity)));
  fact("Service", one_line(incident.service));
  fact("Category", one_line(incident.category));
  fact("Owner", one_line(incident.owner));
  fact("Impact", clean(incident.impact));
  fact("Suggestion", clean(incident.suggestion));
  fact("Resolution", clean(incident.resolution_notes));
  fact("Detected", utc_text(incident.detected_at));
  fact("Acknowledged", utc_text(incident.acknowledged_at));
  fact("Resolved", utc_text(incident.resolved_at));
  fact("Closed", utc_text(incident.closed_at));
  fact("Ticket", one_line(incident.ticket_key));
}

void add_alerts(const tsn::Message& message, const PageLimits& limits, Page& page) {
  const auto& alerts = message.incident.alerts;
  for (const auto& alert : alerts) {
    if (page.alerts.size() == limits.alerts) break;
    page.alerts.push_back({one_line(alert.name), std::string(tsn::severity_name(alert.severity)),
                           alert.firing ? "firing" : "resolved", cut(labels_text(alert.labels), limits.text),
                           number_text(alert.value), number_text(alert.threshold), utc_text(alert.starts_at),
                           alert.firing ? std::string() : utc_text(alert.ends_at),
                           cut(clean(alert.message), limits.text)});
  }
  page.more_alerts = alerts.size() - page.alerts.size() + (message.group ? message.group->truncated_alerts : 0);
}

void add_links(const tsn::Incident& incident, const PageLimits& limits, Page& page) {
  const auto link = [&](std::string_view text, std::string_view href) {
    if (!is_web_link(href) || page.links.size() == limits.links) return;
    const auto same = [&](const PageLink& known) { return known.href == href; };
    if (std::any_of(page.links.begin(), page.links.end(), same)) return;
    page.links.push_back({one_line(text.empty() ? href : text), clean(href)});
  };
  link("Open the incident", incident.url);
  link("Runbook", incident.runbook_url);
  link("Ticket " + std::string(incident.ticket_key), incident.ticket_url);
  for (const auto& own : incident.links) link(own.text, own.href);
}

void add_actions(const tsn::Message& message, const PageLimits& limits, Page& page) {
  for (const auto& action : message.actions) {
    if (!is_web_link(action.href) || action.text.empty() || page.actions.size() == limits.links) continue;
    page.actions.push_back({cut(one_line(action.text), 80), clean(action.href)});
  }
}

void add_timeline(const tsn::Incident& incident, const PageLimits& limits, Page& page) {
  const auto& entries = incident.timeline;
  for (auto it = entries.rbegin(); it != entries.rend() && page.timeline.size() < limits.entries; ++it) {
    std::string what = one_line(it->what);
    if (!it->from.empty() || !it->to.empty()) {
      what += " " + one_line(it->from) + (it->from.empty() ? "" : " ") + "\xe2\x86\x92 " + one_line(it->to);
    }
    if (!it->text.empty()) what += ": " + one_line(it->text);
    page.timeline.push_back({utc_text(it->at), one_line(it->actor), cut(what, limits.text)});
  }
  page.more_entries = entries.size() - page.timeline.size();
}

}  // namespace

Page page_of(const tsn::Message& message, const PageLimits& limits) {
  const auto& incident = message.incident;
  Page page;
  page.marker = marker_of(message);
  page.title = cut(one_line(message.title.empty() ? incident.title : message.title), limits.text);
  page.lead = cut(lead_of(message, page), limits.text);
  page.description =
      incident.description == incident.title ? std::string() : cut(clean(incident.description), limits.text);
  add_facts(incident, limits, page);
  add_alerts(message, limits, page);
  add_actions(message, limits, page);
  add_links(incident, limits, page);
  add_timeline(incident, limits, page);
  return page;
}

}  // namespace tocsin_plugins
