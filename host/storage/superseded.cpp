#include "storage/superseded.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace tocsin::storage {
namespace {

bool replaces(const model::Incident&) {
  return true;
}
/// What the journal, read again, gives once more changes nothing about a delivery that is known.
bool replaces(const model::Delivery& delivery) {
  return delivery.state != model::DeliveryState::pending || delivery.attempts > 0 || delivery.outcome_unknown;
}

/// The newest of each key moves to where the first one stands; the others go.
template <class T>
void newest_to_first_place(std::vector<model::Changes>& decisions, std::vector<T> model::Changes::* rows,
                           std::string T::* key) {
  std::unordered_map<std::string, T*> first;
  for (model::Changes& decision : decisions) {
    auto& all = decision.*rows;
    std::vector<T> kept;
    // Reserved: `first` points into it.
    kept.reserve(all.size());
    for (T& row : all) {
      const auto known = first.find(row.*key);
      if (known == first.end()) {
        kept.push_back(std::move(row));
        first.emplace(kept.back().*key, &kept.back());
      } else if (replaces(row)) {
        *known->second = std::move(row);
      }
    }
    all = std::move(kept);
  }
}

/// The newest of each key stays where it is.
template <class T, class KeyOf>
void newest_alone(std::vector<model::Changes>& decisions, std::vector<T> model::Changes::* rows, KeyOf key_of) {
  std::unordered_set<std::string> seen;
  for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
    auto& all = (*decision).*rows;
    std::vector<T> kept;
    for (auto row = all.rbegin(); row != all.rend(); ++row)
      if (seen.insert(key_of(*row)).second) kept.push_back(std::move(*row));
    std::ranges::reverse(kept);
    all = std::move(kept);
  }
}

}  // namespace

void leave_out_superseded(std::vector<model::Changes>& decisions) {
  newest_to_first_place(decisions, &model::Changes::incidents, &model::Incident::correlation_id);
  // A replayed letter's delivery begins anew: what stood before it and what comes after are not one.
  const bool replayed = std::ranges::any_of(decisions, [](const auto& d) { return !d.dead_letters_replayed.empty(); });
  if (!replayed) newest_to_first_place(decisions, &model::Changes::deliveries, &model::Delivery::key);
  newest_alone(decisions, &model::Changes::groups, [](const auto& row) { return row.key; });
  newest_alone(decisions, &model::Changes::ladders, [](const auto& row) { return row.correlation_id; });
  newest_alone(decisions, &model::Changes::kv, [](const auto& row) { return row.first; });
  bool later = false;
  for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
    if (later) decision->journal_position = 0;
    later = later || decision->journal_position != 0;
  }
}

void Awaited::await(Keys& keys, const std::string& key, std::uint64_t position) {
  const auto [at, fresh] = keys.try_emplace(key, position);
  if (!fresh && std::exchange(at->second, position) == position) return;
  by_position_.push_back({position, &keys, &at->first});
}

void Awaited::note(const std::vector<const model::Changes*>& decisions, std::uint64_t position) {
  for (const model::Changes* decision : decisions) {
    for (const model::Delivery& delivery : decision->deliveries)
      if (replaces(delivery)) await(deliveries_, delivery.key, position);
    for (const model::GroupState& group : decision->groups) await(groups_, group.key, position);
  }
}

void Awaited::leave_out(std::vector<model::Changes>& decisions, std::uint64_t position) const {
  const auto later = [position](const Keys& keys, const std::string& key) {
    const auto known = keys.find(key);
    return known != keys.end() && known->second > position;
  };
  for (model::Changes& decision : decisions) {
    std::erase_if(decision.deliveries, [&](const auto& row) { return later(deliveries_, row.key); });
    std::erase_if(decision.groups, [&](const auto& row) { return later(groups_, row.key); });
  }
}

void Awaited::forget(std::uint64_t position) {
  while (!by_position_.empty() && by_position_.front().position <= position) {
    const Place place = by_position_.front();
    by_position_.pop_front();
    // One that is noted again later goes with its last place.
    if (const auto known = place.keys->find(*place.key); known->second == place.position) place.keys->erase(known);
  }
}

}  // namespace tocsin::storage
