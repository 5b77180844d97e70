#include "settings/intervals.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "settings/dates.hpp"
#include "settings/rotations.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;
using model::TimeSpan;
using enum base::OptionType;

// So long before the last date somebody is reminded to write the next ones.
constexpr base::Duration dates_run_out = std::chrono::hours(24 * 60);
constexpr std::string_view from_file = "file:";

const std::vector<Option> numbers_too = {{.key = "[]", .type = any}};

const std::vector<Option>& span_options() {
  static const std::vector<Option> options = {
      {.key = "weekdays", .type = array, .doc = "`monday`, `sunday:thursday`, `fri:mon`.", .children = strings},
      {.key = "times",
       .type = array,
       .doc = "`09:00-17:00`; the end does not belong to it, 24:00 is the end of the day, `22:00-06:00` wraps midnight "
              "and "
              "belongs to the day it begins on.",
       .children = strings},
      {.key = "days_of_month",
       .type = array,
       .doc = "`1:5`, `-3:-1` (the last three days), 15.",
       .children = numbers_too},
      {.key = "months", .type = array, .doc = "`january`, `6:8`, `november:february`.", .children = numbers_too},
      {.key = "years", .type = array, .doc = "2026, `2026:2028`.", .children = numbers_too},
      {.key = "zone", .type = string, .doc = "Where these are local, such as Asia/Riyadh; default UTC."},
  };
  return options;
}

std::vector<Option> interval_options() {
  std::vector<Option> options = span_options();
  options.push_back(
      {.key = "exclude_dates",
       .type = any,
       .doc = "Dates on which it does not hold: `2026-09-23`, or `file:PATH` of a file with a date a line or "
              "an iCalendar file (.ics)."});
  options.push_back({.key = "spans",
                     .type = array,
                     .doc = "Further sets of the keys above; the interval holds when any of them does.",
                     .children = span_options()});
  return options;
}

using Parse = base::Result<TimeSpan::Range> (*)(std::string_view);

class IntervalReader {
 public:
  IntervalReader(std::string where, base::Time now, Diagnostics& diagnostics)
      : where_(std::move(where)), now_(now), diagnostics_(diagnostics) {}

  model::TimeInterval read(const std::string& name, const Value& table) {
    model::TimeInterval interval;
    interval.name = name;
    interval.zone = zone(table);
    const Value* spans = table.find("spans");
    const bool own =
        std::ranges::any_of(span_options(), [&](const Option& o) { return o.key != "zone" && table.find(o.key); });
    if (own || !spans) interval.spans.push_back(span(table, where_));
    if (spans && spans->array()) {
      for (const Value& one : *spans->array()) {
        if (!one.table()) continue;
        interval.spans.push_back(span(one, where_ + " spans"));
        interval.spans.back().zone = zone(one);
      }
    }
    if (const Value* dates = table.find("exclude_dates")) exclude(*dates, interval.exclude_dates);
    return interval;
  }

 private:
  std::string zone(const Value& table) {
    const std::string name = text_of(table, "zone");
    std::error_code problem;
    if (!name.empty() && name != "UTC" && !std::filesystem::is_directory("/usr/share/zoneinfo", problem)) {
      warn_at(diagnostics_, place_of(table, "zone"),
              where_ + " zone: this machine has no time zone database, so UTC stands in; install the package tzdata");
    } else if (!name.empty() && !known_zone(name)) {
      error_at(diagnostics_, place_of(table, "zone"),
               where_ + " zone: there is no time zone \"" + name + "\"; expected a name such as \"Asia/Riyadh\"");
    }
    return name;
  }

  TimeSpan span(const Value& table, const std::string& where) {
    TimeSpan out;
    out.times = ranges(table, "times", where, model::parse_times);
    out.weekdays = ranges(table, "weekdays", where, model::parse_weekdays);
    out.days_of_month = ranges(table, "days_of_month", where, model::parse_days_of_month);
    out.months = ranges(table, "months", where, model::parse_months);
    out.years = ranges(table, "years", where, model::parse_years);
    return out;
  }

