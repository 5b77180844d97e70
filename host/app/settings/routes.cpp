#include "settings/routes.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "incidents/desk.hpp"
#include "incidents/people.hpp"
#include "settings/intervals.hpp"
#include "settings/rotations.hpp"
#include "settings/silences.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;
using model::Route;
using model::Routing;

// A person reads one message in two seconds, at most.
constexpr std::uint32_t default_storm_after = 30;

class RouteReader {
 public:
  RouteReader(const Value& root, const Agent& agent, Diagnostics& diagnostics, base::Time now)
      : root_(root), agent_(agent), diagnostics_(diagnostics), now_(now) {}

  Routing run() {
    severity();
    contacts();
    groups();
    policies();
    out_.time_intervals = read_time_intervals(root_, now_, diagnostics_);
    out_.rotations = read_rotations(root_, out_.time_intervals, diagnostics_, now_);
    out_.inhibit_rules = read_inhibit_rules(root_, diagnostics_);
    if (const Value* route = root_.find("route")) root_route(*route);
    out_.silences = read_silences(root_, diagnostics_);
    out_.shadow = agent_.shadow;
    out_.external_url = agent_.http.external_url;
    return std::move(out_);
  }

 private:
  model::Severity own_word(const Value& value, const std::string& where) {
    auto severity = model::parse_severity(*value.string());
    if (!severity) error_at(diagnostics_, value.place, where + ": " + severity.error().message());
    return severity.value_or(model::Severity::high);
  }

  void severity() {
    const Value* written = root_.find("severity");
    const Value table = config::validate(written ? *written : Value(), severity_options(), "[severity]", diagnostics_);
    out_.severity.as_received = text_of(table, "compare") == "received";
    out_.severity.unknown = own_word(*table.find("unknown"), "[severity] unknown");
    if (const Value* map = table.find("map")) {
      for (const Value::Member& member : *map->table()) {
        out_.severity.map[base::lower(member.key)] = own_word(member.value, "[severity] map." + member.key);
      }
    }
  }

  void contacts() {
    for (const Value::Member* member : named_tables(root_, "contact", diagnostics_)) {
      const std::string where = "[contact." + member->key + "]";
      const Value table = config::validate(member->value, contact_options(), where, diagnostics_);
      model::Contact contact{member->key,
                             text_of(table, "email"),
                             text_of(table, "phone"),
                             text_of(table, "slack"),
                             text_of(table, "zone"),
                             {},
                             {}};
      if (!contact.zone.empty() && !known_zone(contact.zone)) {
        error_at(
            diagnostics_, place_of(table, "zone"),
            where + " zone: there is no time zone \"" + contact.zone + "\"; expected a name such as \"Asia/Riyadh\"");
      }
      if (const Value* prefer = table.find("prefer")) {
        for (const Value& one : *prefer->array()) preference(contact, one, where);
      }
      for (const Value::Member& field : *table.table()) own_field(contact, field, where);
      out_.contacts[member->key] = std::move(contact);
    }
  }

  void preference(model::Contact& contact, const Value& one, const std::string& where) {
    contact.prefer.push_back({text_of(one, "by"), duration_of(one, "after")});
    if (contact.prefer.size() > 1 || contact.prefer.back().after.count() == 0) return;
    warn_at(diagnostics_, place_of(one, "after"),
            where + " prefer: the first way is tried at once; `after` counts for those behind it");
  }

  /// Any other key is an address of a notifier of one's own, unless it looks like one of ours misspelt.
  void own_field(model::Contact& contact, const Value::Member& field, const std::string& where) {
    std::vector<std::string> ours;
    for (const base::Option& option : contact_options()) {
      if (option.key == field.key) return;
      ours.push_back(option.key);
    }
    if (!field.value.string()) return;
    const std::string hint = config::did_you_mean(field.key, ours);
    if (!hint.empty())
      warn_at(diagnostics_, field.key_place, where + " \"" + field.key + "\" counts as an address of one's own" + hint);
    contact.fields[field.key] = *field.value.string();
  }

  void groups() {
    for (const Value::Member* member : named_tables(root_, "group", diagnostics_)) {
      const Value table = config::validate(member->value, group_options(), "[group." + member->key + "]", diagnostics_);
      out_.groups[member->key] = {member->key, list_of(table, "members")};
    }
  }

  void policies() {
    for (const Value::Member* member : named_tables(root_, "policy", diagnostics_)) {
      const Value table =
          config::validate(member->value, policy_options(), "[policy." + member->key + "]", diagnostics_);
      model::Policy policy;
      policy.name = member->key;
      policy.repeat = static_cast<int>(table.find("repeat")->number());
      policy.on_exhausted = list_of(table, "on_exhausted");
      if (const Value* steps = table.find("steps")) {
        for (const Value& step : *steps->array())
          policy.steps.push_back({list_of(step, "notify"), duration_of(step, "escalate_after")});
      }
      out_.policies[member->key] = std::move(policy);
    }
  }

