#include "plugin_host/call_watch.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr base::Duration longest_gap = 2 * CallWatch::every;

struct Known {
  std::mutex mutex;
  std::map<const Mark*, std::weak_ptr<InstanceCore>> cores;
};

Known& watched_cores() {
  static auto& all = *new Known;  // a plugin's thread may outlive main's statics
  return all;
}

std::shared_ptr<InstanceCore> core_of(const Seen& seen) {
  std::lock_guard lock(watched_cores().mutex);
  auto at = watched_cores().cores.find(seen.mark);
  auto core = at == watched_cores().cores.end() ? nullptr : at->second.lock();
  return core != nullptr && core->number() == seen.number ? core : nullptr;
}

bool same_call(const Seen& a, const Seen& b) {
  return a.entries == b.entries && a.mark == b.mark && a.number == b.number;
}

}  // namespace

void watch_calls(const Mark& mark, std::weak_ptr<InstanceCore> core) {
  std::lock_guard lock(watched_cores().mutex);
  watched_cores().cores[&mark] = std::move(core);
}

void CallWatch::look(base::Time now) {
  const base::Duration passed =
      last_ == base::no_time ? base::Duration(0) : std::clamp(now - last_, base::Duration(0), longest_gap);
  last_ = now;
  watched_.resize(std::max(watched_.size(), seats()));
  for (std::size_t i = 0; i < watched_.size(); ++i) look(watched_[i], look_at(i), passed);
}

void CallWatch::look(Watched& watched, const Seen& seen, base::Duration passed) {
  if (!same_call(watched.seen, seen)) {
    if (watched.told) {
      if (auto core = core_of(watched.seen)) core->came_back(watched.seen.entry);
    }
    watched = {seen, base::Duration(0), false};
    return;
  }
  if (seen.mark == nullptr || seen.limit_ms == 0 || watched.told) return;
  watched.age += passed;
  if (watched.age <= std::chrono::milliseconds(seen.limit_ms)) return;
  auto core = core_of(seen);
  if (core == nullptr) return;
  watched.told = true;
  core->hangs(seen.entry);
}

}  // namespace tocsin::plugin_host
