#include "issue.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace tocsin_plugins::jira {
namespace {

constexpr std::size_t most_alerts = 20, most_links = 30;
constexpr std::size_t most_summary = 254;  // UTF-16 units

std::string rfc3339(tsn::Time at) {
  const std::time_t seconds = at / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

std::string number(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

/// The longest beginning of UTF-8 text that has at most `most` UTF-16 units.
std::string_view fitting_utf16(std::string_view text, std::size_t most) {
  std::size_t units = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c & 0xc0) == 0x80) continue;
    units += c >= 0xf0 ? 2 : 1;
    if (units > most) return text.substr(0, i);
  }
  return text;
}

std::string as_label(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c <= 0x20; }, '-');
  return out;
}

Line fact(std::string_view name, std::string_view value, std::string_view href = {}) {
  return {{std::string(name) + ": ", "", true}, {std::string(value), std::string(href), false}};
}

void add_facts(const tsn::Incident& incident, Document& to) {
  std::vector<Line> facts;
  facts.push_back(fact("Incident", "#" + std::to_string(incident.number), incident.url));
  const std::pair<std::string_view, std::string_view> rows[] = {{"Severity", tsn::severity_name(incident.severity)},
                                                                {"Category", incident.category},
                                                                {"Service", incident.service},
                                                                {"Owner", incident.owner},
                                                                {"Correlation id", incident.correlation_id}};
  for (const auto& [name, value] : rows)
    if (!value.empty()) facts.push_back(fact(name, shortened(value, 500)));
  if (incident.detected_at) facts.push_back(fact("Detected", rfc3339(incident.detected_at)));
  to.bullets(std::move(facts));
}

void add_section(std::string_view name, std::string_view text, Document& to) {
  if (text.empty()) return;
  to.heading(name);
  to.paragraph(text, 3000);
}

void add_metrics(const tsn::Incident& incident, Document& to) {
  std::vector<Line> lines;
  for (const auto& alert : incident.alerts) {
    if (std::isnan(alert.value) || lines.size() == most_alerts) continue;
    std::string text = number(alert.value);
    if (!std::isnan(alert.threshold)) text += " (threshold " + number(alert.threshold) + ")";
    lines.push_back(fact(shortened(alert.name, 200), text));
  }
  if (lines.empty()) return;
  to.heading("Metrics");
  to.bullets(std::move(lines));
}

void add_alerts(const tsn::Incident& incident, Document& to) {
  if (incident.alerts.empty()) return;
  std::vector<Line> lines;
  for (const auto& alert : incident.alerts) {
    if (lines.size() == most_alerts) {
      lines.push_back({{"and " + std::to_string(incident.alerts.size() - most_alerts) + " more"}});
      break;
    }
    std::string labels;
    for (const auto& label : alert.labels)
      labels += (labels.empty() ? "" : ", ") + std::string(label.name) + "=" + std::string(label.value);
    Line line = fact(shortened(alert.name, 200), shortened(alert.message, 300));
    line.push_back({" {" + shortened(labels, 300) + "} " + (alert.firing ? "firing since " : "resolved, began ") +
                    rfc3339(alert.starts_at)});
    lines.push_back(std::move(line));
  }
  to.heading("Alerts");
  to.bullets(std::move(lines));
}

void add_links(const tsn::Incident& incident, Document& to) {
  std::vector<Line> lines;
  const auto add = [&](std::string_view text, std::string_view href) {
    if (href.empty() || href.size() > 1000 || lines.size() == most_links) return;
    const auto shown = shortened(text.empty() ? href : text, 200);
    lines.push_back({{shown, std::string(href)}});
  };
  add("Incident", incident.url);
  add("Runbook", incident.runbook_url);
  for (const auto& link : incident.links) add(link.text, link.href);
  if (lines.empty()) return;
  to.heading("Links");
  to.bullets(std::move(lines));
}

}  // namespace

std::string summary_of(const tsn::Incident& incident) {
  std::string text;
  if (const auto severity = tsn::severity_name(incident.severity); !severity.empty())
    text = "[" + std::string(severity) + "] ";
  text += incident.title.empty() ? "Incident " + std::to_string(incident.number) : std::string(incident.title);
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return std::string(fitting_utf16(text, most_summary));
}

