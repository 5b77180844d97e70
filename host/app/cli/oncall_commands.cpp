// tocsin oncall …: who is on call, who stands in for whom, and the calendar of it.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"
#include "base/text.hpp"
#include "incidents/recurrence.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

constexpr const char* oncall_path = "/api/v1/oncall";
constexpr std::size_t most_rotations = 10'000;

struct OncallArguments {
  std::string at, rotation, to, from, until, zone, remove;
  bool ics = false;
};

/// An instant for the API: "+8h", or a date and time of the zone where it has no offset of its own.
std::string oncall_instant(const std::string& text, const std::string& zone, const std::string& option) {
  const base::Time now = base::SystemClock().now();
  if (text.starts_with('+')) {
    const auto ahead = base::parse_duration(text.substr(1));
    if (!ahead) end_with(exit_usage, option + ": " + ahead.error().message());
    return base::format_rfc3339(now + *ahead);
  }
  const bool civil = text.size() >= 10 && text[4] == '-' && text[7] == '-';
  const auto parsed = civil ? incidents::parse_local_time(text, zone) : base::parse_instant(text, now);
  if (!parsed) end_with(exit_usage, option + ": " + parsed.error().message());
  return base::format_rfc3339(*parsed);
}

/// "first", "manager (override)", "nobody".
std::string on_duty(const json& span) {
  const std::string who = cell(span, "who"), by = cell(span, "by");
  if (who == "-") return "nobody";
  return by == "shift" ? who : who + " (" + by + ")";
}

void print_oncall(const json& items) {
  if (items.empty()) {
    std::cout << "no [rotation.*] is configured\n";
    return;
  }
  std::vector<std::vector<std::string>> rows{{"ROTATION", "ON CALL", "SINCE", "UNTIL", "NEXT"}};
  for (const json& item : items) {
    rows.push_back({cell(item, "rotation"), on_duty(item), cell(item, "since"), cell(item, "until"),
                    on_duty(item.value("next", json::object()))});
  }
  print_table(rows);
  std::vector<std::vector<std::string>> overrides{{"OVERRIDE", "ROTATION", "TO", "FROM", "UNTIL", "BY"}};
  for (const json& item : items) {
    for (const json& one : item.value("overrides", json::array())) {
      overrides.push_back({cell(one, "id"), cell(one, "rotation"), cell(one, "to"), cell(one, "from"),
                           cell(one, "until"), cell(one, "by")});
    }
  }
  if (overrides.size() == 1) return;
  std::cout << '\n';
  print_table(overrides);
}

void show_now(const Console& console, const OncallArguments& args) {
  std::string target = oncall_path;
  if (!args.at.empty()) target += "?at=" + encode(oncall_instant(args.at, args.zone, "--at"));
  const json items = console.get_all(target, most_rotations);
  if (console.json)
    std::cout << items.dump(2) << '\n';
  else
    print_oncall(items);
}

void add_override(CLI::App& group, Console& console) {
  auto args = std::make_shared<OncallArguments>();
  auto* command = group.add_subcommand("override", "Somebody stands in for a while, or --delete that");
  command->add_option("rotation", args->rotation, "which rotation");
  command->add_option("--to", args->to, "the contact who stands in");
  command->add_option("--from", args->from, "RFC 3339, \"2026-11-20 03:00\", +2h; default: now");
  command->add_option("--until", args->until, "likewise");
  command->add_option("--zone", args->zone, "of times without an offset; default UTC");
  command->add_option("--delete", args->remove, "the id of an override that no longer counts");
  command->callback([&console, args] {
    if (!args->remove.empty()) {
      const json gone =
          console.send("DELETE", std::string(oncall_path) + "/overrides/" + encode(args->remove), {{"by", whoami()}});
      if (console.json) std::cout << gone.dump(2) << '\n';
      return;
    }
    json body{{"rotation", need(args->rotation, "oncall override", "rotation")},
              {"to", need(args->to, "oncall override", "--to")},
              {"until", oncall_instant(need(args->until, "oncall override", "--until"), args->zone, "--until")},
              {"by", whoami()}};
    if (!args->from.empty()) body["from"] = oncall_instant(args->from, args->zone, "--from");
    const json made = console.send("POST", std::string(oncall_path) + "/overrides", body);
    if (console.json)
      std::cout << made.dump(2) << '\n';
    else
      std::cout << cell(made, "id") << '\n';
  });
}

void add_export(CLI::App& group, Console& console) {
  auto args = std::make_shared<OncallArguments>();
  auto* command = group.add_subcommand("export", "The next 90 days of a rotation as a calendar");
  command->add_option("rotation", args->rotation, "which rotation");
  command->add_flag("--ics", args->ics, "as iCalendar (RFC 5545), the only form there is");
  command->callback([&console, args] {
    const std::string rotation = need(args->rotation, "oncall export", "rotation");
    std::cout << console.raw("GET", std::string(oncall_path) + "/" + encode(rotation + ".ics"), "");
  });
}

}  // namespace

void add_oncall_commands(CLI::App& app, Console& console) {
  auto args = std::make_shared<OncallArguments>();
  auto& group = *app.add_subcommand("oncall", "Who is on call, until when, and who is next");
  group.add_option("--at", args->at, "when: RFC 3339, \"2026-11-20 03:00\", +2h; default: now");
  group.add_option("--zone", args->zone, "of times without an offset; default UTC");
  group.require_subcommand(0, 1);
  add_override(group, console);
  add_export(group, console);
  group.callback([&console, &group, args] {
    if (group.get_subcommands().empty()) show_now(console, *args);
  });
}

}  // namespace tocsin::app
