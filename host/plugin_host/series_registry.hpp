// The series one instance has asked for: handles in, agent-wide ids out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/labels.hpp"
#include "model/series_table.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

class SeriesRegistry {
 public:
  /// `added`: the agent's and the instance's labels, given to every series that lacks them.
  SeriesRegistry(model::SeriesTable& table, model::Labels added, std::uint32_t limit, std::uint32_t generation);

  /// host->series. Any thread; a known series takes a shared lock and no allocation.
  tsn_status intern(tsn_str name, const tsn_label* labels, std::uint32_t count, tsn_series* out, tsn_err* err);

  /// What batches are decoded against, without a lock: ids[low half of the handle - 1] where the upper half is
  /// `generation` and the low half at most `count`.
  struct View {
    std::uint32_t generation;
    std::uint32_t count;
    const model::SeriesId* ids;
  };
  View snapshot() const { return {generation_, count_.load(std::memory_order_acquire), ids_.get()}; }
  std::uint32_t size() const { return count_.load(std::memory_order_acquire); }
  /// What the known series take here, about: keys, ids and the table's nodes. Any thread.
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  tsn_status add(const std::string& key, model::SeriesKey series, tsn_series* out, tsn_err* err);
  tsn_series handle_of(std::uint32_t index) const { return std::uint64_t{generation_} << 32 | (index + 1); }

  model::SeriesTable& table_;
  const model::Labels added_;
  const std::uint32_t limit_, generation_;
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::size_t> bytes_{0};
  /// Room for `limit_` ids from the start, so that readers never see it move; pages are touched as series come.
  std::unique_ptr<model::SeriesId[]> ids_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> known_;
};

}  // namespace tocsin::plugin_host
