#include "delivery/pace.hpp"

#include <algorithm>

namespace tocsin::delivery {

void Pace::sent(const std::string& who, base::Time at) {
  auto& times = sent_[who];
  times.insert(std::ranges::upper_bound(times, at), at);
}

void Pace::undo(const std::string& who, base::Time at) {
  const auto it = sent_.find(who);
  if (it == sent_.end()) return;
  if (const auto one = std::ranges::find(it->second, at); one != it->second.end()) it->second.erase(one);
  if (it->second.empty()) sent_.erase(it);
}

base::Time Pace::next(const std::string& who, std::span<const model::Limit> limits, base::Time now) const {
  const auto it = sent_.find(who);
  if (it == sent_.end()) return now;
  base::Time at = now;
  for (const auto& limit : limits) {
    const auto& times = it->second;
    if (limit.count == 0 || times.size() < limit.count) continue;
    // The oldest of the last `count` has to leave the window first.
    at = std::max(at, times[times.size() - limit.count] + limit.within);
  }
  return at;
}

void Pace::forget(base::Time before) {
  for (auto it = sent_.begin(); it != sent_.end();) {
    auto& times = it->second;
    times.erase(times.begin(), std::ranges::lower_bound(times, before));
    it = times.empty() ? sent_.erase(it) : std::next(it);
  }
}

}  // namespace tocsin::delivery
