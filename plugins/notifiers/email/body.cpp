#include "body.hpp"

#include <algorithm>

#include "message_text/html.hpp"

namespace tocsin_plugins {
namespace {

// --- text ---

std::string indented(std::string_view text, std::string_view by) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += by;
  }
  return out;
}

std::string alert_text(const PageAlert& alert) {
  std::string out = "- " + alert.rule;
  if (!alert.severity.empty()) out += " [" + alert.severity + "]";
  out += " " + alert.state + "\n";
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) out += std::string("  ") + name + ": " + indented(value, "    ") + "\n";
  };
  line("labels", alert.labels);
  line("value", alert.value);
  line("threshold", alert.threshold);
  line("since", alert.since);
  line("until", alert.until);
  line("message", alert.message);
  return out;
}

// --- HTML ---

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) append_html_line(out, c);
  return out;
}

std::string colour_of(const Page& page) {
  if (page.marker == "[RESOLVED]") return "#1a7f37";
  if (page.marker.starts_with("[CRITICAL]")) return "#8b0000";
  if (page.marker.starts_with("[HIGH]")) return "#cf222e";
  if (page.marker.starts_with("[MEDIUM]")) return "#9a6700";
  return "#0550ae";
}

std::string cell(std::string_view tag, std::string_view content) {
  const std::string name(tag);
  return "<" + name +
         " dir=\"auto\" style=\"padding:4px 8px;border:1px solid #d0d7de;text-align:start;vertical-align:top\">" +
         std::string(content) + "</" + name + ">";
}

std::string heading(std::string_view text) {
  return "<h2 style=\"font-size:15px;margin:20px 0 6px\">" + std::string(text) + "</h2>\n";
}

constexpr std::string_view table_begin = "<table style=\"border-collapse:collapse;font-size:14px\">\n";

std::string paragraph(std::string_view text) {
  return "<p dir=\"auto\">" + escaped(text) + "</p>\n";
}

std::string facts_html(const Page& page) {
  std::string out(table_begin);
  for (const auto& fact : page.facts) {
    out += "<tr>" + cell("th", escaped(fact.name)) + cell("td", escaped(fact.value)) + "</tr>\n";
  }
  return out + "</table>\n";
}

std::string alerts_html(const Page& page) {
  std::string out = heading("Alerts") + std::string(table_begin) + "<tr>";
  for (const char* name : {"Rule", "State", "Labels", "Value", "Threshold", "Since"}) out += cell("th", name);
  out += "</tr>\n";
  for (const auto& alert : page.alerts) {
    std::string rule = escaped(alert.rule);
    if (!alert.message.empty()) rule += "<br><span style=\"color:#57606a\">" + escaped(alert.message) + "</span>";
    const std::string state = alert.severity.empty() ? alert.state : alert.state + " (" + alert.severity + ")";
    const std::string since = alert.until.empty() ? alert.since : alert.since + " until " + alert.until;
    out += "<tr>" + cell("td", rule);
    for (const auto& text : {state, alert.labels, alert.value, alert.threshold, since})
      out += cell("td", escaped(text));
    out += "</tr>\n";
  }
  out += "</table>\n";
  if (page.more_alerts) out += paragraph("and " + std::to_string(page.more_alerts) + " more");
  return out;
}

std::string links_html(const Page& page) {
  std::string out = heading("Links") + "<ul>\n";
  for (const auto& link : page.links) {
    out += "<li dir=\"auto\"><a href=\"" + escaped(link.href) + "\">" + escaped(link.text) + "</a></li>\n";
  }
  return out + "</ul>\n";
}

/// Links that look like buttons: forms do not work in mails.
std::string actions_html(const Page& page, const std::string& colour) {
  std::string out = "<p>";
  for (const auto& action : page.actions) {
    out +=
        "<a href=\"" + escaped(action.href) +
        "\" style=\"display:inline-block;margin:0 8px 8px 0;padding:10px 18px;border-radius:6px;background:" + colour +
        ";color:#ffffff;font-weight:bold;text-decoration:none\">" + escaped(action.text) + "</a>\n";
  }
  return out + "</p>\n";
}

std::string timeline_html(const Page& page) {
  std::string out = heading("Timeline") + std::string(table_begin);
  for (const auto& entry : page.timeline) {
    out += "<tr>" + cell("td", escaped(entry.at)) + cell("td", escaped(entry.actor)) + cell("td", escaped(entry.what)) +
           "</tr>\n";
  }
  out += "</table>\n";
  if (page.more_entries) out += paragraph("and " + std::to_string(page.more_entries) + " earlier entries");
  return out;
}

}  // namespace

std::string text_body(const Page& page) {
  std::string out = page.headline() + "\n\n";
  if (!page.lead.empty()) out += page.lead + "\n\n";
  if (!page.description.empty()) out += page.description + "\n\n";
  for (const auto& action : page.actions) out += action.text + ": " + action.href + "\n";
  if (!page.actions.empty()) out += "\n";
  std::size_t width = 0;
  for (const auto& fact : page.facts) width = std::max(width, fact.name.size() + 2);
  for (const auto& fact : page.facts) {
    std::string name = fact.name + ":";
    name.resize(width, ' ');
    out += name + indented(fact.value, std::string(width, ' ')) + "\n";
  }
  if (!page.alerts.empty()) out += "\nAlerts\n";
  for (const auto& alert : page.alerts) out += alert_text(alert);
  if (page.more_alerts) out += "and " + std::to_string(page.more_alerts) + " more\n";
  if (!page.links.empty()) out += "\nLinks\n";
  for (const auto& link : page.links) out += "- " + link.text + ": " + link.href + "\n";
  if (!page.timeline.empty()) out += "\nTimeline\n";
  for (const auto& entry : page.timeline) out += "- " + entry.at + " " + entry.actor + ": " + entry.what + "\n";
  if (page.more_entries) out += "and " + std::to_string(page.more_entries) + " earlier entries\n";
  return out;
}

std::string html_body(const Page& page) {
  const std::string colour = colour_of(page);
  std::string out =
      "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n"
      "<title>" +
      escaped(page.headline()) +
      "</title></head>\n"
      "<body style=\"font-family:sans-serif;font-size:14px;color:#1f2328;margin:16px\">\n";
  out += "<div style=\"border-inline-start:6px solid " + colour + ";padding:4px 12px\">\n";
  out += "<strong style=\"color:" + colour + "\">" + escaped(page.marker) + "</strong>\n";
  out += "<h1 dir=\"auto\" style=\"font-size:19px;margin:4px 0\">" + escaped(page.title) + "</h1>\n</div>\n";
  if (!page.lead.empty()) out += paragraph(page.lead);
  if (!page.description.empty()) out += paragraph(page.description);
  if (!page.actions.empty()) out += actions_html(page, colour);
  if (!page.facts.empty()) out += facts_html(page);
  if (!page.alerts.empty()) out += alerts_html(page);
  if (!page.links.empty()) out += links_html(page);
  if (!page.timeline.empty()) out += timeline_html(page);
  return out + "</body>\n</html>\n";
}

std::string html_of_text(const Page& page, std::string_view text) {
  return "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\">\n<title>" + escaped(page.headline()) +
         "</title></head>\n<body style=\"font-family:sans-serif;font-size:14px\">\n<div dir=\"auto\">" + escaped(text) +
         "</div>\n</body>\n</html>\n";
}

}  // namespace tocsin_plugins
