#include "settings/later_sections.hpp"

#include <filesystem>

#include "config/schema.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using enum base::OptionType;

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

}  // namespace

bool known_zone(const std::string& zone) {
  const std::filesystem::path database = "/usr/share/zoneinfo";
  std::error_code problem;
  if (zone.starts_with('/') || zone.find("..") != std::string::npos) return false;
  if (zone == "UTC" || !std::filesystem::is_directory(database, problem)) return true;
  return std::filesystem::is_regular_file(database / zone, problem);
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
