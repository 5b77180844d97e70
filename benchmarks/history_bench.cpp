// Signal history: room per sample, writing, questions in buckets, retention, each beside plain SQL over keyed rows in
// the same run. On SQLite always; on PostgreSQL too where TOCSIN_BENCH_POSTGRES names an empty database.
//   history_bench [room] [query] [day] [postgres]      (nothing: all)
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "history_bench.hpp"

namespace {

namespace fs = std::filesystem;
using namespace history_bench;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tocsin-bench-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The file's pages leave the page cache, as after a start of the machine.
void drop(const std::string& file) {
  for (const char* suffix : {"", "-wal"}) {
    const int fd = ::open((file + suffix).c_str(), O_RDONLY);
    if (fd < 0) continue;
    ::fsync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }
}
double resident_mb() {
  std::ifstream in("/proc/self/statm");
  double all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

void room() {
  std::printf("\nroom and rate: 500 series every 10 s, 4 M samples, flushed every 64 k; the file as it is on disk\n");
  std::mt19937_64 random(1);
  std::vector<std::int64_t> level(500, 5000);
  const auto walk = [&](std::size_t i, std::int64_t most) {
    return level[i % 500] += static_cast<std::int64_t>(random() % (2 * static_cast<std::uint64_t>(most) + 1)) - most;
  };
  const std::pair<const char*, Value> kinds[] = {
      {"constant", [](std::size_t) { return 42.17; }},
      {"integer, moves by up to 3", [&](std::size_t i) { return static_cast<double>(walk(i, 3)); }},
      {"percent, moves by up to 0.50", [&](std::size_t i) { return static_cast<double>(walk(i, 50)) / 100; }},
      {"any percent of two places", any_percent},
      {"any double", [&](std::size_t) { return std::bit_cast<double>((random() >> 12) | 0x3ff0000000000000); }},
  };
  for (const auto& [name, value] : kinds) {
    constexpr std::size_t samples = 4'000'000;
    Folder folder;
    model::SeriesTable table;
    auto store = must(storage::open_store({.data_dir = folder.path()}, table));
    Feed feed(table, 500, 10, value);
    std::vector<std::shared_ptr<model::SignalBatch>> batches;
    for (std::size_t n = 0; n < samples; n += 8000) batches.push_back(feed.next(8000));
    const auto begin = Steady::now();
    for (std::size_t i = 0; i < batches.size(); ++i) {
      must(store->append_history({batches[i]}));
      if (i % 8 == 7) must(store->flush_history());
    }
    must(store->flush_history());
    const double took = since(begin);
    const std::string file = folder.path() + "/tocsin.db";
    store.reset();
    const double raw = static_cast<double>(fs::file_size(file));
    store = must(storage::open_store({.data_dir = folder.path()}, table));
    const auto rolling = Steady::now();
    while (must(store->roll_up(base::from_ns(feed.now())))) {
    }
    const double rolled = since(rolling);
    store.reset();
    std::printf("  %-30s %6.2f bytes a sample, %5.2f M samples/s; rollups +%5.2f bytes a sample, %4.2f s\n", name,
                raw / samples, samples / took / 1e6, (static_cast<double>(fs::file_size(file)) - raw) / samples,
                rolled);
  }
}

/// SQLite with a row per sample.
struct Rows {
  std::string file;
  sqlite3* db = nullptr;
  explicit Rows(std::string path) : file(std::move(path)) { open(); }
  ~Rows() { sqlite3_close(db); }
  void open() { sqlite3_open(file.c_str(), &db); }
  void run(const char* text) { sqlite3_exec(db, text, nullptr, nullptr, nullptr); }
  void fill(Feed& feed, std::size_t rows) {
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
        "CREATE TABLE s(series INTEGER, ts INTEGER, v REAL, PRIMARY KEY(series,ts)) WITHOUT ROWID; BEGIN");
    sqlite3_stmt* insert = nullptr;
    sqlite3_prepare_v2(db, "INSERT INTO s VALUES(?,?,?)", -1, &insert, nullptr);
    for (std::size_t n = 0; n < rows; n += 10'000) {
      const auto b = feed.next(10'000);
      for (std::size_t i = 0; i < b->rows(); ++i) {
        sqlite3_bind_int64(insert, 1, b->series[i]);
        sqlite3_bind_int64(insert, 2, b->ts[i]);
        sqlite3_bind_double(insert, 3, b->value[i]);
        if (sqlite3_step(insert) != SQLITE_DONE) std::exit(1);
        sqlite3_reset(insert);
      }
    }
    sqlite3_finalize(insert);
    run("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  }
  std::size_t ask() {
    sqlite3_stmt* s = nullptr;
    sqlite3_prepare_v2(
        db, "SELECT series, ts/300000000000, count(*), min(v), max(v), sum(v) FROM s WHERE series < 10 GROUP BY 1, 2",
        -1, &s, nullptr);
    std::size_t n = 0;
    while (sqlite3_step(s) == SQLITE_ROW) ++n;
    sqlite3_finalize(s);
    return n;
  }
};

constexpr std::size_t stored = 4'000'000;

storage::SampleQuery ten_series() {
  return {.name = "metric", .matchers = {must(model::Matcher::parse("host=~\"n[0-9]\""))}};
}
std::size_t ask(storage::Store& store, base::Duration width) {
  std::size_t n = 0;
  for (const auto& series : must(store.buckets(ten_series(), width))) n += series.buckets.size();
  return n;
}

void query() {
  std::printf(
      "\n1 M of 4 M samples (10 of 40 series, every second) in buckets; cold: a new connection, pages out of the "
      "cache\n");
  Folder folder;
  model::SeriesTable table;
  Feed for_rows(table, bucket_series, 1, any_percent);
  Rows rows(folder.path() + "/rows.db");
  rows.fill(for_rows, stored);
  auto store = must(storage::open_store({.data_dir = folder.path()}, table));
  Feed feed(table, bucket_series, 1, any_percent);
  for (std::size_t n = 0; n < stored; n += 10'000) must(store->append_history({feed.next(10'000)}));
  must(store->flush_history());
  const std::string file = folder.path() + "/tocsin.db";
  std::size_t buckets = 0;
  const auto work = [&](base::Duration width) { return [&, width] { buckets = ask(*store, width); }; };
  const auto nothing = [] {};
  const auto cold = [&] {
    store.reset();
    drop(file);
    store = must(storage::open_store({.data_dir = folder.path()}, table));
  };
  const auto cold_rows = [&] {
    sqlite3_close(rows.db);
    drop(rows.file);
    rows.open();
  };
  const double sql = median_ms(7, nothing, [&] { buckets = rows.ask(); });
  const double sql_cold = median_ms(3, cold_rows, [&] { rows.ask(); });
  std::printf("  keyed rows, SQL               warm %8.1f ms  cold %8.1f ms  (%zu buckets)\n", sql, sql_cold, buckets);
  const auto line = [&](const char* name, base::Duration width) {
    const double warm = median_ms(7, nothing, work(width)), first = median_ms(3, cold, work(width));
    std::printf("  %-29s warm %8.1f ms  cold %8.1f ms  of SQL: %.3f and %.3f  (%zu buckets)\n", name, warm, first,
                warm / sql, first / sql_cold, buckets);
  };
  line("samples, 5 min", std::chrono::minutes(5));
  while (must(store->roll_up(base::from_ns(feed.now())))) {
  }
  line("rollups, 5 min", std::chrono::minutes(5));
  line("samples, 1 min", std::chrono::minutes(1));
}

void day() {
  std::printf(
      "\na day at 1,000 signals a second (1,000 series), simulated; flushed every minute; then a retention of 6 h\n");
  Folder folder;
  model::SeriesTable table;
  auto store = must(storage::open_store({.data_dir = folder.path()}, table));
  std::mt19937_64 random(1);
  std::vector<std::int64_t> level(1000, 5000);
  Feed feed(table, 1000, 1, [&](std::size_t i) {
    return static_cast<double>(level[i % 1000] += static_cast<std::int64_t>(random() % 101) - 50) / 100;
  });
  const auto line = [&](const char* what) {
    const auto size = must(store->history_size());
    std::printf("  %-28s file %7.1f MB, used %7.1f MB, %10llu samples, %7llu rollups, resident %6.1f MB\n", what,
                static_cast<double>(fs::file_size(folder.path() + "/tocsin.db")) / 1e6,
                static_cast<double>(size.bytes) / 1e6, static_cast<unsigned long long>(size.samples),
                static_cast<unsigned long long>(size.rollups), resident_mb());
    std::fflush(stdout);
  };
  const auto begin = Steady::now();
  for (int minute = 1; minute <= 24 * 60; ++minute) {
    for (int i = 0; i < 6; ++i) must(store->append_history({feed.next(10'000)}));
    must(store->flush_history());
    must(store->roll_up(base::from_ns(feed.now())));
    if (minute == 60 || minute == 720) line(minute == 60 ? "after an hour" : "after half a day");
  }
  line("after the day");
  std::printf("  took %.0f s\n", since(begin));
  storage::Retention kept;
  kept.signals.raw = std::chrono::hours(6);
  for (int round = 0; round < 8; ++round) must(store->expire(base::from_ns(feed.now()), kept));
  must(store->flush_history());
  line("after the retention");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> asked(argv + 1, argv + argc);
  const std::pair<const char*, void (*)()> parts[] = {
      {"room", room}, {"query", query}, {"day", day}, {"postgres", postgres}};
  for (const auto& [name, part] : parts)
    if (asked.empty() || std::find(asked.begin(), asked.end(), std::string(name)) != asked.end()) part();
}
