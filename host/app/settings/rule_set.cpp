// All rules of an agent: its own, those of its rule files, the shipped pack.
#include <glob.h>

#include <algorithm>
#include <filesystem>

#include "config/schema.hpp"
#include "settings/rules.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;
using model::Rule;

const std::vector<base::Option> file_options = {{.key = "rule", .type = base::OptionType::array, .doc = "Rules."}};

class Collector {
 public:
  Collector(const RuleSources& sources, std::map<std::string, std::string>& last_good, Diagnostics& diagnostics)
      : sources_(sources), last_good_(last_good), diagnostics_(diagnostics) {}

  RuleSet run() {
    take(rules_of(sources_.root, diagnostics_));
    for (const std::string& glob : sources_.agent.rules.paths) files(glob);
    for (Rule& rule : out_.rules) own(rule);
    if (sources_.agent.rules.pack == "default") pack();
    return std::move(out_);
  }

 private:
  std::vector<Rule> rules_of(const Value& root, Diagnostics& diagnostics) {
    std::vector<Rule> rules;
    const Value* tables = root.find("rule");
    if (!tables) return rules;
    if (!tables->array()) {
      error_at(diagnostics, tables->place, "rule: rules are written as [[rule]], with two brackets");
      return rules;
    }
    for (const Value& table : *tables->array()) {
      auto rule = rule_from_table(table, {}, sources_.find, diagnostics);
      if (rule && sources_.answerers.check(*rule, diagnostics)) rules.push_back(std::move(*rule));
    }
    return rules;
  }

  void take(std::vector<Rule> rules) {
    for (Rule& rule : rules) {
      const auto [there, fresh] = places_.emplace(rule.name, rule.place);
      if (fresh) {
        out_.rules.push_back(std::move(rule));
      } else {
        error_at(diagnostics_, place_of(rule.table, "name"),
                 "[[rule]] \"" + rule.name + "\" is the name of the rule at " + there->second.text() +
                     " already; names tell rules apart");
      }
    }
  }

  void files(const std::string& glob) {
    for (const std::string& file : files_of(glob)) {
      if (std::ranges::find(out_.files, file) != out_.files.end() ||
          std::ranges::find(out_.scripts, file) != out_.scripts.end())
        continue;
      if (std::filesystem::path(file).extension() == ".toml")
        this->file(file);
      else
        out_.scripts.push_back(file);
    }
  }

  void file(const std::string& file) {
    out_.files.push_back(file);
    Diagnostics found;
    auto text = config::read_text(file);
    std::vector<Rule> rules;
    if (text)
      rules = parsed(*text, file, found);
    else
      error_at(found, {std::make_shared<const std::string>(file), 0, 0}, text.error().message());
    if (!config::has_errors(found)) {
      last_good_[file] = std::move(*text);
    } else if (auto kept = last_good_.find(file); kept != last_good_.end()) {
      Diagnostics unimportant;
      rules = parsed(kept->second, file, unimportant);
      for (config::Diagnostic& d : found) {
        if (d.level == config::Diagnostic::Level::error) d.message += " (this file keeps its last good content)";
        d.level = config::Diagnostic::Level::warning;
      }
    }
    std::ranges::move(found, std::back_inserter(diagnostics_));
    take(std::move(rules));
  }

  std::vector<Rule> parsed(const std::string& text, const std::string& file, Diagnostics& diagnostics) {
    auto root = config::parse_toml(text, file, sources_.environment, diagnostics);
    if (!root) return {};
    config::validate(*root, file_options, "a rule file", diagnostics);
    return rules_of(*root, diagnostics);
  }

  void own(Rule& rule) {
    if (rule.category == model::Category::none) rule.category = sources_.emitters.category(rule.signal.name());
    sources_.emitters.check(rule, diagnostics_);
  }

  // ---- the shipped pack

