// What an instance of a plugin has used and done since it was made: calls by function with their times, processor time,
// memory, and what did not go through.
//
// Times. Calls of control functions are timed one by one. `evaluate` is a hot path of some ten nanoseconds: one call of
// `evaluate_sampled` is timed and stands for all of them, in time and in the histogram; its count of calls is exact.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tocsin::model {

/// The functions of a plugin that the host calls. `callback` are timers and watches.
enum class Function : std::uint8_t {
  create,
  start,
  stop,
  reconfigure,
  save,
  load,
  pull,
  handle,
  deliver,
  upsert,
  script,
  compile,
  evaluate,
  callback,
  cancel,
  sync,
  probe,
  query,
};
inline constexpr std::size_t functions = 18;
std::string_view to_string(Function function);

inline constexpr std::uint64_t evaluate_sampled = 64;

/// Upper bounds of the histogram's buckets, seconds; the last bucket has none.
inline constexpr std::array<double, 14> call_bounds{1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2,
                                                    5e-2, 0.1,  0.5,  1,    5,    10,   30};

struct FunctionUsage {
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;  ///< calls that the plugin failed
  std::uint64_t ns = 0;      ///< time from call to return; a call that is completed later counts to its return
  std::array<std::uint64_t, call_bounds.size() + 1> buckets{};  ///< not cumulative
  void add(const FunctionUsage& other);
};

struct Usage {
  std::uint64_t calls = 0, errors = 0;  ///< all functions; errors also of submits, completions and the contract
  std::uint64_t signals = 0, rejected = 0;
  std::uint64_t refused = 0;       ///< submits that the intake had no room for (TSN_RETRY); the plugin comes again
  std::uint64_t overruns = 0;      ///< pulls that took longer than their period
  std::uint64_t cpu_ns = 0;        ///< processor time of its calls and of its threads, the host's work in them included
  std::uint64_t memory_bytes = 0;  ///< isolated: of its process. In-process: an estimate of what the host holds for it
  bool memory_measured = false;    ///< isolated
  std::array<FunctionUsage, functions> by_function{};

  const FunctionUsage& of(Function function) const { return by_function[static_cast<std::size_t>(function)]; }
  FunctionUsage& of(Function function) { return by_function[static_cast<std::size_t>(function)]; }
  /// Sums what is counted; memory is that of both together.
  void add(const Usage& other);
  /// Of all calls, seconds; 0: none. The quantile is read from the buckets as Prometheus' histogram_quantile() does.
  double mean_seconds() const;
  double quantile_seconds(double q) const;
};

double mean_seconds(const FunctionUsage& usage);
double quantile_seconds(const FunctionUsage& usage, double q);

}  // namespace tocsin::model
