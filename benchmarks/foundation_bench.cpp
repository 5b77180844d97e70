// What every signal passes: series interning, label fingerprints, the hand-over between threads.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "model/series_table.hpp"
#include "runtime/channel.hpp"

namespace {

using tocsin::model::Labels;
using tocsin::model::SeriesId;
using tocsin::model::SeriesKey;

constexpr int series = 100'000;

SeriesKey numbered(int n) {
  return {"http_server_requests_seconds", Labels{{"host", "node-" + std::to_string(n % 97)},
                                                 {"method", n % 2 ? "GET" : "POST"},
                                                 {"status", n % 5 ? "200" : "500"},
                                                 {"uri", "/api/v1/resource/" + std::to_string(n)}}};
}

const std::vector<SeriesKey>& keys() {
  static const std::vector<SeriesKey> all = [] {
    std::vector<SeriesKey> made;
    for (int n = 0; n < series; ++n) made.push_back(numbered(n));
    return made;
  }();
  return all;
}

/// The plain way: one map, one lock, keys also reachable by id.
class MapTable {
 public:
  SeriesId intern(const SeriesKey& key) {
    std::lock_guard lock(mutex_);
    auto [at, made] = ids_.try_emplace(key, static_cast<SeriesId>(by_id_.size()));
    if (made) by_id_.push_back(&at->first);
    return at->second;
  }
  const SeriesKey& key(SeriesId id) {
    std::lock_guard lock(mutex_);
    return *by_id_[id];
  }

 private:
  struct Hash {
    std::size_t operator()(const SeriesKey& key) const {
      std::size_t hash = std::hash<std::string>{}(key.name);
      for (const auto& [name, value] : key.labels) {
        hash = hash * 31 + std::hash<std::string>{}(name);
        hash = hash * 31 + std::hash<std::string>{}(value);
      }
      return hash;
    }
  };
  std::mutex mutex_;
  std::unordered_map<SeriesKey, SeriesId, Hash> ids_;
  std::vector<const SeriesKey*> by_id_;
};

template <class Table>
Table& filled() {
  static Table table;
  static bool once = [] {
    for (const SeriesKey& key : keys()) table.intern(key);
    return true;
  }();
  benchmark::DoNotOptimize(once);
  return table;
}

template <class Table>
void intern_known(benchmark::State& state) {
  Table& table = filled<Table>();
  auto among = static_cast<std::size_t>(state.range(0));
  std::size_t at = static_cast<std::size_t>(state.thread_index()) * 7919;
  for (auto _ : state) benchmark::DoNotOptimize(table.intern(keys()[at = (at + 31) % among]));
  state.SetItemsProcessed(state.iterations());
}
// 1 000 keys stay in the cache, 100 000 do not.
BENCHMARK_TEMPLATE(intern_known, tocsin::model::SeriesTable)->Arg(1'000)->Arg(series)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK_TEMPLATE(intern_known, MapTable)->Arg(1'000)->Arg(series)->ThreadRange(1, 2)->UseRealTime();

template <class Table>
void key_by_id(benchmark::State& state) {
  Table& table = filled<Table>();
  SeriesId id = 0;
  for (auto _ : state) benchmark::DoNotOptimize(&table.key(id = (id + 31) % series));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_TEMPLATE(key_by_id, tocsin::model::SeriesTable)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_TEMPLATE(key_by_id, MapTable)->Threads(1)->Threads(2)->UseRealTime();

template <class Table>
void intern_new(benchmark::State& state) {
  double bytes = 0;
  keys();
  for (auto _ : state) {
    auto before = mallinfo2();
    auto table = std::make_unique<Table>();
    for (const SeriesKey& key : keys()) table->intern(key);
    auto after = mallinfo2();
    bytes = static_cast<double>(after.uordblks + after.hblkhd) - static_cast<double>(before.uordblks + before.hblkhd);
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.counters["bytes/series"] = bytes / series;
  state.SetItemsProcessed(state.iterations() * series);
}
BENCHMARK_TEMPLATE(intern_new, tocsin::model::SeriesTable)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(intern_new, MapTable)->Unit(benchmark::kMillisecond);

void fingerprint_fnv(benchmark::State& state) {
  for (std::size_t at = 0; auto _ : state) {
    benchmark::DoNotOptimize(keys()[at].labels.fingerprint());
    at = (at + 31) % series;
  }
}
BENCHMARK(fingerprint_fnv);

void fingerprint_of_text(benchmark::State& state) {
  for (std::size_t at = 0; auto _ : state) {
    benchmark::DoNotOptimize(std::hash<std::string>{}(keys()[at].labels.text()));
    at = (at + 31) % series;
  }
}
BENCHMARK(fingerprint_of_text);

using Item = std::shared_ptr<const int>;

/// Unbounded, so it never makes its writer wait: what a bound costs is the difference.
class PlainQueue {
 public:
  explicit PlainQueue(std::size_t) {}
  void push(Item item) {
    {
      std::lock_guard lock(mutex_);
      items_.push(std::move(item));
    }
    ready_.notify_one();
  }
  Item pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return !items_.empty(); });
    Item item = std::move(items_.front());
    items_.pop();
    return item;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::queue<Item> items_;
};

class BoundedChannel {
 public:
  explicit BoundedChannel(std::size_t capacity) : channel_(capacity) {}
  void push(Item item) { channel_.push(std::move(item)); }
  Item pop() { return *channel_.pop(std::chrono::hours(1)); }

 private:
  tocsin::runtime::Channel<Item> channel_;
};

/// Push and pop on one thread: the queue's own cost.
template <class Queue>
void queue_alone(benchmark::State& state) {
  Queue queue(64);
  auto item = std::make_shared<const int>(1);
  for (auto _ : state) {
    queue.push(item);
    benchmark::DoNotOptimize(queue.pop());
  }
}
BENCHMARK_TEMPLATE(queue_alone, BoundedChannel);
BENCHMARK_TEMPLATE(queue_alone, PlainQueue);

/// One thread pushes 100 000 items, this one takes them.
template <class Queue>
void hand_over(benchmark::State& state) {
  constexpr int items = 100'000;
  for (auto _ : state) {
    Queue queue(1'024);
    std::thread writer([&] {
      auto item = std::make_shared<const int>(1);
      for (int i = 0; i < items; ++i) queue.push(item);
    });
    for (int i = 0; i < items; ++i) benchmark::DoNotOptimize(queue.pop());
    writer.join();
  }
  state.SetItemsProcessed(state.iterations() * items);
}
BENCHMARK_TEMPLATE(hand_over, BoundedChannel)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_TEMPLATE(hand_over, PlainQueue)->Unit(benchmark::kMillisecond)->UseRealTime();

/// There and back again between two threads that both sleep: the latency of being woken, twice.
template <class Queue>
void wake_up(benchmark::State& state) {
  Queue there(1), back(1);
  std::thread other([&] {
    while (Item item = there.pop()) back.push(std::move(item));
  });
  auto item = std::make_shared<const int>(1);
  for (auto _ : state) {
    there.push(item);
    benchmark::DoNotOptimize(back.pop());
  }
  there.push(nullptr);
  other.join();
}
BENCHMARK_TEMPLATE(wake_up, BoundedChannel)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_TEMPLATE(wake_up, PlainQueue)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
