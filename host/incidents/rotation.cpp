#include "incidents/rotation.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/people.hpp"
#include "timestamp/timestamp.hpp"
#include "timestamp/zone.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::OncallOverride;
using model::Rotation;
using tocsin_plugins::day_seconds;
using tocsin_plugins::Zone;

constexpr base::Duration shortest_shift = std::chrono::hours(1);
constexpr base::Duration longest_shift = std::chrono::hours(24 * 366);
constexpr std::size_t most_overrides = 10'000;
// What is the same over more pieces than this is said to be so until then only.
constexpr int most_merged = 100;

std::int64_t whole_seconds(base::Time t) {
  return tocsin_plugins::floor_div(base::to_ns(t), 1'000'000'000);
}

base::Time instant_of(std::int64_t utc) {
  return base::Time(std::chrono::seconds(utc));
}

/// "sun 09:00": a day of the week, or none, and seconds since midnight.
struct HandOver {
  std::optional<int> weekday;  ///< 0 is Sunday
  std::int64_t time = 0;
};

std::optional<std::int64_t> clock_of(std::string_view text) {
  const auto range = text.size() == 5 ? model::parse_times(std::string(text) + "-24:00")
                                      : base::fail(Fault::invalid, "no time of day");
  if (!range || range->first >= 24 * 60) return std::nullopt;
  return range->first * 60;
}

base::Result<HandOver> hand_over_of(const std::string& text) {
  const auto bad = [&](const std::string& why) {
    return base::fail(Fault::invalid,
                      "handover: \"" + text + "\" " + why + "; write it as \"sun 09:00\", or \"09:00\" for every day");
  };
  std::vector<std::string> words;
  const std::string lower = base::lower(text);
  for (std::string_view word : base::split(lower, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  if (words.empty() || words.size() > 2) return bad("is not a day and a time");
  HandOver out;
  const auto time = clock_of(words.back());
  if (!time) return bad("has no time of day");
  out.time = *time;
  if (words.size() == 1) return out;
  const auto day = model::parse_weekdays(words.front());
  if (!day || day->first != day->second) return bad("does not name one day of the week");
  out.weekday = day->first;
  return out;
}

/// Days since 1970 of "2026-01-04".
base::Result<std::int64_t> start_of(const std::string& text) {
  if (text.empty()) return 0;
  const auto day = text.size() == 10 ? base::parse_rfc3339(text + "T00:00:00Z") : base::fail(Fault::invalid, "no date");
  if (!day) return base::fail(Fault::invalid, "starts: \"" + text + "\" is not a date; write it as \"2026-01-04\"");
  return tocsin_plugins::floor_div(whole_seconds(*day), day_seconds);
}

bool same_turn(const OnCall& a, const OnCall& b) {
  return a.contact == b.contact && a.by == b.by && a.override_id == b.override_id &&
         (a.by != OnCall::By::shift || a.shift == b.shift);
}

}  // namespace

std::string_view to_string(OnCall::By by) {
  constexpr std::array<std::string_view, 4> words{"shift", "override", "fallback", "nobody"};
  return words[static_cast<std::size_t>(by)];
}

struct Schedule::Rule {
  std::vector<std::string> members;
  std::string fallback;
  Zone zone;
  std::int64_t first = 0;   ///< local seconds of the first hand-over
  std::int64_t length = 0;  ///< seconds by the wall clock
  std::optional<Interval> active;

  base::Time begin_of(std::int64_t shift) const { return instant_of(zone.to_utc(first + shift * length)); }

  /// The shift that `t` is in. A skipped hour may leave a shift of no length: it is nobody's.
  std::int64_t shift_at(base::Time t) const {
    const std::int64_t utc = whole_seconds(t);
    std::int64_t shift = tocsin_plugins::floor_div(utc + zone.offset_at(utc) - first, length);
    while (begin_of(shift) > t) --shift;
    while (begin_of(shift + 1) <= t) ++shift;
    return shift;
  }

  OnCall nobody(OnCall out) const {
    out.contact = fallback;
    out.by = fallback.empty() ? OnCall::By::nobody : OnCall::By::fallback;
    return out;
  }
};

base::Result<Schedule> Schedule::make(const Rotation& rotation, const model::TimeInterval* active) {
  if (rotation.members.empty()) return base::fail(Fault::invalid, "members: names nobody; give at least one contact");
  if (rotation.shift < shortest_shift || rotation.shift > longest_shift) {
    return base::fail(Fault::invalid, "shift: must be from 1h to 366d, not " + base::format_duration(rotation.shift));
  }
  auto rule = std::make_shared<Rule>();
  rule->members = rotation.members;
  rule->fallback = rotation.fallback;
  rule->length = std::chrono::duration_cast<std::chrono::seconds>(rotation.shift).count();
  TRY(const HandOver hand_over, hand_over_of(rotation.handover));
  TRY(std::int64_t day, start_of(rotation.starts));
  if (hand_over.weekday) {
    const std::int64_t weekday = day + 4 - tocsin_plugins::floor_div(day + 4, 7) * 7;  // 1970-01-01 was a Thursday
    day += (*hand_over.weekday - weekday + 7) % 7;
  }
  rule->first = day * day_seconds + hand_over.time;
  if (!rotation.zone.empty()) {
    std::string error;
    auto zone = Zone::find(rotation.zone, error);
    if (!zone) return base::fail(Fault::invalid, "zone: " + error);
    rule->zone = *zone;
  }
  if (active) rule->active.emplace(*active);
  Schedule out;
  out.rule_ = std::move(rule);
  return out;
}

OnCall Schedule::at(base::Time t) const {
  const Rule& rule = *rule_;
  OnCall out;
  if (t < rule.begin_of(0)) {
    out.until = rule.begin_of(0);
    out.shift = -1;
    return rule.nobody(std::move(out));
  }
  out.shift = rule.shift_at(t);
  out.since = rule.begin_of(out.shift);
  out.until = rule.begin_of(out.shift + 1);
  bool on = true;
  if (rule.active) {
    base::Time change = rule.active->next_change(out.since);
    while (change <= t) {
      out.since = change;
      change = rule.active->next_change(change);
    }
    out.until = std::min(out.until, change);
    on = rule.active->holds(t);
  }
  if (!on) return rule.nobody(std::move(out));
  out.by = OnCall::By::shift;
  out.contact = rule.members[static_cast<std::size_t>(out.shift) % rule.members.size()];
  return out;
}

// --- Roster ---

void Roster::configure(const model::Routing& routing) {
  schedules_.clear();
  for (const auto& [name, rotation] : routing.rotations) {
    const auto interval = routing.time_intervals.find(rotation.active);
    auto made = Schedule::make(rotation, interval == routing.time_intervals.end() ? nullptr : &interval->second);
    if (made) schedules_.emplace(name, std::move(*made));
  }
  contacts_ = names_of(routing.contacts);
}

void Roster::learn(std::vector<OncallOverride> rows) {
  overrides_.clear();
  for (OncallOverride& row : rows) overrides_[row.id] = std::move(row);
}

std::vector<std::string> Roster::rotations() const {
  return names_of(schedules_);
}

/// What holds at `t`, as far as nothing begins or ends around it.
OnCall Roster::piece(const Schedule& schedule, std::string_view rotation, base::Time t) const {
  OnCall out = schedule.at(t);
  const OncallOverride* winner = nullptr;
  for (const auto& [id, one] : overrides_) {
    if (one.rotation != rotation) continue;
    for (const base::Time edge : {one.from, one.until}) {
      if (edge <= t) out.since = std::max(out.since, edge);
      if (edge > t) out.until = std::min(out.until, edge);
    }
    const auto made = [](const OncallOverride& o) { return std::tie(o.created_at, o.id); };
    if (one.from <= t && t < one.until && (!winner || made(*winner) < made(one))) winner = &one;
  }
  if (winner) {
    out.contact = winner->contact;
    out.by = OnCall::By::override_;
    out.override_id = winner->id;
  }
  return out;
}

std::optional<OnCall> Roster::at(std::string_view rotation, base::Time t) const {
  const auto found = schedules_.find(rotation);
  if (found == schedules_.end()) return std::nullopt;
  OnCall out = piece(found->second, rotation, t);
  for (int i = 0; i < most_merged; ++i) {
    const OnCall next = piece(found->second, rotation, out.until);
    if (!same_turn(out, next)) break;
    out.until = next.until;
  }
  for (int i = 0; i < most_merged && out.since != base::no_time; ++i) {
    const OnCall before = piece(found->second, rotation, out.since - base::Duration(1));
    if (!same_turn(out, before)) break;
    out.since = before.since;
  }
  return out;
}

std::vector<OnCall> Roster::between(std::string_view rotation, base::Time from, base::Time to) const {
  std::vector<OnCall> out;
  for (base::Time t = from; t < to;) {
    auto one = at(rotation, t);
    if (!one) return out;
    t = one->until;
    out.push_back(std::move(*one));
  }
  return out;
}

base::Result<OncallOverride> Roster::add(OncallOverride made, base::Time now, std::vector<OncallOverride>& rows) {
  if (!has(made.rotation)) {
    return base::fail(Fault::not_found, "there is no rotation \"" + made.rotation + "\"" +
                                            did_you_mean(made.rotation, names_of(schedules_)));
  }
  if (std::ranges::find(contacts_, made.contact) == contacts_.end()) {
    return base::fail(Fault::invalid,
                      "there is no contact \"" + made.contact + "\"" + did_you_mean(made.contact, contacts_));
  }
  if (made.from == base::no_time) made.from = now;
  if (made.until <= made.from || made.until <= now) {
    return base::fail(Fault::invalid, "until: an override ends after it begins, and after now; " +
                                          base::format_rfc3339(made.until) + " does not");
  }
  std::erase_if(overrides_, [&](const auto& entry) {
    if (entry.second.until > now - kept_overrides) return false;
    rows.push_back(entry.second);
    return rows.back().gone = true;
  });
  if (overrides_.size() >= most_overrides) {
    return base::fail(Fault::exhausted, "there are " + std::to_string(most_overrides) +
                                            " overrides already; delete some: `tocsin oncall override --delete ID`");
  }
  made.id = base::uuid_v7(now);
  made.created_at = now;
  overrides_[made.id] = made;
  rows.push_back(made);
  return made;
}

base::Result<void> Roster::remove(const std::string& id, std::vector<OncallOverride>& rows) {
  const auto found = overrides_.find(id);
  if (found == overrides_.end()) return base::fail(Fault::not_found, "there is no override " + id);
  rows.push_back(std::move(found->second));
  rows.back().gone = true;
  overrides_.erase(found);
  return {};
}

std::vector<OncallOverride> Roster::overrides(base::Time now) const {
  std::vector<OncallOverride> out;
  for (const auto& [id, one] : overrides_) {
    if (one.until > now) out.push_back(one);
  }
  std::ranges::stable_sort(out, {}, &OncallOverride::from);
  return out;
}

}  // namespace tocsin::incidents