  TimeSpan::Ranges ranges(const Value& table, std::string_view key, const std::string& where, Parse parse) {
    TimeSpan::Ranges out;
    const Value* list = table.find(key);
    if (!list || !list->array()) return out;
    for (const Value& item : *list->array()) {
      const std::string text = item.integer()  ? std::to_string(*item.integer())
                               : item.string() ? *item.string()
                                               : std::string(item.type_name());
      auto range = parse(text);
      if (range)
        out.push_back(*range);
      else
        error_at(diagnostics_, item.place, where + " " + std::string(key) + ": " + range.error().message());
    }
    return out;
  }

  void exclude(const Value& written, std::vector<std::string>& out) {
    const std::size_t errors = diagnostics_.size();
    if (written.string()) {
      date_or_file(written, out);
    } else if (written.array()) {
      for (const Value& item : *written.array()) date_or_file(item, out);
    } else {
      error_at(diagnostics_, written.place,
               where_ + " exclude_dates: expected dates or \"file:PATH\", got " + std::string(written.type_name()));
    }
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    if (diagnostics_.size() == errors) runs_out(written.place, out);
  }

  void date_or_file(const Value& item, std::vector<std::string>& out) {
    const std::string text = item.string() ? *item.string() : std::string(item.type_name());
    if (is_date(text)) return out.push_back(text);
    if (!text.starts_with(from_file)) {
      return error_at(diagnostics_, item.place,
                      where_ + " exclude_dates: \"" + text +
                          "\" is no date; expected one such as 2026-09-23, or \"file:PATH\" of a list");
    }
    const std::string file = beside(text.substr(from_file.size()), item.place);
    const auto content = config::read_text(file);
    if (!content)
      return error_at(diagnostics_, item.place, where_ + " exclude_dates: " + file + " " + content.error().message());
    auto dates = parse_dates(*content, now_);
    if (!dates)
      return error_at(diagnostics_, item.place, where_ + " exclude_dates: " + file + ": " + dates.error().message());
    out.insert(out.end(), dates->begin(), dates->end());
  }

  void runs_out(const base::Place& place, const std::vector<std::string>& dates) {
    if (now_ == base::no_time) return;
    const std::string soon = base::format_rfc3339(now_ + dates_run_out).substr(0, 10);
    if (dates.empty()) return warn_at(diagnostics_, place, where_ + " exclude_dates: holds no date");
    if (dates.back() >= soon) return;
    warn_at(diagnostics_, place,
            where_ + " exclude_dates: its last date is " + dates.back() +
                ", less than 60 days from now or past: add those that follow");
  }

  std::string where_;
  base::Time now_;
  Diagnostics& diagnostics_;
};

model::Matchers matchers_of(const Value& table, std::string_view key, const std::string& where,
                            Diagnostics& diagnostics) {
  model::Matchers out;
  const Value* list = table.find(key);
  if (!list || !list->array()) return out;
  if (list->array()->empty())
    error_at(diagnostics, list->place, where + " " + std::string(key) + ": is empty and would match every alert");
  for (const Value& item : *list->array()) {
    auto matcher = model::Matcher::parse(*item.string());
    if (matcher)
      out.push_back(std::move(*matcher));
    else
      error_at(diagnostics, item.place, where + " " + std::string(key) + ": " + matcher.error().message());
  }
  return out;
}

/// The sibling takes every alert of the route: each of its matchers is one of the route's.
bool catches(const model::Route& sibling, const model::Route& route) {
  return std::ranges::all_of(sibling.matchers, [&](const model::Matcher& m) {
    return std::ranges::any_of(route.matchers, [&](const model::Matcher& own) { return own.text() == m.text(); });
  });
}

}  // namespace

std::span<const Option> time_interval_options() {
  static const std::vector<Option> options = interval_options();
  return options;
}

