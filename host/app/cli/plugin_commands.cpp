// tocsin plugin …: what lies in the plugin directories, asked without running any of its code; and new plugins.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"
#include "app/cli/plugin_check.hpp"
#include "app/configuration.hpp"
#include "base/text.hpp"
#include "config/schema.hpp"
#include "plugin_host/descriptor.hpp"
#include "plugin_host/directory.hpp"
#include "runtime/executor.hpp"
#include "settings/load.hpp"
#include "tocsin/templates.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string kinds_of(std::uint32_t kinds) {
  std::string text;
  for (const auto& [bit, name] : {std::pair<std::uint32_t, const char*>{model::kind_source, "source"},
                                  {model::kind_detector, "detector"},
                                  {model::kind_notifier, "notifier"},
                                  {model::kind_tracker, "tracker"}}) {
    if (kinds & bit) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text;
}

json option_json(const base::Option& option) {
  json out{{"key", option.key},       {"type", config::type_name(option.type)}, {"required", option.required},
           {"secret", option.secret}, {"reloadable", option.reloadable},        {"default", option.fallback},
           {"doc", option.doc}};
  if (!option.min.empty()) out["min"] = option.min;
  if (!option.max.empty()) out["max"] = option.max;
  if (!option.choices.empty()) out["choices"] = option.choices;
  return out;
}

json type_json(const model::PluginType& type) {
  json out{{"id", type.id},
           {"version", type.version},
           {"kind", kinds_of(type.kinds)},
           {"doc", type.doc},
           {"needs", type.needs},
           {"options", json::array()},
           {"rule_options", json::array()},
           {"signals", json::array()},
           {"routes", json::array()},
           {"query_options", json::array()}};
  for (const auto& option : type.options) out["options"].push_back(option_json(option));
  for (const auto& option : type.rule_options) out["rule_options"].push_back(option_json(option));
  for (const auto& option : type.query_options) out["query_options"].push_back(option_json(option));
  for (const auto& signal : type.signals)
    out["signals"].push_back(
        {{"name", signal.name}, {"unit", signal.unit}, {"labels", signal.labels}, {"doc", signal.doc}});
  for (const auto& route : type.routes)
    out["routes"].push_back({{"method", route.method}, {"path", route.path}, {"doc", route.doc}});
  return out;
}

void print_type(const model::PluginType& type) {
  std::cout << type.id << " " << type.version << " (" << kinds_of(type.kinds) << ")\n" << type.doc << "\n";
  if (!type.needs.empty()) {
    std::cout << "\nneeds:";
    for (const auto& need : type.needs) std::cout << " " << need;
    std::cout << "\n";
  }
  if (!type.options.empty()) std::cout << "\n## Options\n\n" << config::reference(type.options);
  if (!type.rule_options.empty()) std::cout << "\n## Keys of a rule\n\n" << config::reference(type.rule_options);
  if (!type.query_options.empty())
    std::cout << "\n## Keys of a rule's query\n\n" << config::reference(type.query_options);
  if (!type.signals.empty()) {
    std::cout << "\n## Signals\n\n| signal | unit | labels | what |\n| --- | --- | --- | --- |\n";
    for (const auto& signal : type.signals) {
      std::cout << "| `" << signal.name << "` | " << signal.unit << " | " << signal.labels << " | " << signal.doc
                << " |\n";
    }
  }
  if (!type.routes.empty()) {
    std::cout << "\n## Routes\n\n";
    for (const auto& route : type.routes)
      std::cout << "- `" << route.method << " " << route.path << "`: " << route.doc << "\n";
  }
  const bool detector = type.kinds == model::kind_detector;
  if (!detector)
    std::cout << "\n## Sample\n\n```toml\n"
              << config::sample(kinds_of(type.kinds) + "." + type.id, type.options) << "```\n";
}

/// What lies in the directories of a configuration, or of the default.
std::vector<plugin_host::Found> scan(const std::string& config_file) {
  config::Diagnostics diagnostics;
  const auto agent = settings::load_agent(config_file, config::process_environment(), diagnostics);
  runtime::Reactor reactor("reactor");
  plugin_host::Directory directory(agent.plugin_dirs, reactor, trust_policy(agent));
  return directory.scan();
}

