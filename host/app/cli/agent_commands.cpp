// tocsin run, check, reload, demo, replay, init, config, version.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/agent.hpp"
#include "app/cli/commands.hpp"
#include "app/demo.hpp"
#include "app/online_check.hpp"
#include "app/replay.hpp"
#include "app/supervisor.hpp"
#include "app/version.hpp"
#include "base/text.hpp"
#include "incidents/ladder_plan.hpp"
#include "settings/load.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// Who is told how long after the beginning, for each ladder: what a person reads before it is needed.
void print_ladders(const std::string& file) {
  const auto routing = read_routing(file);
  if (!routing) return;
  for (const auto& plan : incidents::plan_ladders(*routing)) {
    std::cout << "\nladder " << plan.name << ", until somebody acknowledges";
    if (plan.repeat != 0) {
      std::cout << "; again every " << base::format_duration(plan.round)
                << (plan.repeat < 0 ? " for ever" : ", " + std::to_string(plan.repeat) + " times");
    }
    std::cout << '\n';
    std::vector<std::vector<std::string>> rows{{"AFTER", "STEP", "WHO", "BY", "TARGET"}};
    for (const auto& one : plan.tellings) {
      std::string who;
      for (const auto& name : one.who) who += (who.empty() || name.empty() ? "" : ", ") + name;
      rows.push_back({base::format_duration(one.after), one.step, who.empty() ? "-" : who, one.by, one.target});
    }
    print_table(rows);
  }
}

struct CheckArguments {
  std::string config;
  bool online = false, verbose = false;
};

/// What cannot be checked is said only to whoever wants to read it all.
void print_online(const std::vector<OnlineFinding>& found, bool verbose) {
  for (const auto& each : found) {
    if (!each.asked && !verbose) continue;
    std::cout << '[' << each.instance << "]\n";
    if (!each.asked) std::cout << "  cannot be checked online\n";
    for (const auto& line : each.lines) std::cout << "  " << line << '\n';
  }
}

json json_of(const OnlineFinding& found) {
  return {{"instance", found.instance}, {"checked", found.asked}, {"lines", found.lines}};
}

int check(const CheckArguments& args, bool as_json) {
  const std::string file = config_or_default(args.config);
  const auto diagnostics = check_configuration(file);
  bool bad = config::has_errors(diagnostics);
  std::vector<OnlineFinding> online;
  // Of a configuration with errors nothing can be made.
  if (args.online && !bad) online = check_online(file);
  for (const auto& each : online) bad = bad || !each.good();
  if (as_json) {
    json items = json::array();
    for (const auto& each : diagnostics) {
      items.push_back({{"level", each.level == config::Diagnostic::Level::error ? "error" : "warning"},
                       {"file", each.place.file ? *each.place.file : ""},
                       {"line", each.place.line},
                       {"column", each.place.column},
                       {"message", each.message}});
    }
    json out{{"ok", !bad}, {"findings", items}};
    if (args.online) {
      out["online"] = json::array();
      for (const auto& each : online) out["online"].push_back(json_of(each));
    }
    std::cout << out.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  } else {
    for (const auto& each : diagnostics) std::cout << each.text() << '\n';
    print_online(online, args.verbose);
    std::cout << (file.empty() ? "the embedded default" : file) << (bad ? " has errors" : " is good") << '\n';
    if (!bad) print_ladders(file);
  }
  return bad ? exit_no : exit_done;
}

json json_of(const model::Labels& labels) {
  json out = json::object();
  for (const auto& [name, value] : labels) out[name] = value;
  return out;
}

json json_of(const model::Alert& alert) {
  return {{"rule", alert.rule},
          {"labels", json_of(alert.group)},
          {"severity", model::to_string(alert.severity)},
          {"line", alert.origin.line},
          {"file", alert.origin.file},
          {"at", base::format_rfc3339(alert.fired_at)},
          {"value", std::isnan(alert.value) ? json() : json(alert.value)},
          {"threshold", std::isnan(alert.threshold) ? json() : json(alert.threshold)},
          {"message", alert.annotations.get("message")},
          {"fingerprint", alert.fingerprint},
          {"id", alert.id}};
}

json json_of(const model::Incident& incident) {
  return {{"number", incident.number},
          {"title", incident.title},
          {"severity", model::to_string(incident.severity)},
          {"status", model::to_string(incident.status)},
          {"detected_at", base::format_rfc3339(incident.detected_at)},
          {"resolved_at",
           incident.resolved_at == base::no_time ? json() : json(base::format_rfc3339(incident.resolved_at))},
          {"labels", json_of(incident.labels)}};
}

