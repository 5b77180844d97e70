// The agent, composed: one list of named steps to start, the reverse to stop, and what reload and a changed plugin
// directory do in between.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/document.hpp"
#include "model/routing.hpp"
#include "plugin_host/crash_record.hpp"
#include "settings/load.hpp"

namespace tocsin::app {

/// What Alertmanager's clients are told of the instances that share one store.
struct Cluster {
  std::string name;                ///< this one's; empty: there is none
  std::vector<std::string> peers;  ///< addresses, this one's too
};

struct AgentOptions {
  std::string config_file;  ///< empty: the embedded default
  /// What the processes before this one died of, and where this one's crash is written; null: nobody starts it again.
  plugin_host::Findings* findings = nullptr;
  settings::ReadTree read_tree{};  ///< settings in another form, instead of config_file
  config::Environment environment = config::process_environment();
  Cluster cluster{};  ///< of `tocsin alertmanager`
};

/// What an agent did since it started; the demo's summary.
struct AgentTotals {
  std::uint64_t signals = 0, alerts = 0, incidents = 0, notifications = 0;
  std::uint64_t pending = 0;  ///< deliveries still on their way
};

class Agent {
 public:
  /// Everything is running when it returns. The error holds every finding of the configuration.
  static base::Result<std::unique_ptr<Agent>> start(AgentOptions options);
  ~Agent();

  /// Idempotent; each step runs to its end whatever the others do.
  void stop();
  /// Applies the configuration files as they are now, whole or not at all. A line for each change.
  base::Result<std::vector<std::string>> reload();
  std::string url() const;  ///< "http://127.0.0.1:7676"
  std::string data_dir() const;
  AgentTotals totals();
  /// Stops the sources and waits until what they sent is judged and told, at most `limit`.
  void settle(std::chrono::nanoseconds limit);

 private:
  struct Impl;
  explicit Agent(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// `tocsin check`: every finding of the configuration, scripts included. Nothing is connected to (online_check.hpp).
config::Diagnostics check_configuration(const std::string& config_file);

/// What routing would decide by, read the same way; an error names every mistake.
base::Result<model::Routing> read_routing(const std::string& config_file);

}  // namespace tocsin::app
