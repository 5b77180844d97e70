// tocsin status, series, signal, rule, alert, notify, dead-letter: what the agent knows, asked over its API.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/cli/commands.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

std::string labels_or_dash(const json& labels) {
  std::string text;
  for (const auto& [key, value] : labels.items())
    text += (text.empty() ? "" : " ") + key + "=" + value.get<std::string>();
  return text.empty() ? "-" : text;
}

/// Prints items as JSON, or as a table with the named members.
void print_items(const Console& console, const json& items, const std::vector<std::string>& members) {
  if (console.json) {
    std::cout << items.dump(2) << '\n';
    return;
  }
  Rows rows(1);
  for (auto member : members) {
    std::transform(member.begin(), member.end(), member.begin(), [](unsigned char c) { return std::toupper(c); });
    rows[0].push_back(member);
  }
  for (const auto& item : items) {
    auto& row = rows.emplace_back();
    for (const auto& member : members) {
      row.push_back(member == "labels" && item.contains("labels") ? labels_or_dash(item["labels"])
                                                                  : cell(item, member));
    }
  }
  print_table(rows);
}

void add_lister(CLI::App& group, Console& console, const char* name, const char* help, std::string target,
                std::vector<std::string> members) {
  auto limit = std::make_shared<std::size_t>(100);
  auto* command = group.add_subcommand(name, help);
  command->add_option("--limit", *limit, "at most this many")->capture_default_str();
  command->callback([&console, target = std::move(target), members = std::move(members), limit] {
    print_items(console, console.get_all(target, *limit), members);
  });
}

json labels_from(const std::vector<std::string>& pairs) {
  json labels = json::object();
  for (const auto& pair : pairs) {
    const auto at = pair.find('=');
    if (at == pair.npos || at == 0) end_with(exit_usage, "\"" + pair + "\" is not label=value");
    labels[pair.substr(0, at)] = pair.substr(at + 1);
  }
  return labels;
}

void add_signal_push(CLI::App& group, Console& console) {
  struct Arguments {
    std::string name, file, ts;
    double value = 1;
    std::vector<std::string> labels;
  };
  auto args = std::make_shared<Arguments>();
  auto* command = group.add_subcommand("push", "Send one signal, or a file with the bulk push's JSON body");
  command->add_option("name", args->name, "the signal's name");
  command->add_option("value", args->value, "its value")->capture_default_str();
  command->add_option("-l,--label", args->labels, "label=value; repeat for more");
  command->add_option("--ts", args->ts, "RFC 3339 or seconds since 1970; default now");
  command->add_option("-f,--file", args->file, "a JSON body, - for standard input");
  command->callback([&console, args] {
    json body;
    if (!args->file.empty()) {
      body = json::parse(read_input(args->file), nullptr, false);
      if (body.is_discarded()) end_with(exit_usage, args->file + " is not JSON");
    } else if (args->name.empty()) {
      end_with(exit_usage, "signal push: a name, or --file");
    } else {
      const std::string ts = args->ts.empty() ? base::format_rfc3339(base::SystemClock().now()) : args->ts;
      body = {{"signals",
               {{{"name", args->name}, {"value", args->value}, {"ts", ts}, {"labels", labels_from(args->labels)}}}}};
    }
    const auto answer = console.send("POST", "/api/v1/signals/bulk", body);
    const bool whole = answer.value("rejected", json::array()).empty();
    if (console.json) {
      std::cout << answer.dump(2) << '\n';
    } else {
      std::cout << "accepted " << cell(answer, "accepted") << '\n';
      for (const auto& item : answer.value("rejected", json::array())) {
        std::cout << "rejected [" << cell(item, "index") << "] " << cell(item, "error_type") << ": "
                  << cell(item, "reason") << '\n';
      }
      if (answer.contains("rejected_more")) std::cout << "rejected " << cell(answer, "rejected_more") << " more\n";
    }
    if (!whole) console.exit_code = exit_no;
  });
}

void print_history(const json& answer) {
  const json list = answer.contains("series") ? answer["series"] : json::array({answer});
  for (const auto& series : list) {
    std::cout << cell(series, "name") << " " << labels_or_dash(series.value("labels", json::object())) << '\n';
    for (const auto& point : series.value("dataPoints", json::array())) {
      const auto at = base::time_from_number(point.value("timestamp", 0.0));
      std::cout << "  " << (at ? base::format_rfc3339(*at) : "-") << "  " << cell(point, "value") << '\n';
    }
  }
}

