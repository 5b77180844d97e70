// tocsin incident list, show, create.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

struct IncidentArguments {
  std::string id, text, title, severity, service, status, query, from, to, category, rule, format, impact, component;
  std::vector<std::string> owner, services, tags, matchers, labels, links;
  std::size_t limit = 100;
};

void print_incident_list(const json& items) {
  std::vector<std::vector<std::string>> rows{{"NUMBER", "SEVERITY", "STATUS", "DETECTED", "TITLE", "OWNER", "TICKET"}};
  for (const auto& item : items) {
    rows.push_back({cell(item, "number"), cell(item, "severity"), cell(item, "status"), cell(item, "detected_at"),
                    cell(item, "title"), cell(item, "owner"), cell(item, "jira_ticket_key")});
  }
  print_table(rows);
}

void print_incident(const json& incident) {
  for (const char* key : {"number",         "title",           "severity",         "status",          "category",
                          "service_name",   "owner",           "description",      "impact",          "suggestion",
                          "metric_value",   "threshold_value", "resolution_notes", "jira_ticket_key", "jira_ticket_url",
                          "correlation_id", "detected_at",     "acknowledged_at",  "acknowledged_by", "ack_expires_at",
                          "snoozed_until",  "resolved_at",     "closed_at",        "close_reason",    "merged_into"}) {
    if (cell(incident, key) != "-") std::cout << key << ": " << cell(incident, key) << '\n';
  }
  const auto tags = incident.value("tags", json::array());
  if (!tags.empty()) {
    std::cout << "tags:";
    for (const auto& tag : tags) std::cout << ' ' << tag.get<std::string>();
    std::cout << '\n';
  }
  for (const auto& link : incident.value("links", json::array())) {
    std::cout << "link: " << cell(link, "text") << "  " << cell(link, "href") << '\n';
  }
  if (incident.contains("alerts") && !incident["alerts"].empty()) {
    std::cout << "\nalerts\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& alert : incident["alerts"]) {
      rows.push_back({"  " + cell(alert, "state"), cell(alert, "severity"), cell(alert, "rule"),
                      alert.value("labels", json::object()).dump(), cell(alert, "value")});
    }
    print_table(rows);
  }
  if (incident.contains("timeline") && !incident["timeline"].empty()) {
    std::cout << "\ntimeline\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& entry : incident["timeline"]) {
      std::string change = cell(entry, "text");
      if (cell(entry, "to") != "-" || cell(entry, "from") != "-")
        change = cell(entry, "from") + " → " + cell(entry, "to") + (change == "-" ? "" : "  " + change);
      rows.push_back({"  " + cell(entry, "at"), cell(entry, "actor"), cell(entry, "what"), change});
    }
    print_table(rows);
  }
}

/// Who is told next if nobody acts.
void print_next(const Console& console, const json& incident) {
  const auto explained =
      console.try_send("GET", "/api/v1/explain?incident=" + encode(cell(incident, "number")), json());
  if (!explained || !explained->contains("next") || explained->at("next").empty()) return;
  std::cout << "next:\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& due : explained->at("next")) {
    rows.push_back({"  " + cell(due, "at"), cell(due, "what"), cell(due, "target"), cell(due, "text")});
  }
  print_table(rows);
}

std::string filters_of(const IncidentArguments& args) {
  std::string out;
  const auto add = [&out](const char* key, const std::string& value) {
    if (!value.empty()) out += "&" + std::string(key) + "=" + encode(value);
  };
  for (const auto& [key, value] : {std::pair{"status", args.status},
                                   {"severity", args.severity},
                                   {"category", args.category},
                                   {"rule", args.rule},
                                   {"q", args.query},
                                   {"from", args.from},
                                   {"to", args.to}}) {
    add(key, value);
  }
  for (const auto& [key, values] :
       {std::pair{"owner", &args.owner}, {"service", &args.services}, {"tag", &args.tags}, {"match", &args.matchers}}) {
    for (const auto& value : *values) add(key, value);
  }
  return out;
}