/// Of each type of that id and kind, or of every kind: a source and a notifier may have one id.
void print_doc(Console& console, const std::string& id, const std::string& kind, const std::string& config_file) {
  std::vector<std::string> ids;
  bool any = false;
  for (const auto& file : scan(config_file)) {
    for (const auto& type : file.descriptor.types) {
      ids.push_back(type.id);
      if (type.id != id || !(kind.empty() || kinds_of(type.kinds).find(kind) != std::string::npos)) continue;
      if (console.json) {
        std::cout << type_json(type).dump(2) << '\n';
      } else {
        if (any) std::cout << '\n';
        print_type(type);
      }
      any = true;
    }
  }
  if (any) return;
  const auto near = base::nearest(id, ids);
  end_with(exit_no, "there is no " + (kind.empty() ? std::string("plugin") : kind) + " \"" + id +
                        "\" in the plugin directories" +
                        (near.empty() || near == id ? "" : "; did you mean \"" + near + "\"?"));
}

void list_offline(Console& console, const std::string& config_file) {
  json items = json::array();
  for (const auto& file : scan(config_file)) {
    if (!file.error.empty())
      items.push_back(
          {{"id", ""}, {"version", ""}, {"kind", ""}, {"state", "failed"}, {"path", file.path}, {"error", file.error}});
    for (const auto& type : file.descriptor.types) {
      items.push_back({{"id", type.id},
                       {"version", type.version},
                       {"kind", kinds_of(type.kinds)},
                       {"state", "available"},
                       {"path", file.path},
                       {"error", file.warning.empty() ? "" : "warning: " + file.warning}});
    }
  }
  if (console.json) {
    std::cout << items.dump(2) << '\n';
    return;
  }
  std::vector<std::vector<std::string>> rows{{"ID", "VERSION", "KIND", "STATE", "PATH", "ERROR"}};
  for (const auto& item : items)
    rows.push_back({cell(item, "id"), cell(item, "version"), cell(item, "kind"), cell(item, "state"),
                    cell(item, "path"), cell(item, "error")});
  print_table(rows);
}

std::string seconds_cell(const json& item, const char* key) {
  const double seconds = item.value(key, 0.0);
  if (seconds == 0) return "-";
  char text[32];
  const bool short_one = seconds < 1e-3, middle = seconds < 1;
  std::snprintf(text, sizeof text, "%.3g%s",
                seconds * (short_one ? 1e6
                           : middle  ? 1e3
                                     : 1),
                short_one ? "us"
                : middle  ? "ms"
                          : "s");
  return text;
}

std::string bytes_cell(const json& item) {
  const double bytes = item.value("memory_bytes", 0.0);
  if (bytes == 0) return "-";
  char text[32];
  if (bytes < 1024 * 1024)
    std::snprintf(text, sizeof text, "%.0fK", bytes / 1024);
  else
    std::snprintf(text, sizeof text, "%.1fM", bytes / 1024 / 1024);
  return text;
}

/// One row; `wide` adds what is rarely looked at.
std::vector<std::string> running_row(const json& item, bool wide) {
  std::vector<std::string> row;
  for (const char* key : {"instance", "id", "version", "kind", "state", "signals", "calls", "errors"})
    row.push_back(cell(item, key));
  row.push_back(seconds_cell(item, "cpu_seconds"));
  row.push_back(bytes_cell(item));
  row.push_back(cell(item, "queue_depth"));
  row.push_back(cell(item, "dropped"));
  row.push_back(seconds_cell(item, "p99_seconds"));
  if (wide) {
    row.push_back(seconds_cell(item, "mean_seconds"));
    for (const char* key :
         {"rejected", "refused", "overruns", "upgrades", "upgrades_failed", "pid", "restarts", "path"})
      row.push_back(cell(item, key));
  }
  row.push_back(cell(item, "error"));
  return row;
}

void list_running(Console& console, bool wide) {
  const auto items = console.get_all("/api/v1/plugins", 1000);
  if (console.json) {
    std::cout << items.dump(2) << '\n';
    return;
  }
  std::vector<std::string> head{"INSTANCE", "ID",  "VERSION", "KIND",  "STATE", "SIGNALS", "CALLS",
                                "ERRORS",   "CPU", "MEMORY",  "QUEUE", "DROPS", "P99"};
  if (wide) {
    for (const char* name :
         {"MEAN", "REJECTED", "REFUSED", "OVERRUNS", "UPGRADES", "KEPT", "RUNNER", "RESTARTS", "PATH"})
      head.emplace_back(name);
  }
  head.emplace_back("ERROR");
  std::vector<std::vector<std::string>> rows{std::move(head)};
  for (const auto& item : items) rows.push_back(running_row(item, wide));
  print_table(rows);
}

