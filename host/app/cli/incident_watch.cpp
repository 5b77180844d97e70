// tocsin incident watch: changes as they come, until interrupted.
#include <signal.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

/// True when the person at the terminal, or whoever started this, has had enough. The signals are blocked in main.
bool interrupted_within(int seconds) {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, each);
  const timespec most{seconds, 0};
  return sigtimedwait(&set, nullptr, &most) > 0;
}

void print_change(const json& change) {
  std::string text = cell(change, "text");
  if (cell(change, "to") != "-" || cell(change, "from") != "-") {
    text = cell(change, "from") + " → " + cell(change, "to") + (text == "-" ? "" : "  " + text);
  }
  std::cout << cell(change, "at") << "  " << cell(change, "incident") << "  " << cell(change, "severity") << "  "
            << cell(change, "status") << "  " << cell(change, "title") << "  " << cell(change, "what") << " by "
            << cell(change, "actor") << ": " << text << '\n';
}

/// What came since `cursor`, printed; the cursor to go on from.
std::string follow(const Console& console, const std::vector<std::string>& only, const std::string& cursor) {
  // Short enough that an interruption is noticed.
  const auto answer = console.get("/api/v1/incidents/changes?limit=1000&wait=1s&after=" + encode(cursor));
  for (const auto& change : answer["items"]) {
    const bool wanted = only.empty() || std::ranges::find(only, cell(change, "incident")) != only.end() ||
                        std::ranges::find(only, cell(change, "correlation_id")) != only.end();
    if (!wanted) continue;
    if (console.json)
      std::cout << change.dump() << '\n';
    else
      print_change(change);
  }
  std::cout << std::flush;
  return answer["next"].get<std::string>();
}

void watch(const Console& console, const std::vector<std::string>& only) {
  std::string cursor = console.get("/api/v1/incidents/changes")["next"].get<std::string>();
  bool lost = false;
  // An agent that restarts is waited for; an output nobody reads any more ends it.
  while (std::cout && !interrupted_within(lost ? 1 : 0)) {
    try {
      cursor = follow(console, only, cursor);
      lost = false;
    } catch (const CommandEnd& end) {
      if (end.code != exit_unreachable) throw;
      if (!std::exchange(lost, true)) std::cerr << "tocsin: " << end.message << "; waiting for it" << std::endl;
    }
  }
}

}  // namespace

void add_incident_watch(CLI::App& group, Console& console) {
  auto only = std::make_shared<std::vector<std::string>>();
  auto* command = group.add_subcommand("watch", "Changes of incidents as they come, until interrupted");
  command->add_option("incident", *only, "only these");
  command->callback([&console, only] { watch(console, *only); });
}

}  // namespace tocsin::app
