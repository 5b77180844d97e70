#include "app/configuration.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "settings/plugin_routes.hpp"

namespace tocsin::app {
namespace {

std::string joined(const config::Diagnostics& diagnostics) {
  std::string text;
  for (const auto& each : diagnostics) {
    if (each.level == config::Diagnostic::Level::error) text += (text.empty() ? "" : "\n") + each.text();
  }
  return text;
}

std::vector<std::string> script_files(const settings::Agent& agent) {
  std::vector<std::string> files;
  for (const auto& glob : agent.rules.paths) {
    for (auto& file : settings::files_of(glob)) {
      if (!file.ends_with(".toml") && std::find(files.begin(), files.end(), file) == files.end())
        files.push_back(std::move(file));
    }
  }
  return files;
}

config::Diagnostic error_in(const std::string& file, std::string message) {
  config::Diagnostic diagnostic;
  diagnostic.place.file = std::make_shared<const std::string>(file);
  diagnostic.message = std::move(message);
  return diagnostic;
}

std::string extension_of(const std::string& file) {
  const auto dot = file.rfind('.');
  return dot == file.npos || file.find('/', dot) != file.npos ? "" : file.substr(dot);
}

}  // namespace

std::vector<settings::KnownPlugin> known_plugins(const std::vector<plugin_host::Found>& found) {
  std::vector<settings::KnownPlugin> known;
  for (const auto& file : found) {
    if (!file.error.empty()) continue;
    for (const auto& type : file.descriptor.types) known.push_back({type, file.bundled});
  }
  return known;
}

plugin_host::TrustPolicy trust_policy(const settings::Agent& agent) {
  plugin_host::TrustPolicy out;
  out.keys = agent.trust.keys;
  out.allow_unsigned = agent.trust.allow_unsigned;
  out.verify_bundled = agent.trust.verify_bundled;
  return out;
}

config::Diagnostics Configuration::read(const std::vector<plugin_host::Found>& found) {
  auto known = known_plugins(found);
  auto texts = last_good_;
  auto loaded = settings::load({main_file_, known, environment_, read_tree_}, texts);
  auto diagnostics = loaded.diagnostics;
  if (!loaded.usable()) return diagnostics;
  std::lock_guard lock(mutex_);
  last_good_ = std::move(texts);
  known_ = std::move(known);
  loaded_ = std::move(loaded);
  return diagnostics;
}

config::Diagnostics Configuration::read_scripts(Detectors& detectors) {
  config::Diagnostics diagnostics;
  const auto extensions = detectors.extensions();
  const auto agent = this->agent();
  std::vector<settings::KnownPlugin> known;
  std::set<std::string> names;
  std::vector<settings::Instance> instances;
  {
    std::lock_guard lock(mutex_);
    known = known_;
    instances = loaded_.instances;
    for (const auto& rule : loaded_.rules) names.insert(rule.name);
  }
  const settings::FindDetector find = [&](const std::string& id) { return settings::find_type(known, id); };
  const settings::Answerers answerers(instances, known, agent);
  const std::string seen = signature();
  std::vector<model::Rule> rules;
  std::map<std::string, ScriptRules> scripts;
  for (const auto& file : script_files(agent)) {
    const auto detector = extensions.find(extension_of(file));
    if (detector == extensions.end()) {
      diagnostics.push_back(error_in(file, "no detector reads " + extension_of(file) + " files"));
      continue;
    }
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    Script script{file, text.str(), detector->second, script_hash(file, text.str())};
    ScriptRules made{script.hash, {}};
    const auto before = scripts_.find(file);
    auto tables = detectors.load(script);
    if (tables) {
      made.tables = std::move(*tables);
    } else {
      const bool kept = before != scripts_.end();
      diagnostics.push_back(
          error_in(file, tables.error().message() + (kept ? " (this file keeps its last good content)" : "")));
      if (!kept) continue;
      made = before->second;
    }
    for (const auto& table : made.tables) {
      settings::RuleOrigin origin;
      origin.place.file = std::make_shared<const std::string>(file);
      origin.detector = script.detector;
      origin.script_file = file;
      origin.script = made.hash;
      auto rule = settings::rule_from_table(table, origin, find, diagnostics);
      if (!rule || !answerers.check(*rule, diagnostics)) continue;
      if (!names.insert(rule->name).second) {
        diagnostics.push_back(
            error_in(file, "rule \"" + rule->name + "\" is defined already; rules need different names"));
        continue;
      }
      rules.push_back(std::move(*rule));
    }
    scripts[file] = std::move(made);
  }
  std::lock_guard lock(mutex_);
  script_rules_ = std::move(rules);
  scripts_ = std::move(scripts);
  signature_ = seen;
  return diagnostics;
}

std::string Configuration::signature() const {
  std::string text;
  auto files = script_files(agent());
  {
    std::lock_guard lock(mutex_);
    files.insert(files.end(), loaded_.secret_files.begin(), loaded_.secret_files.end());
  }
  for (const auto& file : files) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) continue;
    text += file + ":" + std::to_string(info.st_ino) + ":" + std::to_string(info.st_size) + ":" +
            std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + ";";
  }
  return text;
}

bool Configuration::watched_files_changed() {
  const auto now = signature();
  std::lock_guard lock(mutex_);
  return now != signature_;
}

