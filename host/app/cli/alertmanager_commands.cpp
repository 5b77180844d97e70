// tocsin alertmanager, import.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "alertmanager/import.hpp"
#include "app/alertmanager_mode.hpp"
#include "app/cli/commands.hpp"
#include "app/supervisor.hpp"
#include "app/version.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

/// Debian's Alertmanager looks for its file there when nobody names one.
constexpr const char* debian_config = "/etc/prometheus/alertmanager.yml";
constexpr const char* debian_storage = "/var/lib/prometheus/alertmanager/";

void run_alertmanager(const CLI::App& command, AlertmanagerFlags flags, Console& console) {
  if (auto good = check_flags(flags); !good) end_with(exit_no, good.error().message());
  std::error_code problem;
  if (command.count("--config.file") == 0 && !fs::exists(flags.config_file, problem) &&
      fs::exists(debian_config, problem)) {
    flags.config_file = debian_config;
    if (command.count("--storage.path") == 0) flags.storage_path = debian_storage;
  }
  fs::create_directories(flags.storage_path, problem);
  if (problem) end_with(exit_no, "--storage.path: cannot make " + flags.storage_path + ": " + problem.message());
  const auto unused = unused_flags(command);
  const auto work = [&](WorkerState* state) {
    for (const std::string& each : unused) telemetry::log_info("flags", each);
    // What is wrong with the configuration is a failure like any other here: 1, as Alertmanager has it.
    const int code = run_agent(std::make_shared<AlertmanagerMode>(flags)->options(), state);
    return code == exit_usage ? int{exit_no} : code;
  };
  const char* alone = std::getenv("TOCSIN_NO_SUPERVISOR");
  if (alone && std::string_view(alone) != "0" && *alone)
    console.exit_code = work(nullptr);
  else
    console.exit_code = supervise([&](WorkerState& state) { return work(&state); });
}

void write_private(const fs::path& file, const std::string& text) {
  std::error_code problem;
  fs::create_directories(file.parent_path(), problem);
  std::ofstream out;
  const mode_t before = ::umask(0077);
  out.open(file, std::ios::binary | std::ios::trunc);
  ::umask(before);
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, problem);
  out << text;
  out.close();
  if (!out || problem) end_with(exit_no, "cannot write " + file.string());
}

void import_alertmanager(const std::string& file, const std::string& target) {
  const auto text = config::read_text(file);
  if (!text) end_with(exit_no, file + ": " + text.error().message());
  const auto imported = alertmanager::import_document(*text, file);
  for (const auto& finding : imported.diagnostics) std::cerr << finding.text() << '\n';
  if (config::has_errors(imported.diagnostics)) end_with(exit_no, file + " has errors; nothing was written");
  if (target.empty()) {
    std::cout << imported.toml;
    if (!imported.secrets.empty())
      std::cerr << "the secrets are not in it; write them into these files beside it, or use -o FILE:\n";
    for (const auto& [name, value] : imported.secrets) std::cerr << "  " << name << '\n';
    return;
  }
  if (fs::exists(target)) end_with(exit_no, target + " is there already; nothing was written");
  const fs::path folder = fs::absolute(target).parent_path();
  for (const auto& [name, value] : imported.secrets) write_private(folder / name, value + "\n");
  std::ofstream out(target);
  out << imported.toml;
  out.close();
  if (!out) end_with(exit_no, "cannot write " + target);
  std::cerr << "wrote " << target << (imported.secrets.empty() ? "" : " and the secrets it refers to, under secrets/")
            << "; next: tocsin check --config " << target << '\n';
}

}  // namespace

void add_alertmanager_commands(CLI::App& app, Console& console) {
  auto flags = std::make_shared<AlertmanagerFlags>();
  auto* command = app.add_subcommand("alertmanager", "Run as Alertmanager 0.25: its flags, its YAML, its API");
  command->set_version_flag("--version", std::string("alertmanager, version 0.25.0 (tocsin ") + tocsin_version + ")");
  command->footer(
      "TOCSIN_STORAGE_URL names the database that instances share (postgres://user@host/database), and\n"
      "TOCSIN_STORAGE_PASSWORD its password; without it everything is kept in --storage.path.\n"
      "SIGHUP and POST /-/reload read the file again, whole or not at all. Exit codes: 0 stopped, 1 anything else.");
  add_alertmanager_flags(*command, *flags);
  command->callback([command, flags, &console] { run_alertmanager(*command, *flags, console); });

  struct Arguments {
    std::string file, target;
  };
  auto args = std::make_shared<Arguments>();
  auto* import_command =
      app.add_subcommand("import", "Write the agent.toml that means the same as an alertmanager.yml");
  import_command->add_option("file", args->file, "alertmanager.yml")->required();
  import_command->add_option("-o,--output", args->target, "where to write it; without: standard output");
  import_command->callback([args] { import_alertmanager(args->file, args->target); });
}

std::vector<std::string> alertmanager_arguments(std::vector<std::string> given, const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  if (name == "alertmanager" || name == "prometheus-alertmanager") given.insert(given.begin(), "alertmanager");
  if (given.empty() || given.front() != "alertmanager") return given;
  // `--cluster.listen-address=` says the empty text; the parser would take the next word for its value.
  std::vector<std::string> out;
  for (std::string& each : given) {
    if (each.starts_with("--") && each.ends_with('=') && each.find('=') == each.size() - 1) {
      out.push_back(each.substr(0, each.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(std::move(each));
    }
  }
  return out;
}

}  // namespace tocsin::app