void write_new(const std::string& kind, const std::string& name, const std::string& into) {
  static const std::vector<std::string> kinds{"source", "detector", "notifier", "tracker"};
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    const auto near = base::nearest(kind, kinds);
    end_with(exit_usage, "plugin new: there is no kind \"" + kind + "\"; one of source, detector, notifier, tracker" +
                             (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  const bool plain = !name.empty() && std::islower(static_cast<unsigned char>(name[0])) &&
                     std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_'; });
  if (!plain)
    end_with(exit_usage, "plugin new: \"" + name +
                             "\" is no plugin name; use lower-case letters, digits and _, beginning with a letter");
  const fs::path folder = into.empty() ? fs::path(name) : fs::path(into);
  if (fs::exists(folder) && !fs::is_empty(folder))
    end_with(exit_no, folder.string() + " is there already and not empty");
  for (const auto& [path, text] : templates::files(kind, name)) {
    const fs::path file = folder / path;
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    std::ofstream out(file, std::ios::binary);
    out << text;
    if (!out) end_with(exit_no, "cannot write " + file.string());
    std::cout << file.string() << '\n';
  }
  std::cout << "\nBuild it with\n  cmake -S " << folder.string() << " -B " << folder.string()
            << "/build && cmake --build " << folder.string() << "/build\ncheck it with\n  tocsin plugin check "
            << folder.string() << "/build/" << name << ".so\nand copy the .so into a plugin directory of the agent.\n";
}

}  // namespace

void add_plugin_commands(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("plugin", "Plugins: list, inspect, document, sign, check, begin a new one");
  group.require_subcommand(1);
  struct Arguments {
    std::string config, file, name, kind, into;
    bool offline = false, wide = false;
  };
  {
    auto args = std::make_shared<Arguments>();
    auto* command =
        group.add_subcommand("list", "What runs in the agent, or with --offline what lies in the plugin directories");
    command->add_flag("--offline", args->offline, "read the directories, ask no agent; runs none of their code");
    command->add_flag("--wide", args->wide,
                      "mean time, rejected, refused, overruns, upgrades, runner and the file too");
    command->add_option("-c,--config", args->config, "whose plugin_dirs (with --offline)");
    command->callback([&console, args] {
      if (args->offline) {
        list_offline(console, args->config);
      } else {
        list_running(console, args->wide);
      }
    });
  }
  {
    auto args = std::make_shared<Arguments>();
    auto* command = group.add_subcommand("inspect", "What a .so says of itself, without running its code");
    command->add_option("file", args->file, "the .so")->required();
    command->callback([&console, args] {
      const auto descriptor = plugin_host::read_descriptor(args->file);
      if (!descriptor) end_with(exit_no, descriptor.error().message());
      if (console.json) {
        json types = json::array();
        for (const auto& type : descriptor->types) types.push_back(type_json(type));
        std::cout << json{{"path", args->file}, {"abi", descriptor->abi}, {"types", types}}.dump(2) << '\n';
        return;
      }
      std::cout << args->file << ": ABI " << descriptor->abi << "\n\n";
      for (const auto& type : descriptor->types) print_type(type);
    });
  }
  {
    auto args = std::make_shared<Arguments>();
    auto* command = group.add_subcommand("doc", "Options, signals and a sample of a plugin");
    command->add_option("name", args->name, "the plugin's id")->required();
    command->add_option("--kind", args->kind, "of several with one id: source, detector, notifier or tracker");
    command->add_option("-c,--config", args->config, "whose plugin_dirs");
    command->callback([&console, args] { print_doc(console, args->name, args->kind, args->config); });
  }
  {
    auto args = std::make_shared<Arguments>();
    auto* command = group.add_subcommand("new", "Write the files of a new plugin");
    command->add_option("kind", args->kind, "source, detector, notifier or tracker")->required();
    command->add_option("name", args->name, "its name")->required();
    command->add_option("--into", args->into, "the folder; default: the name");
    command->callback([args] { write_new(args->kind, args->name, args->into); });
  }
  {
    auto args = std::make_shared<PluginCheck>();
    auto* command =
        group.add_subcommand("check", "Hold a .so to the contract: its file, and its code in child processes");
    command->add_option("file", args->file, "the .so")->required();
    command->add_option("-c,--config", args->config, "a configuration whose instances give the options; else made up");
    command->add_option("--glibc", args->glibc, "the newest glibc it may need; default: 2.36, Debian 12's");
    command->callback([&console, args] {
      args->json = console.json;
      check_plugin(*args);
    });
  }
  add_plugin_trust_commands(group, console);
}

}  // namespace tocsin::app
