// What durability costs: the journal, folding into history, commits of decisions, and questions about history.
// Baseline: SQLite as one would use it at first, a row per sample keyed by series and time.
#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "storage/journal.hpp"
#include "storage/port.hpp"

namespace {

namespace fs = std::filesystem;
using namespace tocsin;

constexpr std::int64_t second = 1'000'000'000, t0 = 1'700'000'000 * second;
constexpr std::size_t many_series = 1000;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tocsin-bench-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class T>
T must(base::Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Two decimals, different every time: neither constant nor noise in every bit.
double value_of(std::size_t i) {
  return static_cast<double>((i * 2654435761u >> 7) % 10000) / 100;
}

/// As a collector sends them: every series once a tick.
class Collector {
 public:
  Collector(model::SeriesTable& table, std::size_t series) {
    for (std::size_t i = 0; i < series; ++i)
      ids_.push_back(table.intern({"metric", {{"host", "n" + std::to_string(i)}}}));
  }
  std::shared_ptr<model::SignalBatch> next(std::size_t rows) {
    auto b = std::make_shared<model::SignalBatch>();
    b->instance = "source.bench";
    b->source = "http";
    b->ts.resize(rows), b->value.resize(rows), b->series.resize(rows);
    for (std::size_t r = 0; r < rows; ++r, ++at_) {
      b->ts[r] = t0 + static_cast<std::int64_t>(at_ / ids_.size()) * second;
      b->value[r] = value_of(at_);
      b->series[r] = ids_[at_ % ids_.size()];
    }
    return b;
  }

 private:
  std::vector<model::SeriesId> ids_;
  std::size_t at_ = 0;
};

void JournalAppend(benchmark::State& state) {
  Folder folder;
  model::SeriesTable table;
  auto journal = must(storage::Journal::open({.directory = folder / "journal", .sync = state.range(1) != 0}, table));
  Collector collector(table, many_series);
  const auto rows = static_cast<std::size_t>(state.range(0));
  auto batch = collector.next(rows);
  for (auto _ : state) {
    must(journal->append(*batch));
    if (journal->bytes() > (1u << 30)) {
      state.PauseTiming();
      must(journal->trim(journal->newest()));
      state.ResumeTiming();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(rows) * state.iterations());
}
BENCHMARK(JournalAppend)
    ->ArgNames({"rows", "sync"})
    ->Args({100, 0})
    ->Args({1000, 0})
    ->Args({10000, 0})
    ->Args({1000, 1})
    ->UseRealTime();

constexpr std::size_t fold_samples = 4'096'000;

void JournalAndFold(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    Folder folder;
    model::SeriesTable table;
    auto journal = must(storage::Journal::open({.directory = folder / "journal"}, table));
    auto store = must(storage::open_store({.data_dir = folder.path()}, table));
    Collector collector(table, many_series);
    std::vector<std::shared_ptr<model::SignalBatch>> batches;
    for (std::size_t n = 0; n < fold_samples; n += rows) batches.push_back(collector.next(rows));
    state.ResumeTiming();
    for (auto& batch : batches) {
      must(journal->append(*batch));
      must(store->append_history({batch}));
    }
    must(journal->trim(must(store->flush_history())));
    state.PauseTiming();
    batches.clear();
    store.reset();  // folds the write-ahead log into the file
    state.counters["bytes_per_sample"] = static_cast<double>(fs::file_size(folder / "tocsin.db")) / fold_samples;
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(fold_samples) * state.iterations());
}
BENCHMARK(JournalAndFold)->ArgName("rows")->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond)->UseRealTime();

/// SQLite with a row per sample.
class Rows {
 public:
  explicit Rows(const std::string& path) {
    sqlite3_open(path.c_str(), &db_);
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
        "CREATE TABLE s(series INTEGER, ts INTEGER, v REAL, PRIMARY KEY(series,ts)) WITHOUT ROWID");
    sqlite3_prepare_v2(db_, "INSERT INTO s VALUES(?,?,?)", -1, &insert_, nullptr);
  }
  ~Rows() {
    sqlite3_finalize(insert_);
    sqlite3_close(db_);
  }
  void run(const char* text) { sqlite3_exec(db_, text, nullptr, nullptr, nullptr); }
  void add(const model::SignalBatch& b) {
    run("BEGIN");
    for (std::size_t i = 0; i < b.rows(); ++i) {
      sqlite3_bind_int64(insert_, 1, b.series[i]);
      sqlite3_bind_int64(insert_, 2, b.ts[i]);
      sqlite3_bind_double(insert_, 3, b.value[i]);
      if (sqlite3_step(insert_) != SQLITE_DONE) std::exit(1);
      sqlite3_reset(insert_);
    }
    run("COMMIT");
  }
  std::size_t buckets() {
    sqlite3_stmt* s = nullptr;
    sqlite3_prepare_v2(
        db_, "SELECT series, ts/300000000000, count(*), min(v), max(v), sum(v) FROM s WHERE series < 10 GROUP BY 1, 2",
        -1, &s, nullptr);
    std::size_t n = 0;
    while (sqlite3_step(s) == SQLITE_ROW) ++n;
    sqlite3_finalize(s);
    return n;
  }

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

void BaselineKeyedRows(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    Folder folder;
    Rows keyed(folder / "rows.db");
    model::SeriesTable table;
    Collector collector(table, many_series);
    std::vector<std::shared_ptr<model::SignalBatch>> batches;
    for (std::size_t n = 0; n < 500'000; n += rows) batches.push_back(collector.next(rows));
    state.ResumeTiming();
    for (const auto& batch : batches) keyed.add(*batch);
    state.PauseTiming();
    batches.clear();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(500'000 * state.iterations());
}
BENCHMARK(BaselineKeyedRows)->ArgName("rows")->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond)->UseRealTime();

model::Changes decision(int n) {
  model::Changes c;
  model::Alert a;
  a.id = "alert-" + std::to_string(n);
  a.rule = "disk_full";
  a.state = model::AlertState::firing;
  a.severity = model::Severity::high;
  a.labels = {{"alertname", "disk_full"}, {"host", "n1"}, {"severity", "HIGH"}, {"team", "infra"}};
  a.annotations = {{"message", "95 % of / is used"}, {"suggestion", "clean /var/log"}};
  a.active_at = a.fired_at = a.updated_at = base::from_ns(t0 + n);
  model::Incident i;
  i.correlation_id = "0190-" + std::to_string(n);
  i.title = "disk_full host=n1";
  i.severity = a.severity;
  i.labels = a.labels;
  i.created_at = i.detected_at = i.updated_at = a.active_at;
  model::Delivery d;
  d.key = "delivery-" + std::to_string(n);
  d.instance = "mail";
  d.correlation_id = i.correlation_id;
  d.incident = i;
  d.alerts = {a};
  d.created_at = a.active_at;
  c.journal_position = static_cast<std::uint64_t>(n) + 1;
  c.alerts = {std::move(a)};
  c.timeline = {{i.correlation_id, i.created_at, "tocsin", "opened", "", "OPEN", ""}};
  c.incident_alerts = {{i.correlation_id, c.alerts[0]}};
  c.incidents = {std::move(i)};
  c.deliveries = {std::move(d)};
  return c;
}

void CommitIncidentAlertDelivery(benchmark::State& state) {
  Folder folder;
  model::SeriesTable table;
  auto store = must(storage::open_store({.data_dir = folder.path(), .sync = state.range(0) != 0}, table));
  int n = 0;
  for (auto _ : state) must(store->commit(decision(n++)));
}
BENCHMARK(CommitIncidentAlertDelivery)->ArgName("sync")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond)->UseRealTime();

/// 40 series of 100 000 samples; ten of them, a million samples, in buckets of five minutes.
constexpr std::size_t question_samples = 4'000'000, asked_samples = 1'000'000;

void QueryMillionInBuckets(benchmark::State& state) {
  Folder folder;
  model::SeriesTable table;
  auto store = must(storage::open_store({.data_dir = folder.path()}, table));
  Collector collector(table, 40);
  for (std::size_t n = 0; n < question_samples; n += 10'000) must(store->append_history({collector.next(10'000)}));
  must(store->flush_history());
  storage::SampleQuery query{.name = "metric", .matchers = {must(model::Matcher::parse("host=~\"n[0-9]\""))}};
  for (auto _ : state) {
    std::size_t buckets = 0, samples = 0;
    for (const auto& series : must(store->samples(query))) {
      std::int64_t bucket = -1;
      double low = 0, high = 0, sum = 0;
      for (const auto& s : series.samples) {
        if (const std::int64_t b = s.ts / (300 * second); b != bucket)
          ++buckets, bucket = b, low = high = s.value, sum = 0;
        low = std::min(low, s.value), high = std::max(high, s.value), sum += s.value;
      }
      benchmark::DoNotOptimize(low + high + sum);
      samples += series.samples.size();
    }
    if (samples != asked_samples) state.SkipWithError("wrong count");
    state.counters["buckets"] = static_cast<double>(buckets);
  }
}
BENCHMARK(QueryMillionInBuckets)->Unit(benchmark::kMillisecond)->UseRealTime();

void BaselineQueryKeyedRows(benchmark::State& state) {
  Folder folder;
  Rows keyed(folder / "rows.db");
  model::SeriesTable table;
  Collector collector(table, 40);
  for (std::size_t n = 0; n < question_samples; n += 10'000) keyed.add(*collector.next(10'000));
  for (auto _ : state) state.counters["buckets"] = static_cast<double>(keyed.buckets());
}
BENCHMARK(BaselineQueryKeyedRows)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
