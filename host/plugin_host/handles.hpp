// Generation-tagged integers in place of pointers: what a plugin holds can be stale or foreign, and is then refused.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace tocsin::plugin_host {

/// Slots behind handles: generation in the upper half, slot number from 1 in the lower. Not thread-safe: the owner
/// locks.
template <class T>
class HandleTable {
 public:
  /// Tables of different instances start at different generations, so that a handle of one is refused by another.
  explicit HandleTable(std::uint32_t first_generation) : first_generation_(first_generation) {}

  std::uint64_t put(T value) {
    std::uint32_t index;
    if (free_.empty()) {
      index = static_cast<std::uint32_t>(slots_.size());
      slots_.push_back({first_generation_, std::nullopt});
    } else {
      index = free_.back();
      free_.pop_back();
    }
    slots_[index].value.emplace(std::move(value));
    ++size_;
    return std::uint64_t{slots_[index].generation} << 32 | (index + 1);
  }
  T* find(std::uint64_t handle) {
    Slot* slot = slot_of(handle);
    return slot ? &*slot->value : nullptr;
  }
  std::optional<T> take(std::uint64_t handle) {
    Slot* slot = slot_of(handle);
    if (slot == nullptr) return std::nullopt;
    std::optional<T> out = std::move(slot->value);
    slot->value.reset();
    ++slot->generation;
    --size_;
    free_.push_back(static_cast<std::uint32_t>(handle) - 1);
    return out;
  }
  std::size_t size() const { return size_; }
  std::vector<std::uint64_t> handles() const {
    std::vector<std::uint64_t> out;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].value) out.push_back(std::uint64_t{slots_[i].generation} << 32 | (i + 1));
    }
    return out;
  }

 private:
  struct Slot {
    std::uint32_t generation;
    std::optional<T> value;
  };
  Slot* slot_of(std::uint64_t handle) {
    std::uint64_t index = (handle & 0xFFFFFFFFu) - 1;  // 0 becomes huge
    if (index >= slots_.size()) return nullptr;
    Slot& slot = slots_[index];
    return slot.value && slot.generation == handle >> 32 ? &slot : nullptr;
  }

  const std::uint32_t first_generation_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace tocsin::plugin_host
