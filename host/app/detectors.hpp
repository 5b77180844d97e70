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
#include "app/instance_factory.hpp"
#include "app/ledger.hpp"
#include "base/result.hpp"
#include "detection/evaluator.hpp"
#include "detection/shard.hpp"
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
  struct Configured {
    base::Value options;
    settings::Isolation isolation;
  };
  using Configure = std::function<base::Result<Configured>(const model::PluginType&)>;

  /// `crashes` may be null.
  Detectors(InstanceFactory& factory, std::string data_dir, std::uint32_t shards, Configure configure,
            const CrashBook* crashes = nullptr);
  ~Detectors();

  /// Beside the shards: who judges the answers of rules that ask.
  static constexpr std::uint32_t answers = 0xffffffff;
  using OnShard = std::function<void(std::uint32_t index, detection::Exchangeable& judge)>;
  struct Running {
    std::vector<model::SharedRule> rules;
    /// Runs on each shard's thread, and for `answers`; returns when all are done.
    std::function<void(const OnShard&)> each_shard;
  };
  struct Changed {
    bool rules = false;  ///< detectors came, went or were exchanged: scripts and rules are to be set again
    std::vector<std::string> lines;
  };
  /// What lies in the plugin directories now. A detector in use whose file was replaced is exchanged on every shard,
  /// with all its rules, or kept with all of them if one does not compile, and the status says why. One call at a time.
  Changed set_found(const std::vector<plugin_host::Found>& found, const Running& running);
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
  using Sites = std::map<std::uint32_t, std::unique_ptr<Site>>;  ///< of one detector, by shard
  /// How a detector fared over its instances.
  struct Record {
    std::shared_ptr<Ledger> ledger = std::make_shared<Ledger>();
    std::uint64_t refused_identity = 0;  ///< a file that could not take over is not tried again
    std::string error;
  };
  base::Result<std::unique_ptr<Site>> make_site(const std::string& detector, const plugin_host::Found& file);
  /// A detector in use of which another file, or none, is in the directories now.
  struct Differs {
    std::string detector;
    bool there = false;
  };
  std::vector<Differs> differing(const std::map<std::string, plugin_host::Found>& now) const;
  void remove(const std::string& detector);
  Record& record_of(const std::string& detector);
  base::Result<void> exchange(const std::string& detector, const plugin_host::Found& file, const Running& running);
  base::Result<Sites> successors(const std::string& detector, const plugin_host::Found& file);
  base::Result<void> try_rules(const std::string& detector, Site& reader, const Running& running);
  base::Result<void> switch_shards(const std::string& detector, Sites& fresh, const Running& running);
  base::Result<Site*> site(const std::string& detector, std::uint32_t shard);
  base::Result<std::vector<plugin_host::Instance::LoadedRule>> read(Site& site, const Script& script);
  void* script_of(Site& site, const model::Rule& rule);

  InstanceFactory& factory_;
  const std::string data_dir_;
  const std::uint32_t shards_;
  Configure configure_;
  const CrashBook* const crashes_;
  mutable std::mutex mutex_;
  std::map<std::string, plugin_host::Found> found_;  ///< detectors by id
  std::map<std::pair<std::string, std::uint32_t>, std::unique_ptr<Site>> sites_;
  std::vector<std::unique_ptr<Site>> retired_;  ///< removed: programs of rules may point into them until rules are set
  std::map<std::string, Record> records_;       ///< by detector
  std::map<std::uint64_t, Script> scripts_;
};

/// Whether a rule compiles there; what it would read goes nowhere.
base::Result<void> trial_compile(detection::Evaluator& evaluator, const model::Rule& rule);

std::uint64_t script_hash(const std::string& file, const std::string& text);

}  // namespace tocsin::app
