// The suite is a program beside this one and no part of it: it brings a fake host and a fence of its own, and the agent
// stays as small as it is.
#include "app/cli/plugin_check.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/cli/console.hpp"
#include "config/document.hpp"
#include "plugin_host/descriptor.hpp"
#include "settings/instances.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

/// Keys of an instance that are the host's; sdk/README.md lists them.
constexpr std::array hosts_keys{"plugin", "every",     "timeout", "labels",    "enabled",
                                "auth",   "isolation", "needs",   "proxy_url", "no_proxy"};

/// A type of that id in the descriptor may stand in a section of that kind: a source and a notifier may have one id.
bool fits(const model::PluginDescriptor& plugin, const std::string& id, std::string_view section_kind) {
  const auto type = std::ranges::find(plugin.types, id, &model::PluginType::id);
  return type == plugin.types.end() || (type->kinds & settings::kinds_of(section_kind));
}

/// `[kind.name]` tables as {"type id": {option: value}}. Secrets are left as references: the suite puts its own in.
json options_of(const std::string& file, const model::PluginDescriptor& checked) {
  const auto text = config::read_text(file);
  if (!text) end_with(exit_usage, text.error().message());
  config::Diagnostics diagnostics;
  const auto root = config::parse_toml(*text, file, config::process_environment(), diagnostics);
  if (!root || config::has_errors(diagnostics))
    end_with(exit_usage, diagnostics.empty() ? root.error().message() : diagnostics.front().text());
  json out = json::object();
  for (const char* kind : {"source", "detector", "notifier", "tracker"}) {
    const auto* instances = root->find(kind);
    if (!instances || !instances->table()) continue;
    for (const auto& instance : *instances->table()) {
      const auto* plugin = instance.value.find("plugin");
      const std::string id = plugin && plugin->string() ? *plugin->string() : instance.key;
      if (!fits(checked, id, kind)) continue;
      auto options = json::parse(base::to_json(instance.value), nullptr, false);
      if (!options.is_object()) continue;
      for (const char* key : hosts_keys) options.erase(key);
      out[id] = std::move(options);
    }
  }
  return out;
}

/// A file of this process that the next program inherits.
std::string lend(const std::string& text) {
  const int fd = memfd_create("options", 0);
  if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    end_with(exit_no, std::string("plugin check: cannot hand the options over: ") + std::strerror(errno));
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace

void check_plugin(const PluginCheck& what) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "tocsin-check";
  std::vector<std::string> arguments{program.string()};
  if (what.json) arguments.push_back("--json");
  if (!what.glibc.empty()) arguments.insert(arguments.end(), {"--glibc", what.glibc});
  if (!what.config.empty()) {
    // What is wrong with the file is for the suite to say.
    const auto plugin = plugin_host::read_descriptor(what.file).value_or(model::PluginDescriptor{});
    arguments.insert(arguments.end(), {"--options", lend(options_of(what.config, plugin).dump())});
  }
  arguments.push_back(what.file);
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  // This program blocks signals and ignores SIGPIPE; the next one is to end by them as any does.
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execv(program.c_str(), pointers.data());
  end_with(exit_no, "plugin check: cannot start " + program.string() + ": " + std::strerror(errno) +
                        "; it is installed beside tocsin");
}

}  // namespace tocsin::app
