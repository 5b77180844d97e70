// The command line: every group of commands adds itself to the tree.
#pragma once

#include "app/cli/console.hpp"

namespace CLI {
class App;
}

namespace tocsin::app {

void add_incident_commands(CLI::App& app, Console& console);
void add_incident_actions(CLI::App& incident, Console& console);  ///< below `incident`: what changes one
void add_incident_watch(CLI::App& incident, Console& console);    ///< below `incident`: watch
void add_reader_commands(CLI::App& app,
                         Console& console);  ///< series, signal, rule, alert, notify, dead-letter, status
void add_plugin_commands(CLI::App& app, Console& console);
void add_plugin_trust_commands(CLI::App& plugin, Console& console);  ///< below `plugin`: keygen, sign, verify
void add_agent_commands(CLI::App& app,
                        Console& console);  ///< run, check, reload, demo, replay, init, config, version, source

}  // namespace tocsin::app
