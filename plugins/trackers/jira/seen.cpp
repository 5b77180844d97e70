#include "seen.hpp"

#include <algorithm>

#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

constexpr std::size_t most_seen = 2000, most_seen_bytes = 60'000, most_brought = 300;

}  // namespace

void Seen::keep(std::string id) {
  if (id.empty() || !ids_.insert(id).second) return;
  order_.push_back(std::move(id));
  if (order_.size() <= most_seen) return;
  ids_.erase(order_.front());
  order_.pop_front();
}

void Seen::load() {
  if (loaded_) return;
  const auto text = state_.get("seen").value_or("");
  loaded_ = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    keep(text.substr(at, end - at));
    at = end + 1;
  }
}

bool Seen::contains(const std::string& id) {
  load();
  return ids_.contains(id);
}

void Seen::add(const std::string& id) {
  load();
  keep(id);
  changed_ = true;
}

void Seen::save() {
  if (!changed_) return;
  std::size_t bytes = 0;
  auto first = order_.end();
  while (first != order_.begin() && bytes + std::prev(first)->size() + 1 <= most_seen_bytes)
    bytes += (--first)->size() + 1;
  std::string text;
  for (; first != order_.end(); ++first) text += *first + "\n";
  state_.put("seen", std::move(text));
  changed_ = false;
}

void Brought::load() {
  if (loaded_) return;
  const auto kept = parsed(state_.get("brought").value_or("[]"));
  loaded_ = true;
  for (const auto& entry : list_at(kept, {}))
    entries_.emplace_back(text_at(entry, {"ticket"}), number_at(entry, {"at"}));
}

void Brought::note(const std::string& ticket, tsn::Time at) {
  load();
  std::erase_if(entries_, [&](const auto& entry) { return entry.first == ticket; });
  entries_.emplace_back(ticket, at);
  if (entries_.size() > most_brought) entries_.pop_front();
  auto all = nlohmann::json::array();
  for (const auto& [key, when] : entries_) all.push_back({{"ticket", key}, {"at", when}});
  state_.put("brought", printed(all));
}

tsn::Time Brought::at(const std::string& ticket) {
  load();
  const auto found = std::ranges::find(entries_, ticket, [](const auto& entry) { return entry.first; });
  return found == entries_.end() ? 0 : found->second;
}

void Brought::created(const std::string& ticket, tsn::Time at) {
  created_.emplace_back(ticket, at);
  if (created_.size() > most_brought) created_.pop_front();
}

tsn::Time Brought::created_at(const std::string& ticket) const {
  const auto found = std::ranges::find(created_, ticket, [](const auto& entry) { return entry.first; });
  return found == created_.end() ? 0 : found->second;
}

}  // namespace tocsin_plugins::jira
