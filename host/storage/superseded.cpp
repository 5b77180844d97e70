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

}  // namespace tocsin::storage
