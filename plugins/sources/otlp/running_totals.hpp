// What series are compared with and added up on: shared by all desks, kept while the instance lives.
//
// A body changes a copy of what it touches, which becomes true once the host has its rows: a sender that was told to
// come again is then not counted twice. From the first series that a body touches until then no other body may.
#pragma once

#include <mutex>
#include <unordered_map>

#include "distribution.hpp"

namespace tocsin_plugins::otlp {

struct Total {
  std::uint64_t start = 0, at = 0;  ///< of the last point
  double value = 0;                 ///< a sum's, of delta points
  double count = 0, sum = 0;        ///< a histogram's, of delta points
  Distribution last;                ///< a histogram's, of cumulative points
};

class RunningTotals {
 public:
  /// One body's changes.
  class Changes {
   public:
    explicit Changes(RunningTotals& totals) : totals_(&totals) {}
    struct Found {
      Total& total;
      const Total* before;  ///< as it was before this body; null: the series is new
    };
    Found find(tsn::Series series);
    void commit();
    void drop();

   private:
    RunningTotals* totals_;
    std::unique_lock<std::mutex> lock_;
    std::unordered_map<tsn_series, Total> changed_;
  };

 private:
  static constexpr std::size_t most_series = 1'000'000, most_buckets = 16'000'000;
  std::mutex mutex_;
  std::unordered_map<tsn_series, Total> totals_;
  std::size_t buckets_ = 0;
};

}  // namespace tocsin_plugins::otlp
