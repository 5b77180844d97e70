// How many messages a recipient gets in a time: what was sent lately, and when the next one may leave. No clock.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "model/limit.hpp"

namespace tocsin::delivery {

class Pace {
 public:
  void sent(const std::string& who, base::Time at);
  /// It did not arrive after all.
  void undo(const std::string& who, base::Time at);
  /// When the next message to `who` may leave; `now`: at once. Within (t − within, t] at most `count` are sent.
  base::Time next(const std::string& who, std::span<const model::Limit> limits, base::Time now) const;
  /// Forgets what no limit looks back to.
  void forget(base::Time before);
  std::size_t recipients() const { return sent_.size(); }

 private:
  std::unordered_map<std::string, std::deque<base::Time>> sent_;  ///< oldest first
};

}  // namespace tocsin::delivery
