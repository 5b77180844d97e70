#include "model/labels.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

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

Labels::Labels(std::vector<Pair> pairs) {
  if (in_order(pairs)) {
    keep(std::move(pairs));
    return;
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    bool last_of_its_name = i + 1 == pairs.size() || pairs[i + 1].first != pairs[i].first;
    if (!last_of_its_name || pairs[i].second.empty()) continue;
    if (kept != i) pairs[kept] = std::move(pairs[i]);
    ++kept;
  }
  pairs.resize(kept);
  keep(std::move(pairs));
}

void Labels::keep(Pairs&& pairs) {
  pairs_ = pairs.empty() ? nullptr : std::make_shared<const Pairs>(std::move(pairs));
}

std::string_view Labels::get(std::string_view name) const {
  const Pair* at = std::lower_bound(begin(), end(), name, before);
  return at != end() && at->first == name ? std::string_view(at->second) : std::string_view();
}

void Labels::set(std::string_view name, std::string_view value) {
  if (value.empty()) return erase(name);
  const Pair* at = std::lower_bound(begin(), end(), name, before);
  const bool known = at != end() && at->first == name;
  if (known && at->second == value) return;
  Pairs changed;
  changed.reserve(size() + 1);
  changed.insert(changed.end(), begin(), at);
  changed.emplace_back(name, value);
  changed.insert(changed.end(), known ? at + 1 : at, end());
  keep(std::move(changed));
}

void Labels::erase(std::string_view name) {
  const Pair* at = std::lower_bound(begin(), end(), name, before);
  if (at == end() || at->first != name) return;
  Pairs changed = copy();
  changed.erase(changed.begin() + (at - begin()));
  keep(std::move(changed));
}

void Labels::add_missing(const Labels& other) {
  if (other.empty()) return;
  if (empty()) {
    pairs_ = other.pairs_;
    return;
  }
  Pairs merged;
  merged.reserve(size() + other.size());
  // Of equal names std::set_union takes the one from the first range.
  std::set_union(begin(), end(), other.begin(), other.end(), std::back_inserter(merged),
                 [](const Pair& a, const Pair& b) { return a.first < b.first; });
  keep(std::move(merged));
}

Labels Labels::only(std::span<const std::string> names) const {
  Pairs chosen;
  for (const Pair& pair : *this) {
    if (std::find(names.begin(), names.end(), pair.first) != names.end()) chosen.push_back(pair);
  }
  Labels out;
  out.keep(std::move(chosen));
  return out;
}

std::uint64_t Labels::fingerprint() const {
  base::Fnv1a hash;
  for (const Pair& pair : *this) hash.add(pair.first).add_byte(0xff).add(pair.second).add_byte(0xff);
  return hash.value();
}

std::string Labels::text() const {
  std::string out = "{";
  for (const Pair& pair : *this) {
    if (out.size() > 1) out += ',';
    out += pair.first;
    out += '=';
    out += quote(pair.second);
  }
  return out += '}';
}

bool Labels::operator==(const Labels& other) const {
  return pairs_ == other.pairs_ || std::equal(begin(), end(), other.begin(), other.end());
}

std::strong_ordering Labels::operator<=>(const Labels& other) const {
  return std::lexicographical_compare_three_way(begin(), end(), other.begin(), other.end());
}

}  // namespace tocsin::model
