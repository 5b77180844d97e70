// Time as the whole host sees it: nanoseconds since 1970, and a clock that is always a parameter.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace tocsin::base {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

constexpr std::int64_t to_ns(Time t) {
  return t.time_since_epoch().count();
}
constexpr Time from_ns(std::int64_t ns) {
  return Time(Duration(ns));
}
/// "No time": 1970-01-01T00:00:00Z, which no event of ours has.
constexpr Time no_time{};

/// Tells the time. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
};

/// Stands still until told otherwise: tests, replay, backtest.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start = from_ns(1'700'000'000'000'000'000)) : ns_(to_ns(start)) {}
  Time now() const override { return from_ns(ns_.load(std::memory_order_relaxed)); }
  void set(Time t) { ns_.store(to_ns(t), std::memory_order_relaxed); }
  void advance(Duration d) { ns_.fetch_add(d.count(), std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> ns_;
};

}  // namespace tocsin::base
