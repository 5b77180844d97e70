// Row numbers of one instance, without gaps, also where several threads submit and one of them is told to come again.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

namespace tocsin::plugin_host {

/// Any thread. Numbers that were given back are given out again before new ones, so what remains has no hole.
class Sequence {
 public:
  explicit Sequence(std::uint64_t next) : next_(next) {}

  std::uint64_t reserve(std::uint32_t count) {
    std::lock_guard lock(mutex_);
    for (auto it = holes_.begin(); it != holes_.end(); ++it) {
      if (it->count < count) continue;
      std::uint64_t first = it->first;
      it->first += count;
      it->count -= count;
      if (it->count == 0) holes_.erase(it);
      return first;
    }
    std::uint64_t first = next_;
    next_ += count;
    return first;
  }
  void give_back(std::uint64_t first, std::uint32_t count) {
    if (count == 0) return;
    std::lock_guard lock(mutex_);
    if (first + count == next_)
      next_ = first;
    else
      holes_.push_back({first, count});
  }

 private:
  struct Hole {
    std::uint64_t first;
    std::uint32_t count;
  };
  std::mutex mutex_;
  std::uint64_t next_;
  std::vector<Hole> holes_;
};

}  // namespace tocsin::plugin_host
