#include "settings/later_sections.hpp"

#include <filesystem>

#include "config/schema.hpp"
#include "model/matcher.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;
using enum base::OptionType;

const std::vector<Option> strings = {{.key = "[]", .type = string}};

const std::vector<Option>& time_interval_options() {
  static const std::vector<Option> options = {
      {.key = "weekdays", .type = array, .children = strings},
      {.key = "times", .type = array, .children = strings},
      {.key = "days_of_month", .type = array, .children = strings},
      {.key = "months", .type = array, .children = strings},
      {.key = "years", .type = array, .children = strings},
      {.key = "zone", .type = string},
      {.key = "exclude_dates", .type = any},
  };
  return options;
}

const std::vector<Option>& silence_options() {
  static const std::vector<Option> options = {
      {.key = "matchers", .type = array, .required = true, .doc = "Which alerts.", .children = strings},
      {.key = "every", .type = string},
      {.key = "for", .type = duration},
      {.key = "zone", .type = string},
      {.key = "from", .type = string},
      {.key = "until", .type = string},
      {.key = "comment", .type = string},
      {.key = "except", .type = array, .children = strings},
  };
  return options;
}

const std::vector<Option>& rotation_options() {
  static const std::vector<Option> options = {
      {.key = "members", .type = array, .required = true, .doc = "Contacts, in turn.", .children = strings},
      {.key = "shift", .type = duration, .min = "1h"},
      {.key = "handover", .type = string},
      {.key = "zone", .type = string},
      {.key = "starts", .type = string},
      {.key = "fallback", .type = string},
  };
  return options;
}

void zone_of(const Value& table, const std::string& where, Diagnostics& diagnostics) {
  const std::string zone = text_of(table, "zone");
  if (!zone.empty() && !known_zone(zone)) {
    error_at(diagnostics, place_of(table, "zone"),
             where + " zone: there is no time zone \"" + zone + "\"; expected a name such as \"Asia/Riyadh\"");
  }
}

void matchers_of(const Value& table, std::string_view key, const std::string& where, Diagnostics& diagnostics) {
  const Value* list = table.find(key);
  if (!list || !list->array()) return;
  for (const Value& item : *list->array()) {
    auto matcher = model::Matcher::parse(*item.string());
    if (!matcher) error_at(diagnostics, item.place, where + " " + std::string(key) + ": " + matcher.error().message());
  }
}

void each(const Value& root, const std::string& section, const std::vector<Option>& options, const std::string& what,
          Diagnostics& diagnostics) {
  for (const Value::Member* member : named_tables(root, section, diagnostics)) {
    const std::string where = "[" + section + "." + member->key + "]";
    const Value table = config::validate(member->value, options, where, diagnostics);
    zone_of(table, where, diagnostics);
    matchers_of(table, "matchers", where, diagnostics);
    matchers_of(table, "except", where, diagnostics);
    warn_at(diagnostics, member->key_place, where + " is not available in this version: " + what);
  }
}

}  // namespace

bool known_zone(const std::string& zone) {
  const std::filesystem::path database = "/usr/share/zoneinfo";
  std::error_code problem;
  if (zone.starts_with('/') || zone.find("..") != std::string::npos) return false;
  if (zone == "UTC" || !std::filesystem::is_directory(database, problem)) return true;
  return std::filesystem::is_regular_file(database / zone, problem);
}

void check_later_sections(const Value& root, Diagnostics& diagnostics) {
  each(root, "time_interval", time_interval_options(), "nothing is limited to it", diagnostics);
  each(root, "silence", silence_options(), "nothing is silenced by it", diagnostics);
}

std::vector<Rotation> read_rotations(const Value& root, Diagnostics& diagnostics) {
  std::vector<Rotation> out;
  for (const Value::Member* member : named_tables(root, "rotation", diagnostics)) {
    const std::string where = "[rotation." + member->key + "]";
    const Value table = config::validate(member->value, rotation_options(), where, diagnostics);
    zone_of(table, where, diagnostics);
    out.push_back({member->key, list_of(table, "members"), text_of(table, "fallback"), member->key_place});
  }
  return out;
}

}  // namespace tocsin::settings
