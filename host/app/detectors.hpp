// Detector plugins for the shards: one instance per shard, made when a rule first asks for it, so that no judgement
// ever takes a lock; and the scripts (Lua rules) each instance has loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/adapters.hpp"
#include "app/crash_book.hpp"
#include "base/result.hpp"
#include "detection/evaluator.hpp"
#include "model/plugin.hpp"
#include "plugin_host/directory.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::app {

/// A script file as it was read; its rules carry `hash` as Rule::script.
struct Script {
  std::string file, text, detector;
  std::uint64_t hash = 0;
};

class Detectors {
 public:
  /// Options of a detector: validated, defaults filled in ([plugin.lua], or nothing).
  using Configure = std::function<base::Result<base::Value>(const model::PluginType&)>;

  /// `crashes` may be null.
  Detectors(plugin_host::Port& port, std::string data_dir, std::uint32_t shards, Configure configure,
            const CrashBook* crashes = nullptr);
  ~Detectors();

  /// What lies in the plugin directories now. Instances of a type that was exchanged or removed are made anew at the
  /// next compile; the caller sets the rules again. Returns whether a detector in use changed.
  bool set_found(const std::vector<plugin_host::Found>& found);
  /// Detector ids by the extension of script files they read.
  std::map<std::string, std::string> extensions() const;
  /// The rule tables of a script, read by an instance of its own; the script is known to the shards from then on.
  base::Result<std::vector<base::Value>> load(const Script& script);
  /// Whether a rule compiles, for `tocsin check`.
  base::Result<void> try_compile(const model::Rule& rule);
  /// For pipeline::Parts; each function is called on the thread that owns the shard.
  detection::FindEvaluator for_shard(std::uint32_t shard);
  /// A line each for `tocsin plugin list`.
  std::vector<model::PluginStatus> status() const;
  void stop();

 private:
  struct Site {  // one (detector, shard); shard == shards_ is the one that reads scripts for load()
    std::shared_ptr<plugin_host::Instance> instance;
    std::unique_ptr<DetectorAdapter> adapter;
    std::uint64_t identity = 0;
    std::map<std::pair<std::uint64_t, std::string>, void*> scripts;  ///< by (hash, rule)
  };
  /// Whether its instances must not run in the agent's own process.
  bool must_isolate(const std::string& detector, const plugin_host::Found& file) const;
  base::Result<Site*> site(const std::string& detector, std::uint32_t shard);
  base::Result<std::vector<plugin_host::Instance::LoadedRule>> read(Site& site, const Script& script);
  void* script_of(Site& site, const model::Rule& rule);

  plugin_host::Port& port_;
  const std::string data_dir_;
  const std::uint32_t shards_;
  Configure configure_;
  const CrashBook* const crashes_;
  mutable std::mutex mutex_;
  std::map<std::string, plugin_host::Found> found_;  ///< detectors by id
  std::map<std::pair<std::string, std::uint32_t>, std::unique_ptr<Site>> sites_;
  std::vector<std::unique_ptr<Site>> retired_;  ///< kept: programs of running rules may still point into them
  std::map<std::uint64_t, Script> scripts_;
};

std::uint64_t script_hash(const std::string& file, const std::string& text);

}  // namespace tocsin::app