void print(const ReplayReport& report) {
  std::vector<std::vector<std::string>> rows{{"AT", "SEVERITY", "ALERT", "VALUE", "RAISED BY"}};
  for (const auto& alert : report.alerts) {
    rows.push_back({base::format_rfc3339(alert.fired_at), std::string(model::to_string(alert.severity)), alert.title,
                    base::format_number(alert.value),
                    alert.origin.line ? alert.origin.file + ":" + std::to_string(alert.origin.line) : "-"});
  }
  print_table(rows);
  std::cout << '\n';
  rows = {{"INCIDENT", "SEVERITY", "STATUS", "DETECTED", "TITLE"}};
  for (const auto& incident : report.incidents) {
    rows.push_back({std::to_string(incident.number), std::string(model::to_string(incident.severity)),
                    std::string(model::to_string(incident.status)), base::format_rfc3339(incident.detected_at),
                    incident.title});
  }
  print_table(rows);
  std::cout << '\n'
            << report.signals << " signals, " << report.alerts.size() << " alerts, " << report.incidents.size()
            << " incidents\n";
}

int run_replay(const std::string& config, const std::vector<std::string>& files, bool as_json) {
  auto report = replay({config, files});
  if (!report) {
    std::cerr << report.error().message() << std::endl;
    return report.error().fault() == base::Fault::not_found ? exit_usage : exit_no;
  }
  for (const auto& note : report->notes) std::cerr << note << '\n';
  if (!as_json) {
    print(*report);
    return exit_done;
  }
  json out{{"alerts", json::array()}, {"incidents", json::array()}, {"signals", report->signals}};
  for (const auto& alert : report->alerts) out["alerts"].push_back(json_of(alert));
  for (const auto& incident : report->incidents) out["incidents"].push_back(json_of(incident));
  std::cout << out.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  return exit_done;
}

constexpr const char* first_config =
    R"toml(# Tocsin's configuration. `tocsin check` finds every mistake; `tocsin reload` applies a change.

[agent]
# data_dir = "/var/lib/tocsin"

[http]
listen = "127.0.0.1:7676"

[source.host]                     # this machine's CPU, memory, disks and network
every = "15s"

[rules]
pack  = "default"                 # the shipped rules
paths = ["rules.d/*.toml", "rules.d/*.lua"]

[notifier.terminal]               # replace by email, slack or webhook: `tocsin plugin doc email`

[route]                           # who is told of what
group_by = ["alertname", "service"]
notify   = ["terminal"]

[[route.routes]]                  # ETL: by loader, and an incident only when three have failed
name       = "transactions"
matchers   = ['category="TRANSACTION"']
group_by   = ["loader"]
open_after = { alerts = 3, within = "10m" }
)toml";

void init(const std::string& folder) {
  const fs::path file = fs::path(folder) / "agent.toml";
  if (fs::exists(file)) end_with(exit_no, file.string() + " is there already");
  std::error_code error;
  fs::create_directories(fs::path(folder) / "rules.d", error);
  std::ofstream out(file);
  out << first_config;
  if (!out) end_with(exit_no, "cannot write " + file.string());
  std::cout << "wrote " << file.string() << "; next: tocsin check --config " << file.string()
            << " && tocsin run --config " << file.string() << '\n';
}

base::Duration duration_or_end(const std::string& text, const char* option) {
  const auto parsed = base::parse_duration(text);
  if (!parsed) end_with(exit_usage, std::string(option) + ": " + parsed.error().message());
  return *parsed;
}

int run(const std::string& file, WorkerState* state) {
  AgentOptions options;
  options.config_file = file;
  return run_agent(std::move(options), state);
}

}  // namespace

int run_agent(AgentOptions options, WorkerState* state) {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, each);
  if (state) plugin_host::record_crashes(state->findings);
  options.findings = state ? &state->findings : nullptr;
  auto agent = Agent::start(std::move(options));
  if (!agent) {
    std::cerr << agent.error().message() << std::endl;
    return agent.error().fault() == base::Fault::invalid ? exit_usage : exit_no;
  }
  if (state) state->ready = 1;
  if (isatty(1))
    std::cout << "tocsin " << tocsin_version << " runs on " << (*agent)->url() << " with data in "
              << (*agent)->data_dir() << std::endl;
  for (;;) {
    int which = 0;
    if (sigwait(&set, &which) != 0) continue;
    if (which != SIGHUP) break;
    if (auto done = (*agent)->reload(); !done)
      telemetry::log_error("reload", "nothing was changed: " + done.error().message());
  }
  (*agent)->stop();
  return exit_done;
}