std::string finding_label(const tsn::Incident& incident) {
  return as_label("tocsin-" + std::string(incident.correlation_id));
}

std::vector<std::string> labels_of(const tsn::Incident& incident, const Project& project) {
  std::vector<std::string> out{"auto-detected", "etl-monitoring"};
  const auto add = [&](std::string label) {
    if (!label.empty() && std::ranges::find(out, label) == out.end()) out.push_back(std::move(label));
  };
  std::string category = as_label(incident.category);
  std::ranges::transform(category, category.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  add(category);
  for (const auto& label : project.labels) add(as_label(label));
  add(finding_label(incident));
  return out;
}

Document description_of(const tsn::Incident& incident) {
  Document out;
  out.paragraph(incident.description.empty() ? incident.title : incident.description);
  add_facts(incident, out);
  add_section("Impact", incident.impact, out);
  add_section("Suggestion", incident.suggestion, out);
  add_metrics(incident, out);
  add_alerts(incident, out);
  add_links(incident, out);
  return out;
}

std::string mark_of(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits
  for (const unsigned char c : key) hash = (hash ^ c) * 0x100000001b3;
  char text[24];
  return {text, static_cast<std::size_t>(
                    std::snprintf(text, sizeof text, "ref%016llx", static_cast<unsigned long long>(hash)))};
}

bool ends_in_mark(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= 0x20) text.remove_suffix(1);
  if (text.size() < 20) return false;
  const auto mark = text.substr(text.size() - 20);
  return mark.starts_with(" ref") && mark.find_first_not_of("0123456789abcdef", 4) == mark.npos;
}

Document comment_of(const tsn::Upsert& change) {
  Document out;
  out.paragraph(change.note, 14'000);  // doubled at most by escapes, so that the mark has room
  const std::string who = change.note_author.empty() ? "Tocsin" : std::string(change.note_author);
  out.paragraph(Line{{who + ", incident "},
                     {"#" + std::to_string(change.incident.number), std::string(change.incident.url)},
                     {" " + mark_of(change.key)}});
  return out;
}

nlohmann::json fields_of(const tsn::Incident& incident, const Project& project, bool cloud) {
  const auto description = description_of(incident);
  nlohmann::json fields{{"project", {{"key", project.key}}},
                        {"issuetype", {{"name", project.issue_type}}},
                        {"summary", summary_of(incident)},
                        {"labels", labels_of(incident, project)}};
  fields["description"] = cloud ? description.adf() : nlohmann::json(description.wiki());
  const auto priority = project.priority.find(std::string(tsn::severity_name(incident.severity)));
  if (priority != project.priority.end() && !priority->second.empty())
    fields["priority"] = {{"name", priority->second}};
  return fields;
}

nlohmann::json collecting_fields(const tsn::Incident& incident, const Project& project, bool cloud,
                                 const std::string& label, std::uint64_t most) {
  Document text;
  text.paragraph(
      "More than " + std::to_string(most) +
      " incidents would have got an issue of their own in this project. Those beyond stand in the comments below.");
  text.paragraph("When this issue is done, they are resolved; anything else is done in Tocsin, for each of them.");
  auto fields = fields_of(incident, project, cloud);
  fields["summary"] = "Further incidents in " + project.key + " (" + label.substr(label.rfind('-') + 1) + ")";
  fields["labels"] = {"auto-detected", "etl-monitoring", label};
  for (const auto& extra : project.labels) fields["labels"].push_back(as_label(extra));
  fields["description"] = cloud ? text.adf() : nlohmann::json(text.wiki());
  return fields;
}

Document collected_comment(const tsn::Upsert& change) {
  const auto& incident = change.incident;
  Document out;
  Line line{{"#" + std::to_string(incident.number), std::string(incident.url)}};
  line.push_back({" " + summary_of(incident) + ": " + std::string(tsn::status_name(incident.status))});
  out.paragraph(std::move(line));
  const bool opened = change.change == TSN_CHANGE_OPENED || change.change == TSN_CHANGE_UPDATED;
  out.paragraph(opened ? incident.description : change.note, 14'000);
  const std::string who = change.note_author.empty() ? "Tocsin" : std::string(change.note_author);
  out.paragraph(Line{{who + " " + mark_of(change.key)}});
  return out;
}

}  // namespace tocsin_plugins::jira
