#include "app/agent.hpp"
#include "app/check_instances.hpp"
#include "app/configuration.hpp"
#include "app/port.hpp"
#include "plugin_host/directory.hpp"
#include "runtime/executor.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

config::Diagnostics check_configuration(const std::string& config_file) {
  config::Diagnostics diagnostics;
  const auto agent = settings::load_agent(config_file, config::process_environment(), diagnostics);
  runtime::Reactor reactor("reactor");
  runtime::Pool pool("pool", 1);
  plugin_host::Directory directory(agent.plugin_dirs, reactor, trust_policy(agent));
  const auto found = directory.scan();
  Configuration configuration(config_file);
  diagnostics = configuration.read(found);
  if (config::has_errors(diagnostics)) return diagnostics;
  // Instances are made and scripts are read by their detectors, with a port that leads nowhere.
  base::SystemClock clock;
  model::SeriesTable series;
  telemetry::Metrics metrics;
  AgentPort port({&clock, &series, nullptr, &metrics, &reactor, &pool});
  InstanceFactory factory({.port = &port});
  for (auto& finding : check_instances(configuration, factory, found)) diagnostics.push_back(std::move(finding));
  Detectors detectors(factory, agent.data_dir, 1,
                      [&](const model::PluginType& type) { return configuration.prepare_detector(type); });
  detectors.set_found(found, {});
  for (auto& finding : configuration.read_scripts(detectors)) diagnostics.push_back(std::move(finding));
  for (const auto& rule : configuration.rules()) {
    if (auto compiled = detectors.try_compile(*rule); !compiled) {
      config::Diagnostic finding;
      finding.place = rule->place;
      finding.message = "[[rule]] " + rule->name + ": " + compiled.error().message();
      diagnostics.push_back(std::move(finding));
    }
  }
  detectors.stop();
  return diagnostics;
}

base::Result<model::Routing> read_routing(const std::string& config_file) {
  config::Diagnostics diagnostics;
  const auto agent = settings::load_agent(config_file, config::process_environment(), diagnostics);
  runtime::Reactor reactor("reactor");
  plugin_host::Directory directory(agent.plugin_dirs, reactor, trust_policy(agent));
  Configuration configuration(config_file);
  diagnostics = configuration.read(directory.scan());
  if (!config::has_errors(diagnostics)) return configuration.routing();
  std::string text;
  for (const auto& each : diagnostics) {
    if (each.level == config::Diagnostic::Level::error) text += (text.empty() ? "" : "\n") + each.text();
  }
  return base::fail(base::Fault::invalid, std::move(text));
}

}  // namespace tocsin::app
