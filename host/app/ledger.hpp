// What the instances of one name used, the ones that were exchanged included: counters go on where the predecessor's
// ended, as whoever reads them as rates expects.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "plugin_host/session.hpp"

namespace tocsin::app {

/// Any thread.
class Ledger {
 public:
  /// An instance is on its way out: what it uses counts until close() of it.
  void leaving(std::shared_ptr<plugin_host::Instance> instance) {
    std::lock_guard lock(mutex_);
    leaving_.push_back(std::move(instance));
  }
  /// Stops what is on its way out, if it is still there, and keeps its sums.
  void close(const plugin_host::Instance* instance) {
    std::shared_ptr<plugin_host::Instance> gone = find(instance);
    if (!gone) return;
    gone->stop();
    std::lock_guard lock(mutex_);
    if (std::erase(leaving_, gone) == 0) return;
    auto sums = gone->usage();
    sums.memory_bytes = 0;
    past_.add(sums);
  }
  void close_all() {
    for (const auto* instance : all()) close(instance);
  }
  void upgraded(bool done) {
    std::lock_guard lock(mutex_);
    ++(done ? upgrades_ : upgrades_failed_);
  }
  void overrun() {
    std::lock_guard lock(mutex_);
    ++past_.overruns;
  }
  /// Of `now` and all before it.
  plugin_host::Usage usage(const plugin_host::Instance* now) const {
    std::lock_guard lock(mutex_);
    plugin_host::Usage sum = now ? now->usage() : plugin_host::Usage{};
    sum.add(past_);
    for (const auto& instance : leaving_)
      if (instance.get() != now) sum.add(instance->usage());
    return sum;
  }
  std::pair<std::uint64_t, std::uint64_t> upgrades() const {
    std::lock_guard lock(mutex_);
    return {upgrades_, upgrades_failed_};
  }

 private:
  std::shared_ptr<plugin_host::Instance> find(const plugin_host::Instance* instance) const {
    std::lock_guard lock(mutex_);
    for (const auto& one : leaving_)
      if (one.get() == instance) return one;
    return nullptr;
  }
  std::vector<const plugin_host::Instance*> all() const {
    std::lock_guard lock(mutex_);
    std::vector<const plugin_host::Instance*> out;
    for (const auto& one : leaving_) out.push_back(one.get());
    return out;
  }

  mutable std::mutex mutex_;
  plugin_host::Usage past_;
  std::vector<std::shared_ptr<plugin_host::Instance>> leaving_;
  std::uint64_t upgrades_ = 0, upgrades_failed_ = 0;
};

}  // namespace tocsin::app
