#include "settings/load.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "settings/adapters.hpp"
#include "settings/intervals.hpp"
#include "settings/plugin_routes.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;

constexpr std::string_view embedded =
    R"(# What runs when no configuration file is given: the machine's own metrics every 15 s, pushes over HTTP on
# 127.0.0.1:7676, the shipped rules, an SQLite store. Nobody is told: there is no notifier and no [route] yet.
[rules]
pack = "default"

[source.host]
every = "15s"

[source.http]
)";

const std::vector<std::string>& top_level() {
  static const std::vector<std::string> names = {
      "agent", "http",          "storage", "rules",     "pack",     "delivery",      "trust",     "log",     "severity",
      "route", "contact",       "group",   "rotation",  "policy",   "source",        "notifier",  "tracker", "plugin",
      "rule",  "time_interval", "silence", "heartbeat", "watchdog", "inhibit_rules", "statistics"};
  return names;
}

/// The type of the one source that is no plugin.
const model::PluginType& alertmanager_type() {
  static const model::PluginType type = [] {
    model::PluginType made;
    made.id = "alertmanager";
    made.kinds = model::kind_source;
    made.routes = {{"POST", "/api/v2/alerts", "Alerts"}};
    return made;
  }();
  return type;
}

bool is_built_in(const Instance& instance) {
  return instance.kind == "source" && instance.plugin == alertmanager_type().id;
}

class Loader {
 public:
  Loader(const LoadRequest& request, std::map<std::string, std::string>& last_good, const std::set<std::string>& hold)
      : request_(request), last_good_(last_good), hold_(hold) {}

  Loaded run() {
    const Value root = tree();
    sections(root);
    out_.agent = read_agent(root, request_.environment, diagnostics());
    out_.instances = read_instances(root, request_.environment, diagnostics());
    for (Instance& instance : self_starting(request_.plugins, out_.instances))
      out_.instances.push_back(std::move(instance));
    for (Instance& instance : out_.instances) settle(instance);
    for (std::size_t i = 0; i < out_.instances.size(); ++i)
      if (auto fault = route_fault(out_.instances, i, request_.plugins)) diagnostics().push_back(std::move(*fault));
    out_.routing = read_routing(root, out_.agent, diagnostics(), request_.now);
    channels();
    check_routes(root, out_.routing, out_.instances, diagnostics());
    out_.heartbeats = read_heartbeats(root, diagnostics());
    out_.watchdog = read_watchdog(root, request_.environment, diagnostics());
    if (const Value* section = root.find("watchdog")) out_.watchdog_section.set("watchdog", *section);
    fallbacks();
    rules(root);
    nobody_told(root);
    files_of_secrets(root);
    in_order();
    return std::move(out_);
  }

 private:
  Diagnostics& diagnostics() { return out_.diagnostics; }

  Value tree() {
    if (request_.read_tree) {
      ForeignTree foreign = request_.read_tree();
      config::Tree& tree = foreign.tree;
      out_.shown = std::move(foreign.shown);
      std::ranges::move(tree.diagnostics, std::back_inserter(diagnostics()));
      out_.files = std::move(tree.files);
      return std::move(tree.root);
    }
    if (request_.main_file.empty()) {
      auto root = config::parse_toml(embedded, "embedded default", request_.environment, diagnostics());
      return root ? std::move(*root) : Value(Value::Table());
    }
    config::Tree tree = config::read_tree(request_.main_file, request_.environment, last_good_, hold_);
    std::ranges::move(tree.diagnostics, std::back_inserter(diagnostics()));
    out_.files = std::move(tree.files);
    if (!tree.root.place.file) tree.root.place.file = std::make_shared<const std::string>(request_.main_file);
    return std::move(tree.root);
  }

  /// People read a file from its top: findings in the order of the files and of their lines.
  void in_order() {
    const auto key = [this](const config::Diagnostic& d) {
      const auto file = d.place.file ? std::ranges::find(out_.files, *d.place.file) : out_.files.end();
      return std::tuple(file - out_.files.begin(), d.place.line, d.place.column);
    };
    std::ranges::stable_sort(diagnostics(), {}, key);
  }