std::string config_or_default(const std::string& given) {
  if (!given.empty()) {
    if (!fs::exists(given)) end_with(exit_usage, "there is no file " + given);
    // It is read again at every reload, so a pipe will not do.
    if (!fs::is_regular_file(given)) end_with(exit_usage, given + " is no regular file");
    return given;
  }
  return fs::exists("/etc/tocsin/agent.toml") ? "/etc/tocsin/agent.toml" : "";
}

void add_agent_commands(CLI::App& app, Console& console) {
  struct Arguments {
    std::string config, length = "60s", folder = ".";
    std::vector<std::string> files;
    bool effective = false, origin = false, no_supervisor = false;
  };
  auto args = std::make_shared<Arguments>();
  auto add_config = [&](CLI::App* command) {
    command->add_option("-c,--config", args->config, "agent.toml; without one the embedded default");
  };

  auto* run_command = app.add_subcommand("run", "Run the agent until SIGTERM; SIGHUP reloads");
  add_config(run_command);
  run_command
      ->add_flag("--no-supervisor", args->no_supervisor, "nothing starts the agent again after a crash: for debuggers")
      ->envname("TOCSIN_NO_SUPERVISOR");
  run_command->callback([&console, args] {
    const auto file = config_or_default(args->config);
    console.exit_code =
        args->no_supervisor ? run(file, nullptr) : supervise([&](WorkerState& state) { return run(file, &state); });
  });

  auto checking = std::make_shared<CheckArguments>();
  auto* check_command = app.add_subcommand("check", "Find every mistake in a configuration");
  check_command->add_option("-c,--config", checking->config, "agent.toml; without one the embedded default");
  check_command->add_flag("--online", checking->online,
                          "also ask each source, notifier and tracker whether it could work: signs in, sends nothing");
  check_command->add_flag("--verbose", checking->verbose, "with --online: name those that cannot be asked, too");
  check_command->callback([&console, checking] { console.exit_code = check(*checking, console.json); });

  auto* reload =
      app.add_subcommand("reload", "Apply the configuration files of the running agent, whole or not at all");
  reload->callback([&console] {
    const auto answer = console.send("POST", "/api/v1/reload", json::object());
    if (console.json) {
      std::cout << answer.dump(2) << '\n';
    } else {
      const auto& lines = answer.contains("report") ? answer["report"] : answer;
      for (const auto& line : lines) std::cout << (line.is_string() ? line.get<std::string>() : line.dump()) << '\n';
    }
  });

  auto* demo_command = app.add_subcommand("demo", "The real agent with an ETL day that goes wrong");
  demo_command->add_option("--for", args->length, "how long")->capture_default_str();
  demo_command->callback([&console, args] {
    const auto length = duration_or_end(args->length, "--for");
    if (length < std::chrono::seconds(5)) end_with(exit_usage, "--for: the demo needs at least 5s to show something");
    const auto done = demo({length, console.json});
    if (!done) end_with(exit_no, done.error().message());
    console.exit_code = *done;
  });

  auto* replay_command =
      app.add_subcommand("replay", "Log files through the same rules, on a clock taken from their lines");
  add_config(replay_command);
  replay_command->add_option("files", args->files, "log files, merged by time")->required();
  replay_command->callback(
      [&console, args] { console.exit_code = run_replay(config_or_default(args->config), args->files, console.json); });

  auto* init_command = app.add_subcommand("init", "Write a first agent.toml");
  init_command->add_option("folder", args->folder, "where")->capture_default_str();
  init_command->callback([args] { init(args->folder); });

  auto& config_group = *app.add_subcommand("config", "The configuration as the agent understands it");
  config_group.require_subcommand(1);
  auto* reference = config_group.add_subcommand("reference", "Every option of agent.toml, as Markdown");
  reference->callback([] { std::cout << settings::reference_page(); });
  auto* fallback = config_group.add_subcommand("default", "The embedded default, as TOML");
  fallback->callback([] { std::cout << settings::embedded_default(); });

  auto* version = app.add_subcommand("version", "This program's version");
  version->callback([&console] {
    if (console.json) {
      std::cout << json{{"version", tocsin_version}, {"abi", 1}}.dump() << '\n';
    } else {
      std::cout << "tocsin " << tocsin_version << ", plugin ABI 1\n";
    }
  });
}

}  // namespace tocsin::app
