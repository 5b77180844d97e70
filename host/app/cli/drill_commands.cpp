// tocsin fire-drill: an alarm for practice, followed until somebody has acknowledged it. tocsin notify pause, resume.
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

constexpr const char* drills_path = "/api/v1/drills";
constexpr const char* pause_path = "/api/v1/notifications/pause";

struct DrillArguments {
  std::string route, severity = "HIGH", wait = "10m";
  std::vector<std::string> to;
  bool yes = false, no_ack = false, with_tracker = false;
};

struct PauseArguments {
  std::string lasts, reason;
  bool except_critical = false;
};

/// True when whoever started this has had enough. The signals are blocked in main.
bool stopped_within_half_a_second() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, each);
  const timespec most{0, 500'000'000};
  return sigtimedwait(&set, nullptr, &most) > 0;
}

/// Real telephones ring: on a terminal whoever starts it is asked once more.
void confirm_drill(const DrillArguments& args) {
  if (args.yes) return;
  const std::string usage = "a drill tells real people; say --yes to hold it without being asked";
  if (!::isatty(STDIN_FILENO) || !::isatty(STDERR_FILENO)) end_with(exit_usage, "fire-drill: " + usage);
  const std::string answer = ask_for(
      "This tells the people of route " + args.route + " as " + args.severity + ", marked DRILL. Go on (yes/no)?",
      usage);
  if (!base::lower(answer).starts_with('y')) end_with(exit_no, "no drill was held");
}

std::string whom_of(const json& message) {
  return cell(message, "who") == "-" ? cell(message, "instance") : cell(message, "who");
}

/// What became of messages since the last look.
void print_news(const json& drill, std::map<std::string, std::string>& known) {
  for (const json& message : drill["messages"]) {
    const std::string name =
        cell(message, "instance") + " to " + whom_of(message) + " (" + cell(message, "reason") + ")";
    std::string& before = known[name + cell(message, "decided_at")];
    const std::string state = cell(message, "state");
    if (state == before) continue;
    before = state;
    std::cout << name << ": " << state << (cell(message, "error") == "-" ? "" : ": " + cell(message, "error")) << '\n';
  }
  std::cout << std::flush;
}

void print_drill(const json& drill) {
  std::vector<std::vector<std::string>> rows{{"WHO", "CHANNEL", "STEP", "STATE", "SENT", "DELIVERED", "ERROR"}};
  for (const json& message : drill["messages"]) {
    rows.push_back({whom_of(message), cell(message, "type"), cell(message, "reason"), cell(message, "state"),
                    cell(message, "sent_at"), cell(message, "delivered_at"), cell(message, "error")});
  }
  std::cout << '\n';
  print_table(rows);
  if (cell(drill, "state") == "ACKNOWLEDGED") {
    std::cout << "acknowledged by " << cell(drill, "acknowledged_by") << " by " << cell(drill, "way") << " at "
              << cell(drill, "acknowledged_at") << ", started at " << cell(drill, "started_at") << '\n';
  }
}

bool left(const json& message) {
  return cell(message, "state") == "SENT" || cell(message, "state") == "DELIVERED";
}

bool nothing_waits(const json& drill) {
  return !drill["messages"].empty() && std::ranges::none_of(drill["messages"], [](const json& message) {
    return cell(message, "state") == "PENDING";
  });
}

/// Until it is over, or with --no-ack until every message has left or was given up.
json follow_drill(const Console& console, const DrillArguments& args, json drill) {
  const std::string path = std::string(drills_path) + "/" + cell(drill, "id");
  std::map<std::string, std::string> known;
  for (;;) {
    if (!console.json) print_news(drill, known);
    if (cell(drill, "state") != "RUNNING" || (args.no_ack && nothing_waits(drill))) return drill;
    if (stopped_within_half_a_second())
      end_with(exit_no, "the drill goes on by itself until " + cell(drill, "ends_at") + "; `tocsin incident resolve " +
                            cell(drill, "id") + "` ends it");
    drill = console.get(path);
  }
}