  void root_route(const Value& written) {
    Route root;
    root.group_by = {"alertname", "service"};
    const Value table = config::validate(written, route_options(), "[route]", diagnostics_);
    if (table.find("matchers")) {
      error_at(diagnostics_, place_of(table, "matchers"),
               "[route] matchers: the root takes every alert; put matchers into a [[route.routes]]");
    }
    if (table.find("name"))
      error_at(diagnostics_, place_of(table, "name"), "[route] name: the root has none; children have");
    out_.reopen_window = duration_of(table, "reopen_window", out_.reopen_window);
    out_.reload_restarts_timers = text_of(table, "reload_timers") == "restart";
    out_.receivers = list_of(table, "receivers");
    out_.resolve_timeout = duration_of(table, "resolve_timeout", out_.resolve_timeout);
    out_.resolve_silenced = flag_of(table, "resolve_silenced", out_.resolve_silenced);
    out_.storm.after = number_of(table, "storm_after", default_storm_after);
    out_.storm.window = duration_of(table, "storm_window", out_.storm.window);
    out_.storm.every = duration_of(table, "storm_every", out_.storm.every);
    read(table, "[route]", root);
    root.name = root.path = "root";
    children(table, root);
    out_.root = std::move(root);
  }

  /// What the table gives replaces what was inherited.
  void read(const Value& table, const std::string& where, Route& route) {
    route.name = text_of(table, "name");
    route.continues = flag_of(table, "continue");
    route.policy = text_of(table, "policy", route.policy);
    if (table.find("notify")) route.notify = list_of(table, "notify");
    if (table.find("group_by")) route.group_by = list_of(table, "group_by");
    route.group_wait = duration_of(table, "group_wait", route.group_wait);
    route.group_interval = duration_of(table, "group_interval", route.group_interval);
    route.repeat_interval = duration_of(table, "repeat_interval", route.repeat_interval);
    route.send_resolved = flag_of(table, "send_resolved", route.send_resolved);
    route.shadow = flag_of(table, "shadow", route.shadow);
    route.receiver = text_of(table, "receiver", route.receiver);
    route.tier = flag_of(table, "tier", route.tier);
    if (const Value* after = table.find("open_after")) {
      if (const Value* alerts = after->find("alerts"))
        route.open_after.alerts = static_cast<std::uint32_t>(alerts->number());
      route.open_after.within = duration_of(*after, "within");
    }
    dampers(table, where, route.flaps);
    route.active_time_intervals = intervals(table, "active_time_intervals", where);
    route.mute_time_intervals = intervals(table, "mute_time_intervals", where);
    matchers(table, where, route);
  }

  static std::uint32_t number_of(const Value& table, std::string_view key, std::uint32_t fallback = 0) {
    const Value* value = table.find(key);
    return value ? static_cast<std::uint32_t>(value->number()) : fallback;
  }

  void dampers(const Value& table, const std::string& where, model::FlapDamping& flaps) {
    flaps.every = duration_of(table, "report_interval", flaps.every);
    if (const Value* count = table.find("m_of_n")) {
      flaps.m = number_of(*count, "m");
      flaps.n = number_of(*count, "n");
      if (flaps.m > flaps.n)
        error_at(diagnostics_, count->place, where + " m_of_n: m is more than n, so nobody would ever be told");
    }
    const Value* detection = table.find("flap_detection");
    if (!detection) return;
    flaps.high = detection->find("high_flap_threshold")->number();
    flaps.low = detection->find("low_flap_threshold")->number();
    if (flaps.high > 0 && flaps.low >= flaps.high) {
      error_at(diagnostics_, detection->place,
               where + " flap_detection: low_flap_threshold must be less than high_flap_threshold");
    }
    if (flaps.high > 0 && flaps.low <= 0) {
      error_at(diagnostics_, detection->place,
               where + " flap_detection: with a low_flap_threshold of 0 it would never have settled");
    }
  }

  void matchers(const Value& table, const std::string& where, Route& route) {
    route.matchers.clear();
    const Value* list = table.find("matchers");
    if (!list) return;
    for (const Value& item : *list->array()) {
      auto matcher = model::Matcher::parse(*item.string());
      if (matcher)
        route.matchers.push_back(std::move(*matcher));
      else
        error_at(diagnostics_, item.place, where + " matchers: " + matcher.error().message());
    }
  }

  std::vector<std::string> intervals(const Value& table, std::string_view key, const std::string& where) {
    const std::vector<std::string> names = list_of(table, key);
    if (names.empty()) return names;
    const std::vector<std::string> known = incidents::names_of(out_.time_intervals);
    for (const Value& item : *table.find(key)->array()) {
      if (std::ranges::find(known, *item.string()) != known.end()) continue;
      error_at(diagnostics_, item.place,
               where + " " + std::string(key) + ": there is no [time_interval." + *item.string() + "]" +
                   config::did_you_mean(*item.string(), known));
    }
    return names;
  }

