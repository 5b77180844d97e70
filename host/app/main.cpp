// The one program: the agent, and the commands that talk to it.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "app/cli/commands.hpp"
#include "app/version.hpp"
#include "base/text.hpp"

namespace {

/// The command that is not there, where one was typed: the parser itself only says that one is required.
std::string unknown_command(const CLI::App& app) {
  const CLI::App* group = &app;
  while (!group->get_subcommands().empty()) group = group->get_subcommands().front();
  const auto extra = app.remaining(true);
  if (extra.empty() || extra.front().starts_with("-") || group->get_require_subcommand_min() == 0) return {};
  std::vector<std::string> names;
  for (const auto* each : group->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  const auto near = tocsin::base::nearest(extra.front(), names);
  const std::string whole = group == &app ? "tocsin" : "tocsin " + group->get_name();
  return "\"" + whole + "\" has no command \"" + extra.front() + "\"" +
         (near.empty() ? "" : "; did you mean \"" + near + "\"?") + " (`" + whole + " --help` lists them)";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tocsin::app;
  // Signals are waited for, never handled: blocked here, before any thread is made, they reach sigwait() alone.
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, each);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);

  Console console;
  const char* url = std::getenv("TOCSIN_URL");
  console.url = url && *url ? url : "http://127.0.0.1:7676";
  CLI::App app{"Tocsin watches signals, finds incidents, and gets the right person and the right ticket moving.",
               "tocsin"};
  app.set_version_flag("--version", std::string("tocsin ") + tocsin_version);
  app.require_subcommand(1);
  app.fallthrough();  // --json, --url and --token-file stand before or after the command
  app.add_flag("--json", console.json, "answer in JSON");
  app.add_option("--url", console.url, "the agent's address (TOCSIN_URL)")->capture_default_str();
  app.add_option("--token-file", console.token_file, "a file that holds the API token (else TOCSIN_TOKEN)");
  app.footer("Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the agent cannot be reached.");
  add_agent_commands(app, console);
  add_incident_commands(app, console);
  add_silence_commands(app, console);
  add_oncall_commands(app, console);
  add_drill_commands(app, console);
  add_jira_commands(app, console);
  add_reader_commands(app, console);
  add_source_commands(app, console);
  add_explain_commands(app, console);
  add_plugin_commands(app, console);
  add_alertmanager_commands(app, console);
  std::vector<std::string> arguments =
      alertmanager_arguments(std::vector<std::string>(argv + (argc > 0), argv + argc), argc > 0 ? argv[0] : "");
  const bool as_alertmanager = !arguments.empty() && arguments.front() == "alertmanager";
  std::ranges::reverse(arguments);  // as the parser takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CommandEnd& end) {
    if (!end.message.empty()) std::cerr << "tocsin: " << end.message << std::endl;
    return end.code;
  } catch (const CLI::ParseError& error) {
    if (as_alertmanager && error.get_exit_code() != 0) {
      std::cerr << "tocsin alertmanager: error: " << error.what() << ", try --help" << std::endl;
      return exit_no;
    }
    if (const auto unknown = unknown_command(app); !unknown.empty() && error.get_exit_code() != 0) {
      std::cerr << "tocsin: " << unknown << std::endl;
      return exit_usage;
    }
    return app.exit(error) == 0 ? exit_done : exit_usage;
  } catch (const std::exception& error) {
    std::cerr << "tocsin: " << error.what() << std::endl;
    return exit_no;
  }
  return console.exit_code;
}