std::span<const Option> inhibit_options() {
  static const std::vector<Option> options = {
      {.key = "name", .type = string, .doc = "What `tocsin explain` calls it."},
      {.key = "source_matchers",
       .type = array,
       .required = true,
       .doc = "While an alert that matches these fires …",
       .children = strings},
      {.key = "target_matchers",
       .type = array,
       .required = true,
       .doc = "… nobody is told of one that matches these.",
       .children = strings},
      {.key = "equal",
       .type = array,
       .doc = "Labels whose values must be the same on both; a missing one is an empty one.",
       .children = strings},
  };
  return options;
}

std::map<std::string, model::TimeInterval> read_time_intervals(const Value& root, base::Time now,
                                                               Diagnostics& diagnostics) {
  std::map<std::string, model::TimeInterval> out;
  for (const Value::Member* member : named_tables(root, "time_interval", diagnostics)) {
    const std::string where = "[time_interval." + member->key + "]";
    const std::size_t findings = diagnostics.size();
    const Value table = config::validate(member->value, time_interval_options(), where, diagnostics);
    if (findings == diagnostics.size() && member->value.table()->empty())
      warn_at(diagnostics, member->key_place, where + " says no time: it always holds");
    out[member->key] = IntervalReader(where, now, diagnostics).read(member->key, table);
  }
  return out;
}

std::vector<model::InhibitRule> read_inhibit_rules(const Value& root, Diagnostics& diagnostics) {
  std::vector<model::InhibitRule> out;
  const Value* list = root.find("inhibit_rules");
  if (!list) return out;
  if (!list->array()) {
    error_at(diagnostics, list->place,
             "inhibit_rules: expected tables [[inhibit_rules]], got " + std::string(list->type_name()));
    return out;
  }
  for (const Value& written : *list->array()) {
    if (!written.table()) {
      error_at(diagnostics, written.place,
               "[[inhibit_rules]] expected a table, got " + std::string(written.type_name()));
      continue;
    }
    const std::string name = text_of(written, "name");
    const std::string where = name.empty() ? "[[inhibit_rules]]" : "[[inhibit_rules]] \"" + name + "\"";
    const Value table = config::validate(written, inhibit_options(), where, diagnostics);
    model::InhibitRule rule;
    rule.name = name;
    rule.source = matchers_of(table, "source_matchers", where, diagnostics);
    rule.target = matchers_of(table, "target_matchers", where, diagnostics);
    rule.equal = list_of(table, "equal");
    for (const std::string& label : rule.equal) {
      if (!is_label_name(label))
        error_at(diagnostics, place_of(table, "equal"), where + " equal: \"" + label + "\" is no label name");
    }
    out.push_back(std::move(rule));
  }
  return out;
}

std::vector<std::string> date_files(const Value& root) {
  std::vector<std::string> files;
  const auto add = [&](const Value& item) {
    if (item.string() && item.string()->starts_with(from_file))
      files.push_back(beside(item.string()->substr(from_file.size()), item.place));
  };
  const Value* intervals = root.find("time_interval");
  if (!intervals || !intervals->table()) return files;
  for (const Value::Member& member : *intervals->table()) {
    const Value* dates = member.value.find("exclude_dates");
    if (!dates) continue;
    add(*dates);
    if (dates->array()) std::ranges::for_each(*dates->array(), add);
  }
  return files;
}

bool other_hours_are_covered(const std::vector<model::Route>& siblings, std::size_t at) {
  const model::Route& route = siblings[at];
  for (std::size_t i = 0; i < siblings.size(); ++i) {
    const model::Route& other = siblings[i];
    // The alerts reach a later sibling only if this one continues, and this one only if an earlier one does.
    const bool reached = i > at ? route.continues : other.continues;
    const bool same_hours = other.active_time_intervals == route.active_time_intervals;
    if (i != at && reached && catches(other, route) && !same_hours) return true;
  }
  return false;
}

}  // namespace tocsin::settings