void add_signal_query(CLI::App& group, Console& console) {
  struct Arguments {
    std::string name, loader, segment, from = "-1h", to = "now", aggregation = "raw", bucket;
    std::vector<std::string> matchers;
    std::size_t limit = 10'000;
  };
  auto args = std::make_shared<Arguments>();
  auto* command = group.add_subcommand("query", "History of one or more series");
  command->add_option("name", args->name, "the signal's name");
  command->add_option("-m,--match", args->matchers, "a matcher such as loader=\"DAILY_SALES\"; repeat for more");
  command->add_option("--loader", args->loader, "the loader's code");
  command->add_option("--segment", args->segment, "the segment's code");
  command->add_option("--from", args->from, "from when")->capture_default_str();
  command->add_option("--to", args->to, "until when")->capture_default_str();
  command->add_option("--aggregation", args->aggregation, "raw avg sum min max count p50 p95 p99")
      ->capture_default_str();
  command->add_option("--bucket", args->bucket, "1m, 5m, 15m, 1h, 1d or any duration");
  command->add_option("--limit", args->limit, "points per series")->capture_default_str();
  command->callback([&console, args] {
    const auto now = base::SystemClock().now();
    const auto from = base::parse_instant(args->from, now), to = base::parse_instant(args->to, now);
    if (!from) end_with(exit_usage, "--from: " + from.error().message());
    if (!to) end_with(exit_usage, "--to: " + to.error().message());
    std::string target = "/api/v1/signals/query?aggregation=" + encode(args->aggregation) +
                         "&limit=" + std::to_string(args->limit) +
                         "&fromEpoch=" + std::to_string(base::to_ns(*from) / 1'000'000'000) +
                         "&toEpoch=" + std::to_string((base::to_ns(*to) + 999'999'999) / 1'000'000'000);
    for (const auto& [key, value] : {std::pair{"name", args->name},
                                     {"loaderCode", args->loader},
                                     {"segmentCode", args->segment},
                                     {"bucket", args->bucket}}) {
      if (!value.empty()) target += std::string("&") + key + "=" + encode(value);
    }
    for (const auto& matcher : args->matchers) target += "&match=" + encode(matcher);
    const auto answer = console.get(target);
    if (console.json) {
      std::cout << answer.dump(2) << '\n';
    } else {
      print_history(answer);
    }
  });
}

void add_series(CLI::App& app, Console& console) {
  struct Arguments {
    std::string pattern;
    bool labels = false;
  };
  auto args = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("series", "Series the agent has seen");
  command->add_option("pattern", args->pattern, "a name, or its beginning with a *");
  command->add_flag("--labels", args->labels, "with their labels");
  command->callback([&console, args] {
    const auto answer =
        console.get("/api/v1/series" + (args->pattern.empty() ? std::string() : "?pattern=" + encode(args->pattern)));
    const auto& items = answer.contains("items") ? answer["items"] : answer;
    std::vector<std::string> members{"name", "samples", "last"};
    if (args->labels) members.insert(members.begin() + 1, "labels");
    print_items(console, items, members);
  });
}

void add_rules(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("rule", "Rules: what they watch and how they fare");
  group.require_subcommand(1);
  add_lister(group, console, "list", "Every rule", "/api/v1/rules",
             {"name", "severity", "detector", "health", "firing", "pending", "last_evaluation"});
  auto name = std::make_shared<std::string>();
  auto* show = group.add_subcommand("show", "One rule");
  show->add_option("name", *name, "the rule's name")->required();
  show->callback([&console, name] { std::cout << console.get("/api/v1/rules/" + encode(*name)).dump(2) << '\n'; });
}

void add_notify(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("notify", "Notifications: a trial message, a pause, and the log of what was sent");
  group.require_subcommand(1);
  add_pause_commands(group, console);
  add_lister(group, console, "log", "Attempts, newest first", "/api/v1/notifications/log",
             {"sent_at", "type", "recipient", "status", "incident", "error"});
  struct Arguments {
    std::string instance, to;
  };
  auto args = std::make_shared<Arguments>();
  auto* test = group.add_subcommand("test", "Send a trial message");
  test->add_option("instance", args->instance, "the notifier, as in [notifier.NAME]")->required();
  test->add_option("--to", args->to, "contact.NAME, group.NAME or #channel");
  test->callback([&console, args] {
    const auto answer =
        console.send("POST", "/api/v1/notifications/send", {{"instance", args->instance}, {"to", args->to}});
    if (console.json) {
      std::cout << answer.dump(2) << '\n';
    } else {
      std::cout << cell(answer, "status") << " " << cell(answer, "recipient")
                << (cell(answer, "error") == "-" ? "" : ": " + cell(answer, "error")) << '\n';
    }
    if (cell(answer, "status") != "SENT") console.exit_code = exit_no;
  });
}

void add_dead_letters(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("dead-letter", "Work that exhausted its retries");
  group.require_subcommand(1);
  add_lister(group, console, "list", "Every dead letter", "/api/v1/dead-letters",
             {"id", "at", "what", "instance", "cause"});
  auto id = std::make_shared<std::string>();
  auto* show = group.add_subcommand("show", "One dead letter");
  show->add_option("id", *id, "its id")->required();
  show->callback([&console, id] {
    for (const auto& item : console.get_all("/api/v1/dead-letters", 100'000)) {
      if (cell(item, "id") == *id) {
        std::cout << item.dump(2) << '\n';
        return;
      }
    }
    end_with(exit_no, "there is no dead letter " + *id);
  });
  auto* replay = group.add_subcommand("replay", "Try it again");
  replay->add_option("id", *id, "its id")->required();
  replay->callback([&console, id] {
    console.send("POST", "/api/v1/dead-letters/" + encode(*id) + "/replay", json::object());
    std::cout << "queued again: " << *id << '\n';
  });
}

void add_status(CLI::App& app, Console& console) {
  auto* command = app.add_subcommand("status", "Whether the agent is ready, and what runs in it");
  command->callback([&console] {
    auto version = console.get("/api/v1/version");
    const auto plugins = console.get_all("/api/v1/plugins", 1000);
    const auto open = console.get_all("/api/v1/incidents?status=OPEN,ACKNOWLEDGED,IN_PROGRESS", 1000);
    const auto heartbeats = console.get_all("/api/v1/heartbeats", 1000);
    // Of a fleet whose agents are just agreeing on who decides, nobody can say.
    const auto pause = console.try_send("GET", "/api/v1/notifications/pause", json());
    if (console.json) {
      const json all{{"version", version},
                     {"plugins", plugins},
                     {"open_incidents", open.size()},
                     {"heartbeats", heartbeats},
                     {"pause", pause ? *pause : json()}};
      std::cout << all.dump(2) << '\n';
      return;
    }
    for (const auto& [key, value] : version.items())
      std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
    std::cout << "open incidents: " << open.size() << '\n';
    std::cout << (pause ? pause_line(*pause) : "whether notifications are paused: " + pause.error().message())
              << "\n\n";
    print_items(console, plugins, {"instance", "kind", "id", "version", "state", "error"});
    if (heartbeats.empty()) return;
    std::cout << '\n';
    print_items(console, heartbeats, {"name", "status", "last_ping", "last_duration_seconds", "late_at"});
  });
}

}  // namespace

void add_reader_commands(CLI::App& app, Console& console) {
  add_status(app, console);
  add_series(app, console);
  auto& signal = *app.add_subcommand("signal", "Signals: push, query and tail");
  signal.require_subcommand(1);
  add_signal_push(signal, console);
  add_signal_query(signal, console);
  add_signal_tail(signal, console);
  add_rules(app, console);
  auto& alert = *app.add_subcommand("alert", "Alerts: pending and firing, and their history");
  alert.require_subcommand(1);
  const std::vector<std::string> members{"state", "severity", "rule", "labels", "value", "active_at", "resolved_at"};
  add_lister(alert, console, "list", "Pending and firing alerts", "/api/v1/alerts", members);
  add_lister(alert, console, "history", "Alerts that were", "/api/v1/alerts/history", members);
  add_notify(app, console);
  add_dead_letters(app, console);
}

}  // namespace tocsin::app