void add_list(CLI::App& group, Console& console) {
  auto args = std::make_shared<IncidentArguments>();
  auto* command = group.add_subcommand("list", "Incidents, newest first");
  command->add_option("--status", args->status,
                      "OPEN, ACKNOWLEDGED, IN_PROGRESS, RESOLVED, CLOSED; several with commas");
  command->add_option("--severity", args->severity, "CRITICAL, HIGH, MEDIUM, LOW; several with commas");
  command->add_option("-q,--query", args->query, "text in title, description, service, labels, tags or notes");
  command->add_option("--category", args->category,
                      "TRANSACTION, LOG, INTEGRATION, INFRASTRUCTURE; several with commas");
  command->add_option("--owner", args->owner, "owned by this person; repeat for more")->allow_extra_args(false);
  command->add_option("--service", args->services, "of this service; repeat for more")->allow_extra_args(false);
  command->add_option("--tag", args->tags, "with this tag; repeat for several at once")->allow_extra_args(false);
  command->add_option("--rule", args->rule, "with an alert of this rule");
  command->add_option("--match", args->matchers, "a label matcher, team=\"payments\"; repeat for more")
      ->allow_extra_args(false);
  command->add_option("--from", args->from, "detected at or after");
  command->add_option("--to", args->to, "detected before");
  command->add_option("--limit", args->limit, "at most this many")->capture_default_str();
  command->add_option("--format", args->format, "table, or csv or json: every matching incident as a file")
      ->check(CLI::IsMember({"table", "csv", "json"}));
  command->callback([&console, args] {
    const std::string filters = filters_of(*args);
    if (args->format == "csv" || args->format == "json") {
      std::cout << console.raw("GET", "/api/v1/incidents/export?format=" + args->format + filters, "");
      return;
    }
    const std::string target = "/api/v1/incidents" + (filters.empty() ? "" : "?" + filters.substr(1));
    const auto items = console.get_all(target, args->limit);
    if (console.json) {
      std::cout << items.dump(2) << '\n';
    } else {
      print_incident_list(items);
    }
  });
}

void add_show(CLI::App& group, Console& console) {
  auto args = std::make_shared<IncidentArguments>();
  auto* command = group.add_subcommand("show", "One incident with its alerts and timeline");
  command->add_option("incident", args->id, "number or correlation id");
  command->callback([&console, args] {
    const auto incident = console.get(incident_path(need(args->id, "incident show", "incident number")));
    if (console.json) {
      std::cout << incident.dump(2) << '\n';
      return;
    }
    print_incident(incident);
    print_next(console, incident);
  });
}

void add_create(CLI::App& group, Console& console) {
  auto args = std::make_shared<IncidentArguments>();
  auto* command = group.add_subcommand("create", "Open an incident by hand");
  command->add_option("title", args->title, "what is wrong, in one line");
  command->add_option("--severity", args->severity, "CRITICAL, HIGH, MEDIUM or LOW")->default_val("HIGH");
  command->add_option("--service", args->service, "the service it concerns");
  command->add_option("--component", args->component, "the part of it");
  command->add_option("--category", args->category, "TRANSACTION, LOG, INTEGRATION or INFRASTRUCTURE");
  command->add_option("--description", args->text, "more than the title says");
  command->add_option("--impact", args->impact, "what it does to whom");
  command->add_option("--owner", args->owner, "who works on it")->allow_extra_args(false);
  command->add_option("--tag", args->tags, "a tag; repeat for more")->allow_extra_args(false);
  command->add_option("-l,--label", args->labels, "label=value; repeat for more")->allow_extra_args(false);
  command->add_option("--link", args->links, "an address; repeat for more")->allow_extra_args(false);
  command->callback([&console, args] {
    json body{{"title", need(args->title, "incident create", "title")}, {"severity", args->severity}, {"by", whoami()}};
    for (const auto& [key, value] : {std::pair{"service_name", args->service},
                                     {"affected_component", args->component},
                                     {"category", args->category},
                                     {"description", args->text},
                                     {"impact", args->impact}}) {
      if (!value.empty()) body[key] = value;
    }
    if (!args->owner.empty()) body["owner"] = args->owner.front();
    if (!args->tags.empty()) body["tags"] = args->tags;
    for (const auto& link : args->links) body["links"].push_back({{"text", link}, {"href", link}});
    for (const auto& pair : args->labels) {
      const auto at = pair.find('=');
      if (at == pair.npos || at == 0) end_with(exit_usage, "\"" + pair + "\" is not label=value");
      body["labels"][pair.substr(0, at)] = pair.substr(at + 1);
    }
    const auto made = console.send("POST", "/api/v1/incidents", body);
    if (console.json)
      std::cout << made.dump(2) << '\n';
    else
      std::cout << "incident " << cell(made, "number") << ": " << cell(made, "status") << '\n';
  });
}

}  // namespace

void add_incident_commands(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("incident", "Incidents: list, show, and move them along");
  group.require_subcommand(1);
  add_list(group, console);
  add_show(group, console);
  add_create(group, console);
  add_incident_actions(group, console);
  add_incident_watch(group, console);
}

}  // namespace tocsin::app
