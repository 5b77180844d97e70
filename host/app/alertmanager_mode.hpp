// `tocsin alertmanager`: the ordinary agent, with settings made of Alertmanager's flags and its YAML.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "alertmanager/translation.hpp"
#include "app/agent.hpp"
#include "app/alertmanager_flags.hpp"

namespace tocsin::app {

/// Gives the agent its settings, and its secrets as environment variables that only it sees. Any thread.
class AlertmanagerMode : public alertmanager::Secrets, public std::enable_shared_from_this<AlertmanagerMode> {
 public:
  explicit AlertmanagerMode(AlertmanagerFlags flags) : flags_(std::move(flags)) {}

  /// For Agent::start(); what it holds keeps this alive.
  AgentOptions options();

  /// The settings as they are now: flags, environment, alertmanager.yml.
  settings::ForeignTree read();
  std::optional<std::string> variable(const std::string& name) const;

  std::string whole(const std::string& name, const std::string& value) override;
  std::string inside(const std::string& name, const std::string& value) override;

 private:
  base::Value own_sections(config::Diagnostics& diagnostics);
  base::Value http(config::Diagnostics& diagnostics) const;
  base::Value storage(config::Diagnostics& diagnostics);

  const AlertmanagerFlags flags_;
  mutable std::mutex mutex_;
  /// Named by what they hold too, so that a reload that is refused changes no secret in use.
  std::map<std::string, std::string> secrets_;
};

}  // namespace tocsin::app
