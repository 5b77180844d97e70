// The whole configuration: every file read, everything checked at once.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "model/routing.hpp"
#include "model/rule.hpp"
#include "settings/agent.hpp"
#include "settings/dead_mans_switches.hpp"
#include "settings/instances.hpp"
#include "settings/routes.hpp"
#include "settings/rules.hpp"
#include "settings/statistics.hpp"

namespace tocsin::settings {

/// Settings that stand in another form than agent.toml (`tocsin alertmanager`), as the tree of one.
struct ForeignTree {
  config::Tree tree;
  std::string shown;  ///< the form they stand in, without secrets: for those who ask the agent
};
/// Reads them anew at every load. Any thread, one at a time.
using ReadTree = std::function<ForeignTree()>;

struct LoadRequest {
  std::string main_file;                 ///< empty: the embedded default
  std::span<const KnownPlugin> plugins;  ///< what the plugin directories offer, later directories later
  config::Environment environment;
  ReadTree read_tree{};                        ///< instead of main_file
  base::Time now = base::SystemClock().now();  ///< for what is warned of because it ends soon
};

/// [source.alertmanager]: Alertmanager's API, built into the agent.
struct AlertmanagerSource {
  model::Labels labels;  ///< added to what it receives, where the sender gives none of the name
};

struct Loaded {
  Agent agent;
  std::optional<AlertmanagerSource> alertmanager;  ///< none: not served
  std::vector<Instance> instances;                 ///< enabled or not; named ones and those that start by themselves
  std::vector<model::Rule> rules;                  ///< without those of scripts
  std::vector<std::string> scripts;  ///< rule files for detectors: give each to its detector, then rule_from_table()
  model::Routing routing;            ///< with a channel for each enabled notifier and tracker whose plugin is there
  std::vector<model::Heartbeat> heartbeats;
  std::optional<Watchdog> watchdog;
  Statistics statistics;
  base::Value watchdog_section;  ///< as written, to resolve its secrets anew with read_watchdog()
  config::Diagnostics diagnostics;
  std::vector<std::string> files;         ///< every configuration and rule file that was read
  std::vector<std::string> secret_files;  ///< whose change means a reload
  std::string shown;                      ///< of a ForeignTree
  bool usable() const { return !config::has_errors(diagnostics); }
};

/// Loads and checks. `last_good` holds the last good text of each file and is updated only when the outcome is usable:
/// at a reload a bad conf.d or rule file keeps its last good content and is reported as a warning; anything else that
/// is wrong makes the outcome unusable, and the caller changes nothing.
Loaded load(const LoadRequest& request, std::map<std::string, std::string>& last_good);

/// Only the agent's own sections, for commands that must find the data directory or the plugin directories first.
Agent load_agent(const std::string& main_file, const config::Environment& environment, config::Diagnostics& diagnostics,
                 const ReadTree& read_tree = {});

/// What runs without a configuration file, as TOML.
std::string_view embedded_default();

}  // namespace tocsin::settings
