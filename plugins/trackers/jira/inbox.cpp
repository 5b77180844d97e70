#include "inbox.hpp"

#include <algorithm>
#include <set>

#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

std::string slot_key(int slot) {
  return "inbox/" + std::to_string(slot);
}

}  // namespace

void Inbox::load() {
  if (loaded_) return;
  const auto order = parsed(state_.get("inbox").value_or("[]"));
  for (const auto& each : list_at(order, {})) {
    const int slot = each.is_number_unsigned() ? static_cast<int>(each.get<std::uint64_t>() % (4 * most)) : 0;
    const auto kept = parsed(state_.get(slot_key(slot)).value_or(""));
    if (auto event = event_of_json(kept))
      entries_.push_back({slot, std::move(*event), 0, 0, number_at(kept, {"since"})});
  }
  loaded_ = true;
}

void Inbox::save_order() {
  auto order = nlohmann::json::array();
  for (const auto& entry : entries_) order.push_back(entry.slot);
  if (order.empty())
    state_.remove("inbox");
  else
    state_.put("inbox", printed(order));
}

int Inbox::free_slot() const {
  std::set<int> used;
  for (const auto& entry : entries_) used.insert(entry.slot);
  int slot = 1;
  while (used.contains(slot)) ++slot;
  return slot;
}

bool Inbox::put(const std::vector<Event>& events, tsn::Time now, tsn::Time due) {
  const std::lock_guard lock(mutex_);
  load();
  auto before = entries_;
  try {
    for (const auto& event : events) {
      const auto same = [&](const Entry& entry) {
        return entry.event.id == event.id && entry.event.ticket == event.ticket;
      };
      if (std::ranges::any_of(entries_, same)) continue;
      if (entries_.size() >= most) return entries_ = std::move(before), false;
      const int slot = free_slot();
      auto text = json_of_event(event);
      text["since"] = now;
      state_.put(slot_key(slot), printed(text));
      entries_.push_back({slot, event, 0, due, now});
    }
    if (entries_.size() != before.size()) save_order();
  } catch (...) {
    entries_ = std::move(before);
    throw;
  }
  return true;
}

bool Inbox::holds(const std::string& ticket) {
  const std::lock_guard lock(mutex_);
  load();
  return std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.event.ticket == ticket; });
}

std::vector<Inbox::Entry> Inbox::due(tsn::Time now) {
  const std::lock_guard lock(mutex_);
  load();
  std::vector<Entry> out;
  std::set<std::string> held;
  for (const auto& entry : entries_) {
    if (held.contains(entry.event.ticket)) continue;
    if (entry.due > now)
      held.insert(entry.event.ticket);
    else
      out.push_back(entry);
  }
  return out;
}

void Inbox::done(int slot) {
  const std::lock_guard lock(mutex_);
  if (std::erase_if(entries_, [&](const Entry& entry) { return entry.slot == slot; }) == 0) return;
  save_order();
  state_.remove(slot_key(slot));
}

void Inbox::later(int slot, tsn::Time due) {
  const std::lock_guard lock(mutex_);
  for (auto& entry : entries_)
    if (entry.slot == slot) ++entry.tries, entry.due = due;
}

tsn::Time Inbox::next() {
  const std::lock_guard lock(mutex_);
  load();
  tsn::Time next = INT64_MAX;
  std::set<std::string> first;
  for (const auto& entry : entries_)
    if (first.insert(entry.event.ticket).second) next = std::min(next, entry.due);
  return next;
}

std::size_t Inbox::size() {
  const std::lock_guard lock(mutex_);
  load();
  return entries_.size();
}

}  // namespace tocsin_plugins::jira
