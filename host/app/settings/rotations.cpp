#include "settings/rotations.hpp"

#include <filesystem>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "incidents/people.hpp"
#include "incidents/rotation.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;
using incidents::OnCall;
using enum base::OptionType;

/// Where the option stands that an error of Schedule::make() begins with: "handover: …".
base::Place place_of_error(const Value& table, const std::string& message) {
  return place_of(table, message.substr(0, message.find(':')));
}

void warn_of_gaps(const model::Rotation& rotation, const incidents::Schedule& schedule, const Value& table,
                  const std::string& where, Diagnostics& diagnostics, base::Time now) {
  if (!rotation.fallback.empty()) return;
  if (!rotation.active.empty()) {
    warn_at(diagnostics, place_of(table, "active"),
            where + " active: outside " + rotation.active +
                " it yields nobody, and it has no fallback: whoever is to be told then is not");
  } else if (now != base::no_time && schedule.at(now).by == OnCall::By::nobody) {
    warn_at(diagnostics, place_of(table, "starts"),
            where + " starts: before its first hand-over at " + base::format_rfc3339(schedule.at(now).until) +
                " it yields nobody, and it has no fallback");
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

std::span<const Option> rotation_options() {
  static const std::vector<Option> options = {
      {.key = "members", .type = array, .required = true, .doc = "Contacts, in turn.", .children = strings},
      {.key = "shift",
       .type = duration,
       .fallback = "\"1w\"",
       .min = "1h",
       .max = "366d",
       .doc = "How long each has it, by the wall clock."},
      {.key = "handover",
       .type = string,
       .fallback = "\"00:00\"",
       .doc = "When shifts begin: `sun 09:00`, or `09:00`; a change of the clock does not move it."},
      {.key = "zone", .type = string, .doc = "Where these times are local, such as Asia/Riyadh; default UTC."},
      {.key = "starts",
       .type = string,
       .doc = "A date: the first member's shift begins at the first hand-over from then on, and nobody is on call "
              "before. Default: it has always been going; `tocsin oncall` says whose turn it is."},
      {.key = "fallback", .type = string, .doc = "The contact for whenever it yields nobody."},
      {.key = "active",
       .type = string,
       .doc = "A [time_interval.*] outside of which it yields nobody; default: always on."},
  };
  return options;
}

std::map<std::string, model::Rotation> read_rotations(const Value& root,
                                                      const std::map<std::string, model::TimeInterval>& intervals,
                                                      Diagnostics& diagnostics, base::Time now) {
  std::map<std::string, model::Rotation> out;
  for (const Value::Member* member : named_tables(root, "rotation", diagnostics)) {
    const std::string where = "[rotation." + member->key + "]";
    const Value table = config::validate(member->value, rotation_options(), where, diagnostics);
    model::Rotation rotation;
    rotation.name = member->key;
    rotation.members = list_of(table, "members");
    rotation.shift = duration_of(table, "shift", rotation.shift);
    rotation.handover = text_of(table, "handover", rotation.handover);
    rotation.zone = text_of(table, "zone");
    rotation.starts = text_of(table, "starts");
    rotation.fallback = text_of(table, "fallback");
    rotation.active = text_of(table, "active");
    const auto interval = intervals.find(rotation.active);
    if (!rotation.active.empty() && interval == intervals.end()) {
      error_at(diagnostics, place_of(table, "active"),
               where + " active: there is no [time_interval." + rotation.active + "]" +
                   config::did_you_mean(rotation.active, incidents::names_of(intervals)));
    }
    if (!rotation.zone.empty() && !known_zone(rotation.zone)) {
      error_at(
          diagnostics, place_of(table, "zone"),
          where + " zone: there is no time zone \"" + rotation.zone + "\"; expected a name such as \"Asia/Riyadh\"");
    } else if (table.find("members")) {
      const auto made = incidents::Schedule::make(rotation, interval == intervals.end() ? nullptr : &interval->second);
      if (!made)
        error_at(diagnostics, place_of_error(table, made.error().message()), where + " " + made.error().message());
      else if (rotation.active.empty() || interval != intervals.end())
        warn_of_gaps(rotation, *made, table, where, diagnostics, now);
    }
    out.emplace(member->key, std::move(rotation));
  }
  return out;
}

}  // namespace tocsin::settings
