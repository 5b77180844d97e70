// tocsin jira …: which issue an incident has, what would be sent, what is owed, and what was said.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

const std::string jira_path = "/api/v1/integrations/jira";

struct JiraArguments {
  std::string incident, key, url, instance;
  bool dry_run = false, fresh = false;
  std::size_t limit = 50;
};
using SharedJira = std::shared_ptr<JiraArguments>;

void add_jira_instance(CLI::App* command, const SharedJira& args, const char* help) {
  command->add_option("--instance", args->instance, help);
}

void print_mapping(const Console& console, const json& mapping) {
  if (console.json) {
    std::cout << mapping.dump(2) << '\n';
    return;
  }
  std::cout << "incident " << cell(mapping, "incident_id") << ": ";
  const std::string key = cell(mapping, "jira_key"), url = cell(mapping, "jira_url");
  if (key != "-")
    std::cout << key << (url == "-" ? "" : " " + url) << '\n';
  else if (cell(mapping, "intent") == "unlinked")
    std::cout << "no issue, and none is opened until `tocsin jira link` asks for one\n";
  else
    std::cout << "an issue is on its way\n";
}

void add_jira_list(CLI::App& group, Console& console) {
  auto args = std::make_shared<JiraArguments>();
  args->limit = 100;
  auto* command = group.add_subcommand("list", "Which incident has which issue");
  command->add_option("--limit", args->limit, "rows at most")->capture_default_str()->check(CLI::Range(1, 10'000));
  command->callback([&console, args] {
    const json rows = console.get_all(jira_path + "/mappings", args->limit);
    if (console.json) {
      std::cout << rows.dump(2) << '\n';
      return;
    }
    std::vector<std::vector<std::string>> table{{"INCIDENT", "ISSUE", "STATUS", "SYNCED", "ADDRESS"}};
    for (const json& row : rows) {
      const std::string status = cell(row, "status"), intent = cell(row, "intent");
      table.push_back({cell(row, "incident_id"), cell(row, "jira_key"), status == "-" ? intent : status,
                       cell(row, "synced_at"), cell(row, "jira_url")});
    }
    print_table(table);
  });
}

void add_jira_test(CLI::App& group, Console& console) {
  auto args = std::make_shared<JiraArguments>();
  auto* command = group.add_subcommand("test", "What would be sent for an incident now; nothing is");
  command->add_option("--incident", args->incident, "number or correlation id");
  command->add_flag("--dry-run", args->dry_run, "needed: there is no other kind of test");
  add_jira_instance(command, args, "one tracker; default: every one");
  command->callback([&console, args] {
    if (!args->dry_run) {
      end_with(exit_usage,
               "jira test: only a dry run exists, say --dry-run; an issue made for a test would have to be deleted by "
               "hand, and `tocsin check --online` signs in and looks up what the configuration names");
    }
    json body{{"incident", need(args->incident, "jira test", "--incident")}, {"by", whoami()}};
    if (!args->instance.empty()) body["instance"] = args->instance;
    const json answer = console.send("POST", jira_path + "/test", body);
    if (!answer.value("ok", false)) console.exit_code = exit_no;
    if (console.json) {
      std::cout << answer.dump(2) << '\n';
      return;
    }
    for (const json& each : answer.value("trackers", json::array())) {
      std::cout << "[tracker." << cell(each, "instance") << "]\n";
      for (const json& line : each.value("lines", json::array())) std::cout << "  " << line.get<std::string>() << '\n';
    }
  });
}

void add_jira_sync(CLI::App& group, Console& console) {
  auto args = std::make_shared<JiraArguments>();
  auto* command = group.add_subcommand("sync", "Fetch what changed in Jira now, and send what is owed to it");
  command->add_option("instance", args->instance, "one tracker; default: every one");
  command->callback([&console, args] {
    json body{{"by", whoami()}};
    if (!args->instance.empty()) body["instance"] = args->instance;
    const json answer = console.send("POST", jira_path + "/sync", body);
    const json trackers = answer.value("trackers", json::array());
    const bool all = std::ranges::all_of(trackers, [](const json& each) { return each.value("synced", false); });
    if (!all) console.exit_code = exit_no;
    if (console.json) {
      std::cout << answer.dump(2) << '\n';
      return;
    }
    for (const json& each : trackers) {
      std::cout << cell(each, "instance") << ": "
                << (each.value("synced", false) ? "in step" : "failed: " + cell(each, "error")) << '\n';
    }
    std::cout << "incidents with something on its way now: " << cell(answer, "queued") << '\n';
  });
}

void add_jira_link(CLI::App& group, Console& console) {
  auto args = std::make_shared<JiraArguments>();
  auto* command = group.add_subcommand("link", "An issue that is there is the incident's; or --new opens another");
  command->add_option("incident", args->incident, "number or correlation id");
  command->add_option("key", args->key, "of the issue: OPS-17");
  command->add_option("--issue-url", args->url, "its address; default: like that of the tracker's other issues");
  command->add_flag("--new", args->fresh, "open a new one instead, also after an unlink");
  add_jira_instance(command, args, "the tracker; not needed where there is one");
  command->callback([&console, args] {
    json body{{"incident", need(args->incident, "jira link", "incident number")}, {"by", whoami()}};
    if (args->fresh && !args->key.empty()) end_with(exit_usage, "jira link: either a key, or --new");
    if (args->fresh)
      body["new"] = true;
    else
      body["jira_key"] = need(args->key, "jira link", "issue key");
    if (!args->url.empty()) body["jira_url"] = args->url;
    if (!args->instance.empty()) body["instance"] = args->instance;
    print_mapping(console, console.send("POST", jira_path + "/mappings", body));
  });
}

void add_jira_unlink(CLI::App& group, Console& console) {
  auto args = std::make_shared<JiraArguments>();
  auto* command = group.add_subcommand("unlink", "The incident has no issue, and none is opened until asked for");
  command->add_option("incident", args->incident, "number or correlation id");
  add_jira_instance(command, args, "the tracker; not needed where there is one");
  command->callback([&console, args] {
    const std::string incident = need(args->incident, "jira unlink", "incident number");
    std::string target = jira_path + "/mappings/" + encode(incident);
    if (!args->instance.empty()) target += "?instance=" + encode(args->instance);
    print_mapping(console, console.send("DELETE", target, {{"by", whoami()}}));
  });
}

/// "201 in 12 ms", or what became of it.
std::string outcome_of_call(const json& row) {
  if (cell(row, "direction") == "MAPPING") {
    const std::string intent = cell(row, "intent");
    return intent == "-" ? cell(row, "status") : intent;
  }
  const std::string status = cell(row, "http_status");
  const std::string error = row.value("error", json()).is_string() ? row["error"].get<std::string>() : "";
  std::string out = status == "-" ? "no answer" : status;
  out += " in " + std::to_string(static_cast<long long>(row.value("took_ms", 0.0))) + " ms";
  return error.empty() ? out : out + ": " + error;
}

void add_jira_log(CLI::App& group, Console& console) {
  auto args = std::make_shared<JiraArguments>();
  auto* command = group.add_subcommand("log", "Calls to Jira, its calls here, and what became of issues; newest first");
  command->add_option("--incident", args->incident, "only this one's: number or correlation id");
  command->add_option("--limit", args->limit, "rows at most")->capture_default_str()->check(CLI::Range(1, 10'000));
  command->callback([&console, args] {
    std::string target = jira_path + "/log";
    if (!args->incident.empty()) target += "?incident=" + encode(args->incident);
    const json rows = console.get_all(target, args->limit);
    if (console.json) {
      std::cout << rows.dump(2) << '\n';
      return;
    }
    std::vector<std::vector<std::string>> table{{"AT", "TRACKER", "INCIDENT", "ISSUE", "CALL", "OUTCOME"}};
    for (const json& row : rows) {
      const std::string direction = cell(row, "direction");
      const std::string call = direction == "MAPPING"
                                   ? "issue"
                                   : (direction == "IN" ? "in " : "") + cell(row, "method") + " " + cell(row, "target");
      table.push_back({cell(row, "at"), cell(row, "instance"), cell(row, "incident_id"), cell(row, "jira_key"), call,
                       outcome_of_call(row)});
    }
    print_table(table);
  });
}

}  // namespace

void add_jira_commands(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("jira", "Issues of incidents: link, unlink, sync, a dry run, the log of calls");
  group.require_subcommand(1);
  add_jira_list(group, console);
  add_jira_test(group, console);
  add_jira_sync(group, console);
  add_jira_link(group, console);
  add_jira_unlink(group, console);
  add_jira_log(group, console);
}

}  // namespace tocsin::app