void end_drill_by_hand(const Console& console, const json& drill) {
  const json body{{"status", "RESOLVED"}, {"notes", "the drill asked for no acknowledgement"}, {"by", whoami()}};
  // Somebody may have ended it just now.
  (void)console.try_send("PUT", "/api/v1/incidents/" + cell(drill, "id") + "/status", body);
}

void hold_drill(Console& console, DrillArguments args) {
  args.route = need(args.route, "fire-drill", "--route");
  confirm_drill(args);
  json body{{"route", args.route}, {"severity", args.severity}, {"wait", args.wait}, {"by", whoami()}};
  if (!args.to.empty()) body["to"] = args.to;
  if (args.with_tracker) body["with_tracker"] = true;
  const json begun = console.send("POST", drills_path, body);
  if (!console.json) std::cout << cell(begun, "title") << ", incident " << cell(begun, "id") << '\n';
  const json drill = follow_drill(console, args, begun);
  const bool running = cell(drill, "state") == "RUNNING";
  if (running) end_drill_by_hand(console, drill);
  if (console.json)
    std::cout << drill.dump(2) << '\n';
  else
    print_drill(drill);
  const bool acknowledged = cell(drill, "state") == "ACKNOWLEDGED";
  const bool all_left = !drill["messages"].empty() && std::ranges::all_of(drill["messages"], left);
  if (acknowledged || (args.no_ack && all_left)) return;
  console.exit_code = exit_no;
  if (!console.json)
    std::cout << (args.no_ack ? "not every message has left\n" : "nobody acknowledged it within " + args.wait + "\n");
}

void print_pause(const Console& console, const json& pause) {
  if (console.json)
    std::cout << pause.dump(2) << '\n';
  else
    std::cout << pause_line(pause) << '\n';
}

}  // namespace

std::string pause_line(const json& pause) {
  if (!pause.value("paused", false)) return "notifications are not paused";
  std::string line = "notifications are PAUSED until " + cell(pause, "until") + " by " + cell(pause, "by");
  if (cell(pause, "reason") != "-") line += ": " + cell(pause, "reason");
  if (pause.value("except_critical", false)) line += " (CRITICAL is told all the same)";
  return line;
}

void add_pause_commands(CLI::App& notify, Console& console) {
  auto args = std::make_shared<PauseArguments>();
  auto* pause = notify.add_subcommand("pause", "Tell nobody for a while: ladders stand still, messages wait");
  pause->add_option("--for", args->lasts, "how long: 30m, up to 24h");
  pause->add_option("--reason", args->reason, "why, as others read it");
  pause->add_flag("--except-critical", args->except_critical, "what is CRITICAL is told all the same");
  pause->callback([&console, args] {
    json body{{"for", need(args->lasts, "notify pause", "--for")}, {"reason", args->reason}, {"by", whoami()}};
    if (args->except_critical) body["except_critical"] = true;
    print_pause(console, console.send("POST", pause_path, body));
  });
  auto* resume = notify.add_subcommand("resume", "End the pause now: what is still true is told");
  resume->callback(
      [&console] { print_pause(console, console.send("POST", "/api/v1/notifications/resume", {{"by", whoami()}})); });
}

void add_drill_commands(CLI::App& app, Console& console) {
  auto args = std::make_shared<DrillArguments>();
  auto* drill = app.add_subcommand("fire-drill", "A real alert on a real route to real people, marked DRILL, and back");
  drill->add_option("--route", args->route, "the route's name, as `tocsin route test` shows it");
  drill->add_option("--severity", args->severity, "CRITICAL, HIGH, MEDIUM or LOW")->capture_default_str();
  drill->add_option("--to", args->to, "targets told instead of the route's people, such as sms:contact.first");
  drill->add_option("--wait", args->wait, "how long to wait for an acknowledgement; then it ends")
      ->capture_default_str();
  drill->add_flag("--no-ack", args->no_ack, "done when every message has left");
  drill->add_flag("--with-tracker", args->with_tracker, "trackers open a ticket for it too");
  drill->add_flag("--yes", args->yes, "without being asked");
  drill->callback([&console, args] { hold_drill(console, *args); });
}

}  // namespace tocsin::app
