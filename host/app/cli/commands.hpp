// The command line: every group of commands adds itself to the tree.
#pragma once

#include "app/cli/console.hpp"

namespace CLI {
class App;
}

namespace tocsin::app {

void add_incident_commands(CLI::App& app, Console& console);
void add_reader_commands(CLI::App& app,
                         Console& console);  ///< series, signal, rule, alert, notify, dead-letter, status
void add_plugin_commands(CLI::App& app, Console& console);
void add_plugin_trust_commands(CLI::App& plugin, Console& console);  ///< below `plugin`: keygen, sign, verify
void add_explain_commands(CLI::App& app, Console& console);          ///< explain, route
void add_agent_commands(CLI::App& app,
                        Console& console);  ///< run, check, reload, demo, replay, init, config, version, source

/// The file that --config named, /etc/tocsin/agent.toml where there is one, or empty: the embedded default.
std::string config_or_default(const std::string& given);

}  // namespace tocsin::app
