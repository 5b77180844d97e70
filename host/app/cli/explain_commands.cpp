// tocsin explain: who was or was not told, why, and what comes next. tocsin route test: who would be.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/agent.hpp"
#include "app/cli/commands.hpp"
#include "base/text.hpp"
#include "incidents/calendar.hpp"
#include "incidents/silences.hpp"
#include "incidents/trial.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

base::Time instant_or_end(const std::string& text, const std::string& option) {
  const auto at = base::parse_instant(text, base::SystemClock().now());
  if (!at) end_with(exit_usage, option + ": " + at.error().message());
  return *at;
}

// --- explain ---------------------------------------------------------------------------------------------------------

std::string labels_text(const json& labels) {
  std::string text;
  for (const auto& [name, value] : labels.items())
    text += (text.empty() ? "" : " ") + name + "=" + value.get<std::string>();
  return text;
}

std::string person(const json& entry) {
  const std::string who = cell(entry, "who"), target = cell(entry, "target");
  if (who == "-") return target;
  return target == "-" ? who : who + " by " + target;
}

std::string about(const json& entry) {
  std::string text = cell(entry, "title");
  if (text == "-") text = labels_text(entry.value("labels", json::object()));
  if (const auto alerts = entry.value("alerts", 0); alerts > 1)
    text += (text.empty() ? "" : " ") + std::to_string(alerts) + " alerts";
  if (cell(entry, "incident") != "-") text = "#" + cell(entry, "incident") + " " + text;
  return text.empty() ? "-" : text;
}

std::string why(const json& entry) {
  std::string text;
  auto add = [&](const std::string& before, const std::string& what) {
    if (what != "-") text += (text.empty() ? "" : ", ") + before + what;
  };
  add("by ", cell(entry, "by"));
  add("until ", cell(entry, "until"));
  add("", cell(entry, "text"));
  return text.empty() ? "-" : text;
}

void print_explanation(const json& answer) {
  std::cout << cell(answer, "verdict") << '\n';
  if (cell(answer, "remedy") != "-") std::cout << "→ " << cell(answer, "remedy") << '\n';
  const json& entries = answer.at("entries");
  if (!entries.empty()) {
    Rows rows{{"AT", "WHAT", "WHOM", "ABOUT", "WHY"}};
    for (const auto& entry : entries)
      rows.push_back({cell(entry, "at"), cell(entry, "kind"), person(entry), about(entry), why(entry)});
    std::cout << '\n';
    print_table(rows);
  }
  if (answer.value("more", false)) std::cout << "… and more: name a shorter span, or matchers\n";
  if (answer.at("next").empty()) return;
  Rows rows{{"NEXT", "WHAT", "WHOM", "ABOUT", "WHY"}};
  for (const auto& due : answer.at("next")) {
    json shown = due;
    std::string who;
    for (const auto& name : due.value("who", json::array())) who += (who.empty() ? "" : ", ") + name.get<std::string>();
    shown["who"] = who == cell(due, "target") ? "" : who;
    rows.push_back({cell(due, "at"), cell(due, "what"), person(shown), about(shown), cell(due, "text")});
  }
  std::cout << '\n';
  print_table(rows);
}

void add_explain(CLI::App& app, Console& console) {
  struct Arguments {
    std::string from, to, rule, incident, who;
    std::vector<std::string> matchers;
  };
  auto args = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("explain", "Who was or was not told, why, and what comes next");
  command->add_option("matchers", args->matchers,
                      "matchers on labels of alerts, such as team=payments or 'host=~\"n.*\"'");
  command->add_option("--from", args->from,
                      "from when: RFC 3339, \"2026-11-20 03:00\" (UTC), -2h, \"2h ago\"; default one day back");
  command->add_option("--to", args->to, "until when; default now");
  command->add_option("--rule", args->rule, "only this rule's alerts");
  command->add_option("--incident", args->incident, "an incident's number or correlation id");
  command->add_option("--who", args->who, "a contact's name: was this one told?");
  command->callback([&console, args] {
    std::string target = "/api/v1/explain?";
    for (const auto& [key, value] : {std::pair{"from", args->from}, {"to", args->to}}) {
      if (value.empty()) continue;
      target +=
          std::string(key) + "=" + encode(base::format_rfc3339(instant_or_end(value, "--" + std::string(key)))) + "&";
    }
    for (const auto& [key, value] : {std::pair{"rule", args->rule}, {"incident", args->incident}, {"who", args->who}}) {
      if (!value.empty()) target += std::string(key) + "=" + encode(value) + "&";
    }
    for (const auto& matcher : args->matchers) {
      if (const auto parsed = model::Matcher::parse(matcher); !parsed) end_with(exit_usage, parsed.error().message());
      target += "match=" + encode(matcher) + "&";
    }
    target.pop_back();
    const auto answer = console.get(target);
    if (console.json)
      std::cout << answer.dump(2) << '\n';
    else
      print_explanation(answer);
    if (!answer.value("told", false)) console.exit_code = exit_no;
  });
}