  void sections(const Value& root) {
    for (const Value::Member& member : *root.table()) {
      if (std::ranges::find(top_level(), member.key) != top_level().end()) continue;
      error_at(diagnostics(), member.key_place,
               "unknown section [" + member.key + "]" + config::did_you_mean(member.key, top_level()));
    }
  }

  /// Checks an instance's options, or says that it waits for its plugin.
  void settle(Instance& instance) {
    if (is_built_in(instance)) return serve_alertmanager(instance);
    const model::PluginType* type = find_type(request_.plugins, instance.plugin);
    if (type) {
      unprotected(instance, *type);
      instance.config = check_instance(instance, *type, out_.agent, request_.environment, diagnostics());
      return;
    }
    instance.waiting = true;
    if (!instance.place.file || !instance.enabled) return;
    const std::string where = "[" + instance.full_name() + "]";
    std::vector<std::string> ids;
    for (const KnownPlugin& plugin : request_.plugins) ids.push_back(plugin.type.id);
    warn_at(diagnostics(), place_of(instance.section, "plugin"),
            where + " no plugin \"" + instance.plugin +
                "\" in the plugin directories: the section waits until it is there" +
                config::did_you_mean(instance.plugin, ids));
  }

  void serve_alertmanager(Instance& instance) {
    unprotected(instance, alertmanager_type());
    instance.config = check_instance(instance, alertmanager_type(), out_.agent, request_.environment, diagnostics());
    if (!instance.enabled) return;
    if (out_.alertmanager) {
      return error_at(diagnostics(), instance.place,
                      "[" + instance.full_name() + "] Alertmanager's API is served once; another section enables it");
    }
    out_.alertmanager = AlertmanagerSource{instance.labels};
  }

  /// Whoever asks for a password must not believe that one is asked for.
  void unprotected(const Instance& instance, const model::PluginType& type) {
    if (instance.auth.is_null() || !instance.enabled) return;
    const std::string where = "[" + instance.full_name() + "] auth: ";
    if (type.routes.empty()) {
      return warn_at(diagnostics(), instance.auth.place,
                     where + "the plugin serves no requests, so nothing asks for it");
    }
    error_at(
        diagnostics(), instance.auth.place,
        where +
            "is not enforced in this version; take it out, and listen on loopback or give [http] tls with client_ca");
  }

  void channels() {
    std::map<std::string, const Instance*> named;
    for (const Instance& instance : out_.instances) {
      if ((instance.kind != "notifier" && instance.kind != "tracker") || !instance.enabled) continue;
      const auto [there, fresh] = named.emplace(instance.name, &instance);
      if (!fresh) {
        error_at(diagnostics(), instance.place,
                 "[" + instance.full_name() + "] has the name of [" + there->second->full_name() +
                     "]; notifiers and trackers need different names");
      }
      const model::PluginType* type = find_type(request_.plugins, instance.plugin);
      if (type && fresh) out_.routing.channels[instance.name] = channel_of(instance, *type);
    }
  }

  /// Who takes over is told to the same address.
  void fallbacks() {
    for (const Instance& instance : out_.instances) {
      const auto mine = out_.routing.channels.find(instance.name);
      const auto other = out_.routing.channels.find(instance.fallback);
      if (instance.fallback.empty() || mine == out_.routing.channels.end() || other == out_.routing.channels.end())
        continue;
      if (other->second.no_recipient || mine->second.address_field == other->second.address_field) continue;
      error_at(diagnostics(), instance.place,
               "[" + instance.full_name() + "] fallback: \"" + instance.fallback + "\" (" + other->second.plugin +
                   ") wants another address of its recipients than " + mine->second.plugin +
                   "; name one of the same kind, or one without recipients");
    }
  }

