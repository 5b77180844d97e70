#include "model/labels.hpp"

#include <algorithm>
#include <iterator>

#include "base/id.hpp"
#include "model/quoting.hpp"

namespace tocsin::model {
namespace {

bool before(const Labels::Pair& pair, std::string_view name) {
  return pair.first < name;
}

/// Sorted by name, each once, none empty: the common case, when labels come from a place that keeps them so.
bool in_order(const std::vector<Labels::Pair>& pairs) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].second.empty() || (i > 0 && pairs[i - 1].first >= pairs[i].first)) return false;
  }
  return true;
}

}  // namespace

Labels::Labels(std::initializer_list<Pair> pairs) : Labels(std::vector<Pair>(pairs)) {}

Labels::Labels(std::vector<Pair> pairs) : pairs_(std::move(pairs)) {
  if (in_order(pairs_)) return;
  std::stable_sort(pairs_.begin(), pairs_.end(), [](const Pair& a, const Pair& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    bool last_of_its_name = i + 1 == pairs_.size() || pairs_[i + 1].first != pairs_[i].first;
    if (!last_of_its_name || pairs_[i].second.empty()) continue;
    if (kept != i) pairs_[kept] = std::move(pairs_[i]);
    ++kept;
  }
  pairs_.resize(kept);
}

std::string_view Labels::get(std::string_view name) const {
  auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name, before);
  return at != pairs_.end() && at->first == name ? std::string_view(at->second) : std::string_view();
}

void Labels::set(std::string_view name, std::string_view value) {
  if (value.empty()) return erase(name);
  auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name, before);
  if (at != pairs_.end() && at->first == name)
    at->second = value;
  else
    pairs_.emplace(at, name, value);
}

void Labels::erase(std::string_view name) {
  auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name, before);
  if (at != pairs_.end() && at->first == name) pairs_.erase(at);
}

void Labels::add_missing(const Labels& other) {
  if (other.empty()) return;
  std::vector<Pair> merged;
  merged.reserve(pairs_.size() + other.pairs_.size());
  // Of equal names std::set_union takes the one from the first range.
  std::set_union(std::make_move_iterator(pairs_.begin()), std::make_move_iterator(pairs_.end()), other.begin(),
                 other.end(), std::back_inserter(merged),
                 [](const Pair& a, const Pair& b) { return a.first < b.first; });
  pairs_ = std::move(merged);
}

Labels Labels::only(std::span<const std::string> names) const {
  Labels chosen;
  for (const Pair& pair : pairs_) {
    if (std::find(names.begin(), names.end(), pair.first) != names.end()) chosen.pairs_.push_back(pair);
  }
  return chosen;
}

std::uint64_t Labels::fingerprint() const {
  base::Fnv1a hash;
  for (const Pair& pair : pairs_) hash.add(pair.first).add_byte(0xff).add(pair.second).add_byte(0xff);
  return hash.value();
}

std::string Labels::text() const {
  std::string out = "{";
  for (const Pair& pair : pairs_) {
    if (out.size() > 1) out += ',';
    out += pair.first;
    out += '=';
    out += quote(pair.second);
  }
  return out += '}';
}

}  // namespace tocsin::model
