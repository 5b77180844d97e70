#include "model/usage.hpp"

#include <algorithm>
#include <numeric>

namespace tocsin::model {

std::string_view to_string(Function function) {
  static constexpr std::array<std::string_view, functions> names{
      "create", "start",  "stop",    "reconfigure", "save",     "load",   "pull", "handle", "deliver",
      "upsert", "script", "compile", "evaluate",    "callback", "cancel", "sync", "probe",  "query"};
  return names[static_cast<std::size_t>(function)];
}

void FunctionUsage::add(const FunctionUsage& other) {
  calls += other.calls, errors += other.errors, ns += other.ns;
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
}

void Usage::add(const Usage& other) {
  calls += other.calls, errors += other.errors, signals += other.signals, rejected += other.rejected;
  refused += other.refused, overruns += other.overruns, cpu_ns += other.cpu_ns, memory_bytes += other.memory_bytes;
  memory_measured |= other.memory_measured;
  for (std::size_t i = 0; i < by_function.size(); ++i) by_function[i].add(other.by_function[i]);
}

namespace {

FunctionUsage all_of(const Usage& usage) {
  FunctionUsage all;
  for (const auto& one : usage.by_function) all.add(one);
  return all;
}

}  // namespace

double Usage::mean_seconds() const {
  return model::mean_seconds(all_of(*this));
}

double Usage::quantile_seconds(double q) const {
  return model::quantile_seconds(all_of(*this), q);
}

double mean_seconds(const FunctionUsage& usage) {
  const auto timed = std::accumulate(usage.buckets.begin(), usage.buckets.end(), std::uint64_t{0});
  return timed == 0 ? 0 : static_cast<double>(usage.ns) * 1e-9 / static_cast<double>(timed);
}

double quantile_seconds(const FunctionUsage& usage, double q) {
  const auto timed = std::accumulate(usage.buckets.begin(), usage.buckets.end(), std::uint64_t{0});
  if (timed == 0) return 0;
  const double rank = q * static_cast<double>(timed);
  double below = 0;
  for (std::size_t i = 0; i < call_bounds.size(); ++i) {
    const auto here = static_cast<double>(usage.buckets[i]);
    const double from = i == 0 ? 0 : call_bounds[i - 1];
    if (here > 0 && below + here >= rank) return from + (call_bounds[i] - from) * (rank - below) / here;
    below += here;
  }
  return call_bounds.back();
}

}  // namespace tocsin::model
