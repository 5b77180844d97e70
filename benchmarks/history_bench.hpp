// What the parts of history_bench share: a clock, and series that tick.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/port.hpp"

namespace history_bench {

using namespace tocsin;
using Steady = std::chrono::steady_clock;

constexpr std::int64_t second = 1'000'000'000, t0 = 1'700'000'100 * second;

template <class T>
T must(base::Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
inline double since(Steady::time_point t) {
  return std::chrono::duration<double>(Steady::now() - t).count();
}
inline double median_ms(int rounds, const std::function<void()>& prepare, const std::function<void()>& work) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) {
    prepare();
    const auto begin = Steady::now();
    work();
    all.push_back(since(begin) * 1e3);
  }
  std::ranges::sort(all);
  return all[all.size() / 2];
}

using Value = std::function<double(std::size_t)>;
/// Every series once a tick of `step` seconds.
class Feed {
 public:
  Feed(model::SeriesTable& table, std::size_t series, std::int64_t step, Value value)
      : step_(step), value_(std::move(value)) {
    for (std::size_t i = 0; i < series; ++i)
      ids_.push_back(table.intern({"metric", {{"host", "n" + std::to_string(i)}}}));
  }
  std::shared_ptr<model::SignalBatch> next(std::size_t rows) {
    auto b = std::make_shared<model::SignalBatch>();
    b->instance = "source.bench", b->source = "http";
    b->ts.resize(rows), b->value.resize(rows), b->series.resize(rows);
    for (std::size_t r = 0; r < rows; ++r, ++at_) {
      b->ts[r] = now();
      b->value[r] = value_(at_);
      b->series[r] = ids_[at_ % ids_.size()];
    }
    return b;
  }
  void rewind() { at_ = 0; }
  std::int64_t now() const { return t0 + static_cast<std::int64_t>(at_ / ids_.size()) * step_ * second; }

 private:
  std::int64_t step_;
  Value value_;
  std::vector<model::SeriesId> ids_;
  std::size_t at_ = 0;
};

/// Two decimals, different every time: neither constant nor noise in every bit.
inline double any_percent(std::size_t i) {
  return static_cast<double>((i * 2654435761u >> 7) % 10000) / 100;
}

constexpr std::size_t bucket_series = 40;

/// history_bench_postgres.cpp
void postgres();

}  // namespace history_bench
