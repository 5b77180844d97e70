#include "event_log.hpp"

#include <algorithm>

namespace tocsin_plugins::kube {

std::uint64_t EventLog::rise(const Object& event, Seen how, tsn::Time told_until) {
  const auto [at, fresh] = known_.try_emplace(event.key);
  auto& known = at->second;
  known.list = list_;
  const auto before = known;
  known.count = std::max(known.count, event.count);
  known.at = std::max(known.at, event.at);
  if (!fresh) {
    if (event.count > before.count) return event.count - before.count;
    return event.at > before.at ? 1 : 0;
  }
  if (how == Seen::added) return event.count;
  if (how == Seen::modified) return 1;  // how often before is not known
  if (whole_) return event.count;
  return told_until != 0 && event.at > told_until ? 1 : 0;
}

void EventLog::end_list() {
  std::erase_if(known_, [this](const auto& one) { return one.second.list != list_; });
  whole_ = true;
}

}  // namespace tocsin_plugins::kube