  void rules(const Value& root) {
    const FindDetector find = [this](const std::string& id) { return find_type(request_.plugins, id); };
    const Emitters emitters(out_.instances, request_.plugins, out_.agent);
    const Answerers answerers(out_.instances, request_.plugins, out_.agent);
    const RuleSources sources{out_.agent, root,      request_.environment,         find,
                              emitters,   answerers, out_.routing.root.has_value()};
    out_.statistics = read_statistics(root, answerers, diagnostics());
    RuleSet set = read_rules(sources, last_good_, diagnostics());
    out_.rules = std::move(set.rules);
    out_.scripts = std::move(set.scripts);
    std::ranges::move(set.files, std::back_inserter(out_.files));
  }

  /// Rules of one's own without a route: a reader of the configuration expects that somebody is told.
  void nobody_told(const Value& root) {
    const Value* rules = root.find("rule");
    if (out_.routing.root || !rules || request_.main_file.empty()) return;
    warn_at(diagnostics(), rules->array() && !rules->array()->empty() ? rules->array()->front().place : rules->place,
            "no route catches the rules: there is no [route], so incidents are kept and nobody is told");
  }

  void files_of_secrets(const Value& root) {
    std::set<std::string> files;
    const auto collect = [&](const Value& table, std::span<const base::Option> options) {
      for (std::string& file : config::secret_files(table, options)) files.insert(std::move(file));
    };
    if (const Value* storage = root.find("storage")) collect(*storage, storage_options());
    if (const Value* watchdog = root.find("watchdog")) collect(*watchdog, watchdog_options());
    for (const Instance& instance : out_.instances) {
      const model::PluginType* type = find_type(request_.plugins, instance.plugin);
      collect(instance.section, type ? std::span<const base::Option>(type->options) : std::span<const base::Option>());
      if (auto script = type ? adapter_file(instance, *type) : ""; !script.empty()) files.insert(std::move(script));
    }
    for (std::string& file : date_files(root)) files.insert(std::move(file));
    out_.secret_files.assign(files.begin(), files.end());
  }

  const LoadRequest& request_;
  std::map<std::string, std::string>& last_good_;
  const std::set<std::string>& hold_;
  Loaded out_;
};

/// conf.d files with errors of meaning, which an older text of theirs may be without.
std::set<std::string> to_hold(const Loaded& loaded, const LoadRequest& request,
                              const std::map<std::string, std::string>& last_good) {
  std::set<std::string> files;
  for (const config::Diagnostic& d : loaded.diagnostics) {
    if (d.level != config::Diagnostic::Level::error || !d.place.file) continue;
    if (*d.place.file == request.main_file || !last_good.contains(*d.place.file))
      return {};  // holding back helps nothing
    files.insert(*d.place.file);
  }
  return files;
}

}  // namespace

Loaded load(const LoadRequest& request, std::map<std::string, std::string>& last_good) {
  std::map<std::string, std::string> texts = last_good;
  Loaded loaded = Loader(request, texts, {}).run();
  if (!loaded.usable()) {
    const std::set<std::string> hold = to_hold(loaded, request, last_good);
    texts = last_good;
    Loaded again = hold.empty() ? Loaded() : Loader(request, texts, hold).run();
    if (hold.empty() || !again.usable()) return loaded;
    for (config::Diagnostic& d : loaded.diagnostics) {
      if (d.level != config::Diagnostic::Level::error) continue;
      d.level = config::Diagnostic::Level::warning;
      d.message += " (this file keeps its last good content)";
      again.diagnostics.push_back(std::move(d));
    }
    loaded = std::move(again);
  }
  last_good = std::move(texts);
  return loaded;
}

Agent load_agent(const std::string& main_file, const config::Environment& environment, Diagnostics& diagnostics,
                 const ReadTree& read_tree) {
  Value root{Value::Table()};
  if (read_tree) {
    config::Tree tree = read_tree().tree;
    std::ranges::move(tree.diagnostics, std::back_inserter(diagnostics));
    root = std::move(tree.root);
  } else if (!main_file.empty()) {
    std::map<std::string, std::string> texts;
    config::Tree tree = config::read_tree(main_file, environment, texts);
    std::ranges::move(tree.diagnostics, std::back_inserter(diagnostics));
    root = std::move(tree.root);
  }
  return read_agent(root, environment, diagnostics);
}

std::string_view embedded_default() {
  return embedded;
}

}  // namespace tocsin::settings