  void pack() {
    const Pack& pack = sources_.agent.pack;
    Diagnostics ours;
    auto root = config::parse_toml(default_pack(), "pack default", config::Environment(), ours);
    std::vector<std::string> names;
    ask_where_possible(root, ours);
    if (root) {
      for (Value& table : *root->find("rule")->array()) {
        names.push_back(text_of(table, "name"));
        if (pack.mode != "off") shipped(table, ours);
      }
    }
    std::ranges::move(ours, std::back_inserter(diagnostics_));
    known_names(names);
  }

  /// A rule that asks takes the place of its twin where what it asks is configured.
  void ask_where_possible(base::Result<Value>& root, Diagnostics& ours) const {
    auto asked = config::parse_toml(asked_pack(), "pack default", config::Environment(), ours);
    if (!root || !asked) return;
    for (Value& table : *asked->find("rule")->array()) {
      Value* query = table.find("query");
      const std::string source = sources_.answerers.instance_of(text_of(*query, "source"));
      if (source.empty()) continue;
      query->set("source", source);
      for (Value& twin : *root->find("rule")->array()) {
        if (text_of(twin, "name") == text_of(table, "name")) twin = std::move(table);
      }
    }
  }

  void shipped(Value& table, Diagnostics& ours) {
    const Pack& pack = sources_.agent.pack;
    const std::string name = text_of(table, "name");
    const Value* changes = pack.overrides.find(name);
    const bool off = std::ranges::find(pack.disable, name) != pack.disable.end();
    if (off || places_.contains(name)) return;  // a rule of the user's own takes the name over
    Diagnostics& diagnostics = changes ? diagnostics_ : ours;
    if (changes) override_with(table, *changes);
    auto rule = rule_from_table(table, {}, sources_.find, diagnostics);
    if (!rule || !sources_.answerers.check(*rule, diagnostics)) return;
    // A rule about missing signals speaks up only where somebody is there to send them.
    const bool forced = changes && changes->find("enabled");
    const bool of_silence = text_of(rule->table, "op") == "ABSENT" || name == "zero_signals_ingested";
    const model::Selector awaited = rule->query_source.empty() ? rule->signal : *model::Selector::parse("etl.run");
    if (of_silence && !forced && !sources_.emitters.emits(awaited)) return;
    if (rule->category == model::Category::none) rule->category = sources_.emitters.category(rule->signal.name());
    rule->pack = "default";
    rule->shadow = pack.mode == "shadow" || !sources_.routed;
    out_.rules.push_back(std::move(*rule));
  }

  void override_with(Value& table, const Value& changes) {
    table.place = changes.place;
    for (const Value::Member& member : *changes.table()) {
      if (member.key == "name") {
        error_at(diagnostics_, member.key_place,
                 "[pack.default.rule." + text_of(table, "name") + "] name: a shipped rule keeps its name");
        continue;
      }
      table.erase(member.key);
      table.table()->push_back(member);
    }
  }

  void known_names(const std::vector<std::string>& names) {
    const Pack& pack = sources_.agent.pack;
    const auto known = [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); };
    const auto complain = [&](const base::Place& place, const std::string& where, const std::string& name) {
      error_at(diagnostics_, place,
               where + ": no shipped rule is called \"" + name + "\"" + config::did_you_mean(name, names));
    };
    if (const Value* disable = pack.table.find("disable")) {
      for (const Value& item : *disable->array()) {
        if (!known(*item.string())) complain(item.place, "[pack.default] disable", *item.string());
      }
    }
    if (!pack.overrides.table()) return;
    for (const Value::Member& member : *pack.overrides.table()) {
      if (!known(member.key)) complain(member.key_place, "[pack.default.rule]", member.key);
    }
  }

  const RuleSources& sources_;
  std::map<std::string, std::string>& last_good_;
  Diagnostics& diagnostics_;
  RuleSet out_;
  std::map<std::string, base::Place> places_;
};

}  // namespace

RuleSet read_rules(const RuleSources& sources, std::map<std::string, std::string>& last_good,
                   Diagnostics& diagnostics) {
  return Collector(sources, last_good, diagnostics).run();
}

std::vector<std::string> files_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> out;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return out;
}

}  // namespace tocsin::settings
