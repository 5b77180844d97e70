// tocsin incident …
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

struct Arguments {
  std::vector<std::string> ids;
  std::string id, text, who, title, severity, service, status, query, from, to;
  std::size_t limit = 100;
};

std::string path(const std::string& id) {
  return "/api/v1/incidents/" + encode(id);
}

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
                          "correlation_id", "detected_at",     "acknowledged_at",  "resolved_at",     "closed_at"}) {
    if (cell(incident, key) != "-") std::cout << key << ": " << cell(incident, key) << '\n';
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
      if (cell(entry, "to") != "-")
        change = cell(entry, "from") + " → " + cell(entry, "to") + (change == "-" ? "" : "  " + change);
      rows.push_back({"  " + cell(entry, "at"), cell(entry, "actor"), cell(entry, "what"), change});
    }
    print_table(rows);
  }
}

void show(Console& console, const json& incident) {
  if (console.json) {
    std::cout << incident.dump(2) << '\n';
  } else {
    print_incident(incident);
  }
}

void brief(Console& console, const json& incident) {
  if (console.json) {
    std::cout << incident.dump(2) << '\n';
  } else {
    std::cout << "incident " << cell(incident, "number") << ": " << cell(incident, "status") << '\n';
  }
}

void add_status(CLI::App& group, Console& console, const char* name, const char* help, const char* status, bool many,
                const char* text_option, const char* body_key) {
  auto args = std::make_shared<Arguments>();
  auto* command = group.add_subcommand(name, help);
  auto* ids = command->add_option("incident", args->ids, "incident number or correlation id")->required();
  if (!many) ids->expected(1);
  if (text_option) command->add_option(text_option, args->text, "why, for the record")->required();
  command->callback([&console, args, status, body_key] {
    for (const auto& id : args->ids) {
      json body{{"status", status}, {"by", whoami()}};
      if (body_key) body[body_key] = args->text;
      brief(console, console.send("PUT", path(id) + "/status", body));
    }
  });
}

void add_list(CLI::App& group, Console& console) {
  auto args = std::make_shared<Arguments>();
  auto* command = group.add_subcommand("list", "Incidents, newest first");
  command->add_option("--status", args->status,
                      "OPEN, ACKNOWLEDGED, IN_PROGRESS, RESOLVED, CLOSED; several with commas");
  command->add_option("--severity", args->severity, "CRITICAL, HIGH, MEDIUM, LOW; several with commas");
  command->add_option("-q,--query", args->query, "text in title, description or service");
  command->add_option("--from", args->from, "detected at or after");
  command->add_option("--to", args->to, "detected before");
  command->add_option("--limit", args->limit, "at most this many")->capture_default_str();
  command->callback([&console, args] {
    std::string target = "/api/v1/incidents?";
    for (const auto& [key, value] : {std::pair{"status", args->status},
                                     {"severity", args->severity},
                                     {"q", args->query},
                                     {"from", args->from},
                                     {"to", args->to}}) {
      if (!value.empty()) target += std::string(key) + "=" + encode(value) + "&";
    }
    target.pop_back();
    const auto items = console.get_all(target, args->limit);
    if (console.json) {
      std::cout << items.dump(2) << '\n';
    } else {
      print_incident_list(items);
    }
  });
}

void add_create(CLI::App& group, Console& console) {
  auto args = std::make_shared<Arguments>();
  auto* command = group.add_subcommand("create", "Open an incident by hand");
  command->add_option("title", args->title, "what is wrong, in one line")->required();
  command->add_option("--severity", args->severity, "CRITICAL, HIGH, MEDIUM or LOW")->default_val("HIGH");
  command->add_option("--service", args->service, "the service it concerns");
  command->add_option("--description", args->text, "more than the title says");
  command->callback([&console, args] {
    json body{{"title", args->title}, {"severity", args->severity}, {"by", whoami()}};
    if (!args->service.empty()) body["service_name"] = args->service;
    if (!args->text.empty()) body["description"] = args->text;
    brief(console, console.send("POST", "/api/v1/incidents", body));
  });
}

}  // namespace

void add_incident_commands(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("incident", "Incidents: list, show, and move them along");
  group.require_subcommand(1);
  add_list(group, console);
  {
    auto args = std::make_shared<Arguments>();
    auto* command = group.add_subcommand("show", "One incident with its alerts and timeline");
    command->add_option("incident", args->id, "number or correlation id")->required();
    command->callback([&console, args] { show(console, console.get(path(args->id))); });
  }
  add_create(group, console);
  add_status(group, console, "ack", "Acknowledge: stops the ladder", "ACKNOWLEDGED", true, nullptr, nullptr);
  add_status(group, console, "start", "Work has begun", "IN_PROGRESS", false, nullptr, nullptr);
  add_status(group, console, "resolve", "It is over", "RESOLVED", false, "--notes", "notes");
  add_status(group, console, "reopen", "It is not over", "OPEN", false, nullptr, nullptr);
  add_status(group, console, "close", "Close a resolved incident", "CLOSED", false, "--reason", "reason");
  {
    auto args = std::make_shared<Arguments>();
    auto* command = group.add_subcommand("assign", "Give it an owner");
    command->add_option("incident", args->id, "number or correlation id")->required();
    command->add_option("owner", args->who, "who")->required();
    command->callback([&console, args] {
      brief(console, console.send("PUT", path(args->id) + "/assign", {{"owner", args->who}, {"by", whoami()}}));
    });
  }
  {
    auto args = std::make_shared<Arguments>();
    auto* command = group.add_subcommand("note", "Add a note to its timeline");
    command->add_option("incident", args->id, "number or correlation id")->required();
    command->add_option("text", args->text, "the note")->required();
    command->callback([&console, args] {
      brief(console, console.send("POST", path(args->id) + "/notes", {{"text", args->text}, {"by", whoami()}}));
    });
  }
}

}  // namespace tocsin::app
