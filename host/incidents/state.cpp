#include "incidents/state.hpp"

#include <algorithm>
#include <charconv>

#include "base/id.hpp"
#include "base/text.hpp"

namespace tocsin::incidents {
namespace {

constexpr base::Duration told_mark{-1}, routes_mark{-2}, owes_mark{-3}, follow_mark{-4}, drill_mark{-5};

/// A list that stands in the row as one more step.
std::vector<std::string> take_marked(model::Ladder& row, base::Duration mark) {
  if (row.waits.empty() || row.waits.back() != mark) return {};
  std::vector<std::string> list = std::move(row.steps.back());
  row.steps.pop_back();
  row.waits.pop_back();
  return list;
}

void add_marked(model::Ladder& row, const std::vector<std::string>& list, base::Duration mark) {
  if (list.empty()) return;
  row.steps.push_back(list);
  row.waits.push_back(mark);
}

std::string nanoseconds_of(base::Time at) {
  return std::to_string(base::to_ns(at));
}

base::Time instant_of(std::string_view nanoseconds) {
  std::int64_t ns = 0;
  std::from_chars(nanoseconds.data(), nanoseconds.data() + nanoseconds.size(), ns);
  return base::from_ns(ns);
}

/// "NS\tTARGET\tCAUSE\tREASON".
std::string text_of(const FollowUp& one) {
  return nanoseconds_of(one.at) + "\t" + one.target + "\t" + one.cause + "\t" + one.reason;
}

std::vector<FollowUp> follow_ups_of(const std::vector<std::string>& texts) {
  std::vector<FollowUp> out;
  for (const std::string& text : texts) {
    const auto parts = base::split(text, '\t');
    if (parts.size() != 4) continue;
    out.push_back({instant_of(parts[0]), std::string(parts[1]), std::string(parts[3]), std::string(parts[2])});
  }
  return out;
}

/// Of what a record's row says; 0: nothing was told.
std::uint64_t hash_of(const Record& record) {
  if (record.notified == base::no_time && record.firing.empty() && record.resolved.empty() && record.owed.empty())
    return 0;
  base::Fnv1a hash;
  const auto add = [&hash](std::uint64_t number) {
    for (int byte = 0; byte < 8; ++byte) hash.add_byte(static_cast<unsigned char>(number >> (8 * byte)));
  };
  add(static_cast<std::uint64_t>(base::to_ns(record.notified)));
  for (const auto* told : {&record.firing, &record.resolved, &record.owed}) {
    add(told->size());
    for (std::uint64_t fingerprint : *told) add(fingerprint);
  }
  return hash.value();
}

bool subset(const std::set<std::uint64_t>& part, const std::set<std::uint64_t>& whole) {
  return std::ranges::includes(whole, part);
}

}  // namespace

Climb Climb::from_row(model::Ladder row) {
  Climb climb;
  climb.exists = true;
  if (const auto drill = take_marked(row, drill_mark); !drill.empty())
    climb.drill = {instant_of(drill.front()), drill.size() > 1};
  climb.follow_ups = follow_ups_of(take_marked(row, follow_mark));
  climb.owes_end = !take_marked(row, owes_mark).empty();
  climb.told = take_marked(row, told_mark);
  climb.routes = take_marked(row, routes_mark);
  climb.row = std::move(row);
  return climb;
}

model::Ladder Climb::to_row() const {
  model::Ladder out = row;
  add_marked(out, routes, routes_mark);
  add_marked(out, told, told_mark);
  if (owes_end) add_marked(out, {"end"}, owes_mark);
  std::vector<std::string> following;
  for (const FollowUp& one : follow_ups) following.push_back(text_of(one));
  add_marked(out, following, follow_mark);
  if (drill.until != base::no_time) {
    std::vector<std::string> what{nanoseconds_of(drill.until)};
    if (drill.tickets) what.push_back("tickets");
    add_marked(out, what, drill_mark);
  }
  return out;
}

bool Case::any_firing() const {
  return std::ranges::any_of(members, [](const auto& m) { return m.second.state == model::AlertState::firing; });
}

std::vector<model::Alert> Case::alerts() const {
  std::vector<model::Alert> out;
  for (const auto& [fingerprint, alert] : members) out.push_back(alert);
  return out;
}

bool engaged(const model::TicketRef& ticket) {
  return !ticket.key.empty() || ticket.intent == "create";
}

std::vector<model::GroupState> Group::take_rows(bool gone) {
  std::vector<model::GroupState> rows;
  const auto add = [&](std::string row_key, bool row_gone) -> model::GroupState& {
    model::GroupState& row = rows.emplace_back();
    row.key = std::move(row_key);
    row.gone = row_gone;
    return row;
  };
  const bool timer_moved = !saved || saved_next != next_flush || saved_last != last_flush;
  if (gone || timer_moved) {
    model::GroupState& main = add(key, gone);
    main.labels = labels;
    main.next_flush = saved_next = next_flush;
    main.last_notified = saved_last = last_flush;
    saved = true;
  }
  for (auto& [target, record] : records) {
    if (!gone && !records_unsaved) break;
    const std::uint64_t content = hash_of(record);
    if (!gone && content == record.saved) continue;
    record.saved = content;
    model::GroupState& row = add(key + "\n" + target, gone);
    row.last_notified = record.notified;
    row.told_firing.assign(record.firing.begin(), record.firing.end());
    row.told_resolved.assign(record.resolved.begin(), record.resolved.end());
    row.owed.assign(record.owed.begin(), record.owed.end());
    row.told_flapping.assign(record.flapping.begin(), record.flapping.end());
  }
  if (gone) {
    for (const auto& [fingerprint, alert] : members) unsaved.insert(fingerprint);
  }
  for (const std::uint64_t fingerprint : unsaved) {
    const auto member = members.find(fingerprint);
    const bool left = gone || member == members.end();
    model::GroupState& row = add(key + "\n\n" + base::hex16(fingerprint), left);
    if (!left) row.members.push_back(member->second);
  }
  unsaved.clear();
  records_unsaved = false;
  return rows;
}

bool Group::told_nobody() const {
  return std::ranges::all_of(records, [](const auto& entry) {
    return entry.second.notified == base::no_time && entry.second.pending.empty();
  });
}

void Group::learn(Record& record, const model::Delivery& told) const {
  record.owed.merge(record.firing);
  record.firing.clear();
  record.resolved.clear();
  for (const model::Alert& alert : told.alerts) {
    (alert.state == model::AlertState::firing ? record.firing : record.resolved).insert(alert.fingerprint);
    record.owed.erase(alert.fingerprint);
    if (alert.annotations.has(flapping_annotation))
      record.flapping.insert(alert.fingerprint);
    else
      record.flapping.erase(alert.fingerprint);
  }
  const auto left = [&](std::uint64_t fingerprint) { return !members.contains(fingerprint); };
  std::erase_if(record.owed, left);
  std::erase_if(record.flapping, left);
  record.notified = told.created_at;
}

std::string make_group_key(const std::string& path, const std::string& group_key, bool shadow) {
  return path + "\n" + group_key + "\n" + (shadow ? "shadow" : "");
}

bool needs_telling(const Record& record, const std::set<std::uint64_t>& firing, const std::set<std::uint64_t>& resolved,
                   bool send_resolved, base::Duration repeat_interval, base::Time now) {
  if (record.notified == base::no_time) return !firing.empty();
  if (!subset(firing, record.firing)) return true;
  if (firing.empty()) return !record.firing.empty();
  if (send_resolved && !subset(resolved, record.resolved)) return true;
  return record.notified < now - repeat_interval;
}

base::Time event_time(const model::Alert& alert) {
  return std::max({alert.updated_at, alert.fired_at, alert.resolved_at});
}

}  // namespace tocsin::incidents
