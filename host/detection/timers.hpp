// What is to happen when, by instant: a heap of four children per node, which touches half the lines a binary one does.
// Entries are not removed when a due instant changes; the owner compares an entry with its own note and skips stale
// ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "detection/window.hpp"

namespace tocsin::detection {

struct Timer {
  static constexpr std::uint32_t tick = 0xffffffffu;  ///< as group: the rule's schedule, all of its groups

  std::int64_t due = never;
  std::uint32_t rule = 0;
  std::uint32_t group = 0;
  /// Equal instants go by rule and group, so that the order does not depend on how entries came in.
  bool operator<(const Timer& other) const { return due != other.due ? due < other.due : place() < other.place(); }
  std::uint64_t place() const { return std::uint64_t{rule} << 32 | group; }
};

class Timers {
 public:
  bool empty() const { return heap_.empty(); }
  std::int64_t due() const { return heap_.empty() ? never : heap_.front().due; }
  const Timer& top() const { return heap_.front(); }

  void push(Timer timer) {
    std::size_t at = heap_.size();
    heap_.push_back(timer);
    while (at > 0) {
      const std::size_t parent = (at - 1) / 4;
      if (!(timer < heap_[parent])) break;
      heap_[at] = heap_[parent];
      at = parent;
    }
    heap_[at] = timer;
  }

  Timer pop() {
    const Timer top = heap_.front();
    const Timer last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(last);
    return top;
  }

  template <class Condition>
  void remove_if(Condition&& condition) {
    std::vector<Timer> kept;
    for (const Timer& timer : heap_)
      if (!condition(timer)) kept.push_back(timer);
    heap_.clear();
    for (const Timer& timer : kept) push(timer);
  }

 private:
  void sink(const Timer timer) {
    const std::size_t n = heap_.size();
    std::size_t at = 0;
    for (std::size_t child = 1; child < n; child = 4 * at + 1) {
      std::size_t least = child;
      for (std::size_t i = child + 1; i < std::min(child + 4, n); ++i)
        if (heap_[i] < heap_[least]) least = i;
      if (!(heap_[least] < timer)) break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = timer;
  }

  std::vector<Timer> heap_;
};

}  // namespace tocsin::detection
