// Rules as people write them: [[rule]] tables of agent.toml, of rule files, of scripts and of the shipped pack.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/plugin.hpp"
#include "model/rule.hpp"
#include "settings/agent.hpp"
#include "settings/instances.hpp"

namespace tocsin::settings {

/// The host's keys of a rule; the detector's own are its type's rule_options.
std::span<const base::Option> rule_options();

/// The detector type of an id; null while no plugin offers it.
using FindDetector = std::function<const model::PluginType*(const std::string& id)>;

/// Where a rule that no file holds as TOML comes from.
struct RuleOrigin {
  base::Place place;                   ///< stands in where the table's values know no place
  std::string detector = "threshold";  ///< unless the table names one
  std::string script_file;             ///< of a script's rule
  std::uint64_t script = 0;
};

/// A typed rule from a table in the form of [[rule]], or nothing: then the diagnostics say why, or the rule is not for
/// this version (a warning), or it is switched off. The rule's `table` keeps the host's keys as they were written; the
/// detector's own keys are checked against its rule_options (durations and sizes as integers, defaults filled in).
std::optional<model::Rule> rule_from_table(const base::Value& table, const RuleOrigin& origin, const FindDetector& find,
                                           config::Diagnostics& diagnostics);

/// Signals that the configured sources emit, as far as they declare or configure them.
class Emitters {
 public:
  Emitters(const std::vector<Instance>& instances, std::span<const KnownPlugin> known, const Agent& agent);
  /// Whether a source is configured that says it emits the signal.
  bool emits(const model::Selector& selector) const;
  /// The default category of a rule on that signal.
  model::Category category(const std::string& signal) const;
  /// Warns of a rule on a signal that no source emits, and of a `by` label that the signal lacks.
  void check(const model::Rule& rule, config::Diagnostics& diagnostics) const;

 private:
  struct Signal {
    std::string name;  ///< may end in `*`
    std::string plugin;
    std::vector<std::string> labels;
    bool any_label = false;
  };
  void add(const Instance& instance, const model::PluginType* type);
  std::vector<const Signal*> matching(const std::string& name) const;
  std::vector<std::string> names() const;

  std::vector<Signal> signals_;
  std::vector<std::string> common_;  ///< labels that every signal has
  bool anything_ = false;            ///< a source takes whatever is pushed
};

/// Whom rules can ask: the configured sources that answer questions, and the agent's own store.
class Answerers {
 public:
  static constexpr const char* store = "store";  ///< source of that name: SQL on the agent's own PostgreSQL
  Answerers(const std::vector<Instance>& instances, std::span<const KnownPlugin> known, const Agent& agent);
  /// The first configured source of a plugin, in the order of the file; empty: none. "store": itself, on PostgreSQL.
  std::string instance_of(std::string_view plugin) const;
  /// The plugin of a configured source; empty: there is none of that name.
  std::string plugin_of(const std::string& source) const;
  /// Checks the rule's question by what its source declares, and fills defaults in. False: an error was found.
  bool check(model::Rule& rule, config::Diagnostics& diagnostics) const;
  /// The same of a question to a source; `place` is where that is named, `where` what messages call the question.
  bool check(const std::string& source, base::Value& question, const base::Place& place, const std::string& where,
             config::Diagnostics& diagnostics) const;
  /// The same of a question by itself. The type may be null: the source's plugin is not there yet.
  static base::Value checked(const base::Value& question, const model::PluginType& type, const std::string& where,
                             config::Diagnostics& diagnostics);

 private:
  struct Source {
    std::string name, plugin;
    const model::PluginType* type = nullptr;
  };
  const Source* find(const std::string& source) const;
  std::vector<Source> sources_;
  bool postgres_ = false;
};

struct RuleSet {
  std::vector<model::Rule> rules;
  std::vector<std::string> files;    ///< rule files that were read
  std::vector<std::string> scripts;  ///< files of [rules] paths that are not TOML: for detectors
};

struct RuleSources {
  const Agent& agent;
  const base::Value& root;
  const config::Environment& environment;
  const FindDetector& find;
  const Emitters& emitters;
  const Answerers& answerers;
  bool routed = false;  ///< there is a [route]
};
/// All rules: those of the tree, of the files, of the pack. A bad rule file keeps its last good content. A rule of the
/// user's replaces the shipped one of its name; other doubled names are errors that name both places.
RuleSet read_rules(const RuleSources& sources, std::map<std::string, std::string>& last_good,
                   config::Diagnostics& diagnostics);

/// The shipped pack as TOML text.
std::string_view default_pack();
/// Those of its rules that ask a source, for where that is configured.
std::string_view asked_pack();
/// Files that a glob names, sorted.
std::vector<std::string> files_of(const std::string& glob);

}  // namespace tocsin::settings