// --- route test ------------------------------------------------------------------------------------------------------

/// An alert with these labels, as detection or the Alertmanager API would give it.
model::Alert alert_of(const std::vector<std::string>& pairs, base::Time at) {
  model::Alert alert;
  std::vector<model::Labels::Pair> labels;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == pair.npos || equals == 0) end_with(exit_usage, "\"" + pair + "\" is not label=value");
    std::string value = pair.substr(equals + 1);
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    labels.emplace_back(pair.substr(0, equals), std::move(value));
  }
  alert.labels = model::Labels(std::move(labels));
  if (const auto category = model::parse_category(alert.labels.get("category"))) alert.category = *category;
  alert.fingerprint = alert.labels.fingerprint();
  alert.rule = alert.title = std::string(alert.labels.get("alertname"));
  alert.state = model::AlertState::firing;
  alert.active_at = alert.fired_at = alert.updated_at = at;
  return alert;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "-" : out;
}

std::string matchers_text(const model::Matchers& matchers) {
  std::vector<std::string> words;
  for (const auto& matcher : matchers) words.push_back(matcher.text());
  return words.empty() ? "every alert" : joined(words);
}

json json_of(const incidents::TrialRoute& route) {
  json intervals = json::array();
  for (const auto& interval : route.intervals) {
    intervals.push_back({{"name", interval.name},
                         {"mutes", interval.mutes},
                         {"holds", interval.holds ? json(*interval.holds) : json()}});
  }
  const model::Route& r = route.route;
  return {{"path", route.path},
          {"name", r.name},
          {"group_key", route.group_key},
          {"group_by", r.group_by},
          {"group_wait", base::format_duration(r.group_wait)},
          {"group_interval", base::format_duration(r.group_interval)},
          {"repeat_interval", base::format_duration(r.repeat_interval)},
          {"policy", r.policy},
          {"notify", r.notify},
          {"send_resolved", r.send_resolved},
          {"open_after", {{"alerts", r.open_after.alerts}, {"within", base::format_duration(r.open_after.within)}}},
          {"shadow", r.shadow},
          {"intervals", intervals},
          {"open", route.open}};
}

json json_of(const incidents::Trial& trial, base::Time at) {
  json routes = json::array(), messages = json::array();
  for (const auto& route : trial.routes) routes.push_back(json_of(route));
  for (const auto& m : trial.messages) {
    messages.push_back({{"at", base::format_rfc3339(m.at)},
                        {"step", m.step},
                        {"target", m.target},
                        {"instance", m.instance},
                        {"who", m.who},
                        {"address", m.address}});
  }
  return {{"at", base::format_rfc3339(at)},
          {"severity", model::to_string(trial.severity)},
          {"told", trial.anybody()},
          {"policy", trial.policy},
          {"silenced", trial.silenced},
          {"shadow", trial.shadow},
          {"routes", routes},
          {"messages", messages},
          {"problems", trial.problems}};
}

