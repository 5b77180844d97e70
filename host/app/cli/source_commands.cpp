// tocsin source test: what a configured source would bring.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"
#include "app/configuration.hpp"
#include "app/source_trial.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

constexpr std::size_t most_printed = 50;

std::string example_value(const json& signal) {
  if (!signal.contains("count")) return cell(signal, "value");
  return "count=" + cell(signal, "count") + " avg=" + cell(signal, "avg") + " max=" + cell(signal, "max");
}

void print_examples(const json& trial) {
  if (trial["examples"].empty()) return;
  std::cout << "\nexamples\n";
  for (const auto& each : trial["examples"]) {
    std::cout << "  " << cell(each, "at") << "  " << cell(each, "name") << "  " << example_value(each) << "  "
              << labels_form(each["labels"]) << '\n';
    if (each.contains("text")) std::cout << "    " << cell(each, "text") << '\n';
  }
}

void print_series(const json& trial) {
  const auto total = trial["series_total"].get<std::size_t>();
  if (total == 0) return;
  std::cout << "\nseries it would make: " << total << '\n';
  std::vector<std::vector<std::string>> rows{{"SIGNALS", "NAME", "UNIT", "LABELS"}};
  for (const auto& each : trial["series"]) {
    if (rows.size() > most_printed) break;
    const std::string unit = cell(each, "unit");
    rows.push_back({cell(each, "signals"), cell(each, "name"), unit.empty() ? "-" : unit, labels_form(each["labels"])});
  }
  print_table(rows);
  if (total > rows.size() - 1) std::cout << "… and " << total - (rows.size() - 1) << " more\n";
}

void print_trial(const json& trial) {
  std::cout << '[' << cell(trial, "instance") << "] " << cell(trial, "plugin") << '\n';
  for (const auto& line : trial.value("report", json::array())) std::cout << "  " << line.get<std::string>() << '\n';
  for (const auto& line : trial["errors"]) std::cout << "  error: " << line.get<std::string>() << '\n';
  for (const auto& line : trial.value("notes", json::array()))
    std::cout << "  it says: " << line.get<std::string>() << '\n';
  const json send_to = trial.value("send_to", json::array());
  if (!send_to.empty()) {
    std::cout << "send to\n";
    for (const auto& each : send_to) std::cout << "  " << each.get<std::string>() << '\n';
    const json auth = trial.value("auth", json());
    if (auth.is_string()) std::cout << "  with what its `auth` asks for (" << auth.get<std::string>() << ")\n";
  }
  if (!trial.contains("signals")) return;
  const json unmatched = trial["unmatched"];
  const bool read = trial["signals"] != 0 || !unmatched.is_null() || send_to.empty();
  if (read) {
    std::cout << trial["signals"] << " signals";
    if (!unmatched.is_null()) std::cout << ", " << unmatched.get<std::uint64_t>() << " unmatched";
    std::cout << '\n';
  } else {
    std::cout << "nothing was read: with --wait 10s it waits for what is sent\n";
  }
  print_examples(trial);
  print_series(trial);
  if (!trial["rejected"].empty()) std::cout << "\nrejected\n";
  for (const auto& each : trial["rejected"])
    std::cout << "  " << each["count"] << " " << cell(each, "error_type") << ": " << cell(each, "reason") << '\n';
  if (trial["counters"].empty()) return;
  std::cout << "\nits counters\n";
  for (const auto& [name, value] : trial["counters"].items()) std::cout << "  " << name << " " << value << '\n';
}

/// What is pushed to a source over HTTP comes through the agent that runs: watched there.
void watch_pushed(const Console& console, json& trial, std::size_t most, base::Duration wait) {
  std::string cursor = console.get("/api/v1/signals/tail?limit=1")["next"].get<std::string>();
  const auto end = std::chrono::steady_clock::now() + wait;
  std::map<std::string, json> series;
  std::size_t signals = 0;
  trial["examples"] = json::array();
  while (signals < most && std::chrono::steady_clock::now() < end) {
    const auto answer = console.get("/api/v1/signals/tail?limit=1000&wait=500ms&after=" + encode(cursor));
    cursor = answer["next"].get<std::string>();
    for (const auto& each : answer["items"]) {
      if (each["source"] != trial["instance"]) continue;
      ++signals;
      json& one = series[cell(each, "name") + each["labels"].dump()];
      if (one.is_null()) one = {{"name", each["name"]}, {"labels", each["labels"]}, {"unit", ""}, {"signals", 0}};
      one["signals"] = one["signals"].get<std::size_t>() + 1;
      if (trial["examples"].size() < 3) trial["examples"].push_back(each);
    }
  }
  trial["signals"] = signals;
  trial["series_total"] = series.size();
  trial["series"] = json::array();
  for (const auto& [key, one] : series)
    if (trial["series"].size() < 1000) trial["series"].push_back(one);
  if (signals == 0) {
    trial["errors"].push_back("nothing came within " + base::format_duration(wait));
    trial["ok"] = false;
  }
}

struct SourceArguments {
  std::string config, instance, wait = "0s", output;
  std::size_t lines = 1000;
};

int test_source(const Console& console, const SourceArguments& args) {
  SourceTrial asked{config_or_default(args.config), args.instance, args.lines, {}};
  const auto wait = base::parse_duration(args.wait);
  if (!wait || *wait < base::Duration::zero() || *wait > std::chrono::hours(1))
    end_with(exit_usage, "--wait: \"" + args.wait + "\" is no duration from 0s to 1h");
  asked.wait = *wait;
  std::string wrong;
  for (const auto& each : check_configuration(asked.config_file)) {
    if (each.level == config::Diagnostic::Level::error) wrong += (wrong.empty() ? "" : "\n") + each.text();
  }
  if (!wrong.empty()) end_with(exit_no, wrong);
  json trial = try_source(asked);
  if (trial.value("unknown", false)) end_with(exit_usage, trial["errors"][0].get<std::string>());
  const bool over_http = trial.value("routes", false);
  if (over_http && asked.wait > base::Duration::zero()) watch_pushed(console, trial, args.lines, asked.wait);
  if (console.json || args.output == "json")
    std::cout << trial.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  else
    print_trial(trial);
  return trial["ok"] == true ? exit_done : exit_no;
}

}  // namespace

void add_source_commands(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("source", "Sources: what one would bring");
  group.require_subcommand(1);
  auto args = std::make_shared<SourceArguments>();
  auto* command =
      group.add_subcommand("test", "Read once and show what comes; nothing is kept, and no agent is needed");
  command->add_option("instance", args->instance, "the source, as in [source.NAME]")->required();
  command->add_option("-c,--config", args->config, "agent.toml; without one the embedded default");
  command->add_option("--lines", args->lines, "of files the last ones of each; of others no more signals than that")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--wait", args->wait,
                   "go on for so long: ask again at its `every`, or wait for what is pushed to it")
      ->capture_default_str();
  command->add_option("-o,--output", args->output, "json: as --json")->check(CLI::IsMember({"text", "json"}));
  command->callback([&console, args] { console.exit_code = test_source(console, *args); });
}

}  // namespace tocsin::app
