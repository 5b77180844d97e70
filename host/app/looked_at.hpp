// A configuration and its plugins for a look at single instances, without an agent: for `check --online` and `source
// test`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/configuration.hpp"
#include "app/port.hpp"
#include "plugin_host/directory.hpp"
#include "runtime/executor.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

/// A port that leads nowhere: an instance that is only looked at has no store, and keeps nothing.
class OnlinePort : public AgentPort {
 public:
  using AgentPort::AgentPort;
  base::Result<std::optional<std::string>> kv_get(const std::string&, const std::string&) override {
    return std::nullopt;
  }
  base::Result<void> kv_put(const std::string&, const std::string&, std::string) override { return {}; }
  base::Result<void> exchange(const std::string&, model::Exchange) override { return {}; }
};

/// What is configured, read anew in each process: what a plugin's library holds open is not shared.
struct LookedAt {
  explicit LookedAt(const std::string& file)
      : agent(settings::load_agent(file, config::process_environment(), findings)),
        directory(agent.plugin_dirs, reactor, trust_policy(agent)),
        found(directory.scan()),
        configuration(file) {
    findings = configuration.read(found);
  }
  config::Diagnostics findings;
  settings::Agent agent;
  runtime::Reactor reactor{"reactor"};
  plugin_host::Directory directory;
  std::vector<plugin_host::Found> found;
  Configuration configuration;
};

}  // namespace tocsin::app