void print_route(const incidents::TrialRoute& route, model::Severity severity) {
  const model::Route& r = route.route;
  std::cout << "route " << route.path << "  (" << matchers_text(r.matchers) << ")\n";
  std::cout << "  group     " << route.group_key << '\n';
  std::cout << "  timers    group_wait " << base::format_duration(r.group_wait) << ", group_interval "
            << base::format_duration(r.group_interval) << ", repeat_interval "
            << base::format_duration(r.repeat_interval) << '\n';
  if (!r.notify.empty()) std::cout << "  notify    " << joined(r.notify) << '\n';
  if (!r.policy.empty()) std::cout << "  policy    " << r.policy << '\n';
  if (r.open_after.alerts > 1) {
    std::cout << "  incident  "
              << (severity == model::Severity::critical
                      ? std::string("at once, because it is CRITICAL")
                      : "with " + std::to_string(r.open_after.alerts) + " alerts within " +
                            base::format_duration(r.open_after.within) + "; the ladder begins then")
              << '\n';
  }
  for (const auto& interval : route.intervals) {
    std::cout << (interval.mutes ? "  mute      " : "  active    ") << interval.name << ": "
              << (!interval.holds   ? "not judged"
                  : *interval.holds ? "holds"
                                    : "does not hold")
              << '\n';
  }
  if (!route.open) std::cout << "  told      nobody at this time, by its intervals\n";
  if (r.shadow) std::cout << "  told      nobody: the route is in shadow\n";
}

void print_trial(const incidents::Trial& trial, base::Time at) {
  std::cout << "at " << base::format_rfc3339(at) << ", severity " << model::to_string(trial.severity) << "\n\n";
  if (trial.routes.empty()) std::cout << "no [route] is configured\n";
  for (const auto& route : trial.routes) print_route(route, trial.severity);
  if (!trial.policy.empty()) std::cout << "\nladder " << trial.policy << ", until somebody acknowledges\n";
  if (!trial.messages.empty()) {
    Rows rows{{"AT", "STEP", "WHO", "BY", "TARGET"}};
    for (const auto& m : trial.messages)
      rows.push_back({base::format_rfc3339(m.at), m.step, m.who.empty() ? "-" : m.who, m.instance, m.target});
    std::cout << '\n';
    print_table(rows);
  }
  for (const auto& problem : trial.problems) std::cout << "warning: " << problem << '\n';
  if (!trial.silenced.empty()) std::cout << "silenced by " << trial.silenced << '\n';
  if (!trial.anybody())
    std::cout << "nobody would be told" << (trial.shadow ? ": shadow mode records, nothing leaves" : "") << '\n';
}

void add_route_test(CLI::App& group, Console& console) {
  struct Arguments {
    std::string config, at = "now";
    std::vector<std::string> labels;
  };
  auto args = std::make_shared<Arguments>();
  auto* command = group.add_subcommand("test", "Which routes an alert takes, and who would be told when");
  command->add_option("labels", args->labels, "the alert's labels: team=payments severity=critical")->required();
  command->add_option("--at", args->at, "when it fires: RFC 3339, \"2026-11-20 03:00\" (UTC), +2h")
      ->capture_default_str();
  command->add_option("-c,--config", args->config, "agent.toml; without one the embedded default");
  command->callback([&console, args] {
    const base::Time at = instant_or_end(args->at, "--at");
    const model::Alert alert = alert_of(args->labels, at);
    const auto routing = read_routing(config_or_default(args->config));
    if (!routing) end_with(exit_usage, routing.error().message());
    // Time intervals and configured silences are judged where the calendar is given.
    incidents::Silences silences;
    silences.configure(routing->silences, routing->severity);
    incidents::Judges judges;
    judges.interval = [](const model::TimeInterval& interval, base::Time when) {
      return incidents::Interval(interval).holds(when);
    };
    judges.silence = [&](const model::Alert& which, base::Time when) {
      const auto held = silences.of(which, when);
      return held ? held->by : std::string();
    };
    const auto trial = incidents::try_routes(*routing, alert, at, judges);
    if (console.json)
      std::cout << json_of(trial, at).dump(2) << '\n';
    else
      print_trial(trial, at);
    if (!trial.anybody()) console.exit_code = exit_no;
  });
}

}  // namespace

void add_explain_commands(CLI::App& app, Console& console) {
  add_explain(app, console);
  auto& route = *app.add_subcommand("route", "Routes: who is told of what");
  route.require_subcommand(1);
  add_route_test(route, console);
}

}  // namespace tocsin::app
