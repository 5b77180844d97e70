#include "plugin_host/series_registry.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/text.hpp"
#include "plugin_host/abi_text.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr std::size_t longest_text = 1024;
constexpr std::uint32_t max_labels = 256;

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

/// Why a name or label cannot be taken, or null.
const char* defect_of(tsn_str s, bool may_be_empty) {
  if (!sound(s)) return "has a length and no bytes";
  if (s.n == 0 && !may_be_empty) return "is empty";
  if (s.n > longest_text) return "is longer than 1 KiB";
  return base::valid_utf8(view(s)) ? nullptr : "is not UTF-8";
}

/// Labels without empty values, sorted; the last of equal names wins.
void normalise(Pairs& pairs) {
  std::stable_sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i + 1 < pairs.size() && pairs[i + 1].first == pairs[i].first) continue;
    if (!pairs[i].second.empty()) pairs[kept++] = pairs[i];
  }
  pairs.resize(kept);
}

/// 0xff occurs in no UTF-8 text, so different (name, labels) give different keys.
void write_key(std::string_view name, const Pairs& pairs, std::string& key) {
  key.assign(name);
  for (const auto& [label, value] : pairs) key.append(1, '\xff').append(label).append(1, '\xff').append(value);
}

}  // namespace

SeriesRegistry::SeriesRegistry(model::SeriesTable& table, model::Labels added, std::uint32_t limit,
                               std::uint32_t generation)
    : table_(table),
      added_(std::move(added)),
      limit_(std::max(limit, 1u)),
      generation_(generation),
      ids_(new model::SeriesId[limit_]) {
  ids_[0] = 0;  // decoding reads it for handles it then rejects
}

tsn_status SeriesRegistry::intern(tsn_str name, const tsn_label* labels, std::uint32_t count, tsn_series* out,
                                  tsn_err* err) {
  if (out == nullptr) return refuse(err, TSN_INVALID, "series: no place for the handle was given");
  *out = 0;
  if (const char* defect = defect_of(name, false))
    return refuse(err, TSN_INVALID, std::string("series: the name ") + defect);
  if (count > max_labels || (labels == nullptr && count > 0)) {
    return refuse(err, TSN_INVALID, "series: there are " + std::to_string(count) + " labels, 256 are possible");
  }
  thread_local Pairs pairs;
  thread_local std::string key;
  pairs.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    const char* defect = defect_of(labels[i].name, false);
    if (defect == nullptr) defect = defect_of(labels[i].value, true);
    if (defect != nullptr) {
      return refuse(
          err, TSN_INVALID,
          "series " + std::string(view(name)) + ": name or value of label " + std::to_string(i) + " " + defect);
    }
    pairs.emplace_back(view(labels[i].name), view(labels[i].value));
  }
  normalise(pairs);
  write_key(view(name), pairs, key);
  {
    std::shared_lock lock(mutex_);
    if (auto it = known_.find(std::string_view(key)); it != known_.end()) return *out = handle_of(it->second), TSN_OK;
  }
  model::SeriesKey series{std::string(view(name)), {}};
  series.labels = model::Labels(std::vector<model::Labels::Pair>(pairs.begin(), pairs.end()));
  series.labels.add_missing(added_);
  return add(key, std::move(series), out, err);
}

tsn_status SeriesRegistry::add(const std::string& key, model::SeriesKey series, tsn_series* out, tsn_err* err) {
  std::unique_lock lock(mutex_);
  if (auto it = known_.find(std::string_view(key)); it != known_.end()) return *out = handle_of(it->second), TSN_OK;
  std::uint32_t index = count_.load(std::memory_order_relaxed);
  if (index == limit_) {
    return refuse(err, TSN_CARDINALITY,
                  "series: the source's limit of " + std::to_string(limit_) +
                      " series is reached; drop labels with many values, or raise max_series");
  }
  ids_[index] = table_.intern(std::move(series));
  known_.emplace(key, index);
  constexpr std::size_t node = 64;  // of the map, with the string's head
  bytes_.fetch_add(key.size() + node + sizeof(model::SeriesId), std::memory_order_relaxed);
  count_.store(index + 1, std::memory_order_release);
  *out = handle_of(index);
  return TSN_OK;
}

}  // namespace tocsin::plugin_host
