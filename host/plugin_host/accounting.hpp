// What an instance uses, counted where the host calls the plugin: one object in each call (Accounted), read by usage().
//
// A control call reads two clocks twice (the thread's processor time costs a system call, about 0.3 µs): it is worth
// that. `evaluate` is called by one thread some million times a second: it counts with a plain addition and is timed
// once in model::evaluate_sampled calls, by the wall clock alone, because a judgement waits for nothing.
#pragma once

#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "model/usage.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

inline std::uint64_t read_clock(clockid_t clock) {
  timespec at{};
  ::clock_gettime(clock, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(at.tv_nsec);
}

/// Counters of one instance. Any thread, relaxed; but evaluated() belongs to the detector's one thread.
class Account {
 public:
  void error() { errors_.fetch_add(1, std::memory_order_relaxed); }
  void signals(std::uint64_t rows) { signals_.fetch_add(rows, std::memory_order_relaxed); }
  void rejected(std::uint64_t rows) { rejected_.fetch_add(rows, std::memory_order_relaxed); }
  void refused() { refused_.fetch_add(1, std::memory_order_relaxed); }

  void called(model::Function function, bool failed, std::uint64_t ns, std::uint64_t cpu_ns) {
    auto& to = of(function);
    to.calls.fetch_add(1, std::memory_order_relaxed);
    if (failed) to.errors.fetch_add(1, std::memory_order_relaxed);
    timed(to, ns, 1);
    cpu_ns_.fetch_add(cpu_ns, std::memory_order_relaxed);
  }
  /// Counts one evaluate(); true: this one is to be timed.
  bool evaluated() {
    auto& calls = of(model::Function::evaluate).calls;
    const std::uint64_t n = calls.load(std::memory_order_relaxed);
    calls.store(n + 1, std::memory_order_relaxed);
    return n % model::evaluate_sampled == 0;
  }
  void evaluate_failed() { of(model::Function::evaluate).errors.fetch_add(1, std::memory_order_relaxed); }
  void evaluate_took(std::uint64_t ns) {
    timed(of(model::Function::evaluate), ns, model::evaluate_sampled);
    cpu_ns_.fetch_add(ns * model::evaluate_sampled, std::memory_order_relaxed);
  }

  model::Usage read() const {
    const auto value = [](const Number& number) { return number.load(std::memory_order_relaxed); };
    model::Usage out;
    for (std::size_t i = 0; i < functions_.size(); ++i) {
      auto& to = out.by_function[i];
      to.calls = value(functions_[i].calls), to.errors = value(functions_[i].errors), to.ns = value(functions_[i].ns);
      for (std::size_t b = 0; b < to.buckets.size(); ++b) to.buckets[b] = value(functions_[i].buckets[b]);
      out.calls += to.calls, out.errors += to.errors;
    }
    out.errors += value(errors_);
    out.signals = value(signals_), out.rejected = value(rejected_), out.refused = value(refused_);
    out.cpu_ns = value(cpu_ns_);
    return out;
  }

 private:
  using Number = std::atomic<std::uint64_t>;
  struct OfFunction {
    Number calls{0}, errors{0}, ns{0};
    std::array<Number, model::call_bounds.size() + 1> buckets{};
  };
  OfFunction& of(model::Function function) { return functions_[static_cast<std::size_t>(function)]; }
  static void timed(OfFunction& to, std::uint64_t ns, std::uint64_t weight) {
    const double seconds = static_cast<double>(ns) * 1e-9;
    const auto at = std::lower_bound(model::call_bounds.begin(), model::call_bounds.end(), seconds);
    to.buckets[static_cast<std::size_t>(at - model::call_bounds.begin())].fetch_add(weight, std::memory_order_relaxed);
    to.ns.fetch_add(ns * weight, std::memory_order_relaxed);
  }

  std::array<OfFunction, model::functions> functions_{};
  Number errors_{0}, signals_{0}, rejected_{0}, refused_{0}, cpu_ns_{0};
};

/// One call into the plugin, from here to the end of the scope.
class Accounted {
 public:
  Accounted(Account& account, model::Function function)
      : account_(account), function_(function), began_(read_clock(CLOCK_MONOTONIC)), cpu_(own_cpu()) {}
  Accounted(const Accounted&) = delete;
  Accounted& operator=(const Accounted&) = delete;
  ~Accounted() { account_.called(function_, failed_, read_clock(CLOCK_MONOTONIC) - began_, own_cpu() - cpu_); }
  /// Notes what the plugin answered, and passes it on.
  tsn_status ended(tsn_status status) {
    failed_ = status < 0;
    return status;
  }

 private:
  static std::uint64_t own_cpu() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }
  Account& account_;
  const model::Function function_;
  bool failed_ = false;
  const std::uint64_t began_, cpu_;
};

/// The same for evaluate().
class AccountedEvaluate {
 public:
  explicit AccountedEvaluate(Account& account) : account_(account) {
    if (account.evaluated()) [[unlikely]]
      began_ = read_clock(CLOCK_MONOTONIC);
  }
  AccountedEvaluate(const AccountedEvaluate&) = delete;
  AccountedEvaluate& operator=(const AccountedEvaluate&) = delete;
  ~AccountedEvaluate() {
    if (began_ != 0) [[unlikely]]
      account_.evaluate_took(read_clock(CLOCK_MONOTONIC) - began_);
  }

 private:
  Account& account_;
  std::uint64_t began_ = 0;
};

}  // namespace tocsin::plugin_host