  void children(const Value& table, Route& parent) {
    const Value* list = table.find("routes");
    if (!list) return;
    std::vector<std::pair<std::size_t, base::Place>> limited;
    for (const Value& written : *list->array()) {
      if (!written.table()) {
        error_at(diagnostics_, written.place,
                 "[[route.routes]] expected a table, got " + std::string(written.type_name()));
        continue;
      }
      const std::string name = text_of(written, "name");
      const std::string where = name.empty() ? "[[route.routes]]" : "[[route.routes]] \"" + name + "\"";
      const Value checked = config::validate(written, route_options(), where, diagnostics_);
      Route child = parent;
      child.routes.clear();
      read(checked, where, child);
      child.path = parent.path + "/" + (name.empty() ? std::to_string(parent.routes.size() + 1) : name);
      for (const std::string key : {"reopen_window", "resolve_timeout", "receivers", "reload_timers",
                                    "resolve_silenced", "storm_after", "storm_window", "storm_every"}) {
        if (checked.find(key))
          error_at(diagnostics_, place_of(checked, key), where + " " + key + ": belongs to the root [route]");
      }
      if (child.matchers.empty() && !checked.find("matchers")) {
        warn_at(diagnostics_, written.place,
                where + " has no matchers: it takes every alert that reaches it, and siblings after it get none");
      }
      children(checked, child);
      parent.routes.push_back(std::move(child));
      if (!parent.routes.back().active_time_intervals.empty())
        limited.emplace_back(parent.routes.size() - 1, place_of(checked, "active_time_intervals"));
    }
    for (const auto& [at, place] : limited) {
      if (other_hours_are_covered(parent.routes, at)) continue;
      const Route& route = parent.routes[at];
      const std::string name = route.name.empty() ? "[[route.routes]]" : "[[route.routes]] \"" + route.name + "\"";
      warn_at(diagnostics_, place,
              name +
                  " active_time_intervals: outside them nobody is told: no sibling takes its alerts for the other "
                  "hours; give it continue = true and a sibling with the same matchers");
    }
  }

  const Value& root_;
  const Agent& agent_;
  Diagnostics& diagnostics_;
  base::Time now_;
  Routing out_;
};

/// Where the thing stands that a finding of check_routing() begins with: `policy "x" …`, `route "x" …`.
base::Place place_of_finding(const Value& root, const std::string& finding) {
  const std::size_t open = finding.find('"');
  const std::size_t close = open == std::string::npos ? open : finding.find('"', open + 1);
  const Value* route = root.find("route");
  base::Place fallback = route ? route->place : root.place;
  if (close == std::string::npos) return fallback;
  const std::string section = finding.substr(0, finding.find(' '));
  const std::string name = finding.substr(open + 1, close - open - 1);
  if (section == "route") {
    std::vector<const Value*> routes;
    if (route) routes.push_back(route);
    for (std::size_t at = 0; at < routes.size(); ++at) {
      if (text_of(*routes[at], "name") == name) return routes[at]->place;
      const Value* children = routes[at]->find("routes");
      if (!children || !children->array()) continue;
      for (const Value& child : *children->array()) routes.push_back(&child);
    }
    return fallback;
  }
  const Value* tables = root.find(section);
  if (tables && tables->table()) {
    for (const Value::Member& member : *tables->table()) {
      if (member.key == name) return member.key_place;
    }
  }
  return fallback;
}

}  // namespace

Routing read_routing(const Value& root, const Agent& agent, Diagnostics& diagnostics, base::Time now) {
  return RouteReader(root, agent, diagnostics, now).run();
}

void check_routes(const Value& root, const Routing& routing, const std::vector<Instance>& instances,
                  Diagnostics& diagnostics) {
  const auto configured = [](const Instance& i) { return i.kind == "notifier" && i.enabled && i.place.file; };
  const auto notifier = std::ranges::find_if(instances, configured);
  if (notifier != instances.end() && !routing.root) {
    error_at(diagnostics, notifier->place,
             "[" + notifier->full_name() +
                 "] there is no [route], so nobody would be told: write [route] with policy = …, notify = "
                 "[\"" +
                 notifier->name + "\"], or nothing in it (then severities decide)");
  }
  const bool waiting =
      std::ranges::any_of(instances, [](const Instance& i) { return i.kind == "notifier" && i.waiting; });
  for (std::string& finding : incidents::check_routing(routing)) {
    // A preference for a notifier that is not there is skipped; a tier that reaches nobody is the rest's matter too.
    const bool soft = waiting || finding.starts_with("contact ") || finding.find("the tiers ") != std::string::npos;
    const base::Place place = place_of_finding(root, finding);
    if (soft)
      warn_at(diagnostics, place, std::move(finding));
    else
      error_at(diagnostics, place, std::move(finding));
  }
}

}  // namespace tocsin::settings
