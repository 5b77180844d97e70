// The configuration in force: what the files say, with the plugins that are there, and the rules of scripts.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/detectors.hpp"
#include "app/fleet.hpp"
#include "config/document.hpp"
#include "model/routing.hpp"
#include "model/rule.hpp"
#include "plugin_host/directory.hpp"
#include "settings/load.hpp"

namespace tocsin::app {

/// What the plugin directories hold, as settings asks for it.
std::vector<settings::KnownPlugin> known_plugins(const std::vector<plugin_host::Found>& found);

/// What [trust] says, as plugin_host asks for it.
plugin_host::TrustPolicy trust_policy(const settings::Agent& agent);

class Configuration {
 public:
  /// `read_tree` in place of the file: settings in another form.
  explicit Configuration(std::string main_file, settings::ReadTree read_tree = {},
                         config::Environment environment = config::process_environment())
      : main_file_(std::move(main_file)), read_tree_(std::move(read_tree)), environment_(std::move(environment)) {}

  /// Reads everything anew. With errors nothing changes and they are returned; warnings are returned beside success.
  config::Diagnostics read(const std::vector<plugin_host::Found>& found);
  /// Reads the rules' scripts through their detectors and completes the rules. Scripts that fail keep what they gave
  /// before and are reported.
  config::Diagnostics read_scripts(Detectors& detectors);
  /// Script files, or files that hold secrets, changed since they were read.
  bool watched_files_changed();
  /// The plugins are others now: channels and instances that start by themselves follow.
  void set_known(const std::vector<plugin_host::Found>& found);

  settings::Agent agent() const;
  std::vector<model::SharedRule> rules() const;
  model::Routing routing() const;
  std::optional<settings::AlertmanagerSource> alertmanager() const;
  std::vector<model::Heartbeat> heartbeats() const;
  std::optional<settings::Watchdog> watchdog() const;
  settings::Statistics statistics() const;
  std::vector<Wanted> wanted() const;
  /// The first configured source of a plugin that answers questions; empty: none.
  std::string answering(const std::string& plugin) const;
  std::vector<std::string> files() const;
  /// The settings in force in the other form they came in; empty: they are an agent.toml.
  std::string shown() const;
  /// For Fleet and Detectors: options checked against the type, secrets resolved.
  base::Result<base::Value> prepare(const Wanted& wanted, const model::PluginType& type) const;
  /// The instance's section as it was read; empty and without a place where there is none.
  base::Value section(const Wanted& wanted) const;
  base::Result<Detectors::Configured> prepare_detector(const model::PluginType& type) const;

 private:
  struct ScriptRules {
    std::uint64_t hash = 0;
    std::vector<base::Value> tables;
  };
  std::string signature() const;

  const std::string main_file_;
  const settings::ReadTree read_tree_;
  const config::Environment environment_;
  mutable std::mutex mutex_;
  settings::Loaded loaded_;
  std::vector<settings::KnownPlugin> known_;
  std::vector<model::Rule> script_rules_;
  std::map<std::string, std::string> last_good_;
  std::map<std::string, ScriptRules> scripts_;
  std::string signature_;
};

}  // namespace tocsin::app