void Configuration::set_known(const std::vector<plugin_host::Found>& found) {
  auto known = known_plugins(found);
  std::lock_guard lock(mutex_);
  known_ = std::move(known);
  // Instances that were there by themselves are decided anew; those of sections stay.
  std::erase_if(loaded_.instances,
                [](const auto& instance) { return !instance.place.file && instance.section.is_null(); });
  for (auto& instance : settings::self_starting(known_, loaded_.instances))
    loaded_.instances.push_back(std::move(instance));
  loaded_.routing.channels.clear();
  for (const auto& instance : loaded_.instances) {
    if ((instance.kind != "notifier" && instance.kind != "tracker") || !instance.enabled) continue;
    if (const auto* type = settings::find_type(known_, instance.plugin)) {
      loaded_.routing.channels[instance.name] = settings::channel_of(instance, *type);
    }
  }
}

settings::Agent Configuration::agent() const {
  std::lock_guard lock(mutex_);
  return loaded_.agent;
}

model::Routing Configuration::routing() const {
  std::lock_guard lock(mutex_);
  return loaded_.routing;
}

std::optional<settings::AlertmanagerSource> Configuration::alertmanager() const {
  std::lock_guard lock(mutex_);
  return loaded_.alertmanager;
}

std::string Configuration::shown() const {
  std::lock_guard lock(mutex_);
  return loaded_.shown;
}

std::vector<model::Heartbeat> Configuration::heartbeats() const {
  std::lock_guard lock(mutex_);
  return loaded_.heartbeats;
}

std::optional<settings::Watchdog> Configuration::watchdog() const {
  std::lock_guard lock(mutex_);
  // Read again, because a file that holds a secret may have changed; where it is gone, what was read last stands.
  config::Diagnostics diagnostics;
  auto now = settings::read_watchdog(loaded_.watchdog_section, environment_, diagnostics);
  return config::has_errors(diagnostics) ? loaded_.watchdog : now;
}

settings::Statistics Configuration::statistics() const {
  std::lock_guard lock(mutex_);
  return loaded_.statistics;
}

std::string Configuration::answering(const std::string& plugin) const {
  std::lock_guard lock(mutex_);
  return settings::Answerers(loaded_.instances, known_, loaded_.agent).instance_of(plugin);
}

std::vector<std::string> Configuration::files() const {
  std::lock_guard lock(mutex_);
  return loaded_.files;
}

std::vector<model::SharedRule> Configuration::rules() const {
  std::lock_guard lock(mutex_);
  std::vector<model::SharedRule> all;
  for (const auto* list : {&loaded_.rules, &script_rules_}) {
    for (const auto& rule : *list) all.push_back(std::make_shared<const model::Rule>(rule));
  }
  return all;
}

std::vector<Wanted> Configuration::wanted() const {
  std::lock_guard lock(mutex_);
  std::vector<Wanted> all;
  for (const auto& instance : loaded_.instances) {
    if (!instance.enabled || instance.kind == "plugin") continue;
    if (instance.kind == "source" && instance.plugin == "alertmanager") continue;  // the agent's own
    Wanted wanted;
    wanted.kind = instance.kind;
    wanted.name = instance.name;
    wanted.plugin = instance.plugin;
    if (const auto* type = settings::find_type(known_, instance.plugin))
      wanted.every = settings::poll_every(instance, *type);
    wanted.timeout = settings::call_timeout(instance);
    wanted.fallback = instance.fallback;
    wanted.limits = instance.limits.value_or(model::usual_limits(instance.plugin));
    wanted.labels = instance.labels;
    wanted.labels.add_missing(loaded_.agent.labels);
    wanted.max_series = loaded_.agent.max_series;
    wanted.isolation = settings::isolation_of(instance, loaded_.instances);
    all.push_back(std::move(wanted));
  }
  return all;
}

base::Result<base::Value> Configuration::prepare(const Wanted& wanted, const model::PluginType& type) const {
  std::lock_guard lock(mutex_);
  for (const auto& instance : loaded_.instances) {
    if (instance.kind != wanted.kind || instance.name != wanted.name) continue;
    config::Diagnostics diagnostics;
    auto config = settings::check_instance(instance, type, loaded_.agent, environment_, diagnostics);
    // Again: its plugin may have come after the configuration was read.
    const auto index = static_cast<std::size_t>(&instance - loaded_.instances.data());
    if (auto fault = settings::route_fault(loaded_.instances, index, known_)) diagnostics.push_back(std::move(*fault));
    if (config::has_errors(diagnostics)) return base::fail(base::Fault::invalid, joined(diagnostics));
    return config;
  }
  return base::fail(base::Fault::not_found, "[" + wanted.full() + "] is no longer configured");
}

base::Value Configuration::section(const Wanted& wanted) const {
  std::lock_guard lock(mutex_);
  for (const auto& instance : loaded_.instances)
    if (instance.kind == wanted.kind && instance.name == wanted.name) return instance.section;
  return {};
}

base::Result<Detectors::Configured> Configuration::prepare_detector(const model::PluginType& type) const {
  std::lock_guard lock(mutex_);
  settings::Instance instance;
  instance.kind = "plugin";
  instance.name = instance.plugin = type.id;
  instance.section = instance.options = base::Value(base::Value::Table());
  for (const auto& each : loaded_.instances) {
    if (each.kind == "plugin" && each.plugin == type.id) instance = each;
  }
  config::Diagnostics diagnostics;
  auto config = settings::check_instance(instance, type, loaded_.agent, environment_, diagnostics);
  if (config::has_errors(diagnostics)) return base::fail(base::Fault::invalid, joined(diagnostics));
  return Detectors::Configured{std::move(config), instance.isolation};
}

}  // namespace tocsin::app
