// The command line: every group of commands adds itself to the tree.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/agent.hpp"
#include "app/cli/console.hpp"
#include "app/supervisor.hpp"

namespace CLI {
class App;
}

namespace tocsin::app {

void add_incident_commands(CLI::App& app, Console& console);
void add_silence_commands(CLI::App& app, Console& console);
void add_oncall_commands(CLI::App& app, Console& console);
void add_drill_commands(CLI::App& app, Console& console);     ///< fire-drill
void add_pause_commands(CLI::App& notify, Console& console);  ///< below `notify`: pause, resume
/// Whether notifications are paused, until when and why, in a line.
std::string pause_line(const nlohmann::json& pause);
void add_jira_commands(CLI::App& app, Console& console);          ///< list, test, sync, link, unlink, log
void add_incident_actions(CLI::App& incident, Console& console);  ///< below `incident`: what changes one
void add_incident_watch(CLI::App& incident, Console& console);    ///< below `incident`: watch
void add_signal_tail(CLI::App& signal, Console& console);         ///< below `signal`: tail
void add_source_commands(CLI::App& app, Console& console);        ///< source: test
void add_reader_commands(CLI::App& app,
                         Console& console);  ///< series, signal, rule, alert, notify, dead-letter, status
void add_plugin_commands(CLI::App& app, Console& console);
void add_plugin_trust_commands(CLI::App& plugin, Console& console);  ///< below `plugin`: keygen, sign, verify
void add_explain_commands(CLI::App& app, Console& console);          ///< explain, route
void add_agent_commands(CLI::App& app,
                        Console& console);  ///< run, check, reload, demo, replay, init, config, version, source

void add_alertmanager_commands(CLI::App& app, Console& console);  ///< alertmanager, import

/// The command line as the parser takes it: called by Alertmanager's name the program is `tocsin alertmanager`, and
/// `--flag=` gives that command an empty text.
std::vector<std::string> alertmanager_arguments(std::vector<std::string> given, const std::string& program);

/// Runs the agent until SIGTERM; SIGHUP reloads. `state` is null without a supervisor. An exit code: exit_usage for a
/// configuration with errors.
int run_agent(AgentOptions options, WorkerState* state);
/// The file that --config named, /etc/tocsin/agent.toml where there is one, or empty: the embedded default.
std::string config_or_default(const std::string& given);

}  // namespace tocsin::app
