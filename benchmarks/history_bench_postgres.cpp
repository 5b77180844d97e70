// History on PostgreSQL: writing, and questions in buckets, beside a raw COPY and plain SQL in the same run.
#include <libpq-fe.h>

#include <bit>

#include "history_bench.hpp"

namespace history_bench {
namespace {

struct Pg {
  PGconn* c;
  explicit Pg(const char* url) : c(PQconnectdb(url)) {
    if (PQstatus(c) != CONNECTION_OK) std::fprintf(stderr, "%s", PQerrorMessage(c)), std::exit(1);
  }
  ~Pg() { PQfinish(c); }
  int run(const char* text) {
    PGresult* r = PQexec(c, text);
    const auto state = PQresultStatus(r);
    if (state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK && state != PGRES_COPY_IN)
      std::fprintf(stderr, "%s", PQerrorMessage(c)), std::exit(1);
    const int rows = PQntuples(r);
    PQclear(r);
    return rows;
  }
  void copy(const char* into, const std::string& rows) {
    run(into);
    PQputCopyData(c, rows.data(), static_cast<int>(rows.size()));
    PQputCopyEnd(c, nullptr);
    while (PGresult* r = PQgetResult(c)) {
      if (PQresultStatus(r) != PGRES_COMMAND_OK) std::fprintf(stderr, "%s", PQerrorMessage(c)), std::exit(1);
      PQclear(r);
    }
  }
};

/// Rows of COPY … BINARY.
class Binary {
 public:
  Binary() : out_("PGCOPY\n\377\r\n\0", 11) { put(0, 4), put(0, 4); }
  void row(int fields) { put(static_cast<std::uint64_t>(fields), 2); }
  void field(std::uint64_t v, int bytes) { put(static_cast<std::uint64_t>(bytes), 4), put(v, bytes); }
  std::string end() { return put(0xffff, 2), std::move(out_); }

 private:
  void put(std::uint64_t v, int bytes) {
    for (int i = bytes; i-- > 0;) out_ += static_cast<char>(v >> (8 * i));
  }
  std::string out_;
};

constexpr std::size_t pg_samples = 1'000'000, pg_batch = 10'000, pg_flush = 100'000;

/// (series, ts, value) as they come, batch by batch, into one table with one index.
double copy_of_three_columns(Pg& pg) {
  model::SeriesTable table;
  Feed feed(table, bucket_series, 1, any_percent);
  pg.run("DROP TABLE IF EXISTS s; CREATE TABLE s(series int4, ts int8, v float8); CREATE INDEX si ON s(series,ts)");
  const auto begin = Steady::now();
  for (std::size_t n = 0; n < pg_samples; n += pg_batch) {
    const auto b = feed.next(pg_batch);
    Binary rows;
    for (std::size_t i = 0; i < b->rows(); ++i) {
      rows.row(3);
      rows.field(b->series[i], 4);
      rows.field(static_cast<std::uint64_t>(b->ts[i] / 1'000'000), 8);
      rows.field(std::bit_cast<std::uint64_t>(b->value[i]), 8);
    }
    pg.copy("COPY s FROM STDIN (FORMAT binary)", rows.end());
  }
  return pg_samples / since(begin);
}

/// What history sends, in as many bytes, order, columns, partitions and transactions of as many rows: the server's own
/// speed.
double copy_of_the_same_bytes(Pg& pg) {
  model::SeriesTable table;
  Feed feed(table, bucket_series, 1, any_percent);
  pg.run(
      "DROP TABLE IF EXISTS p; CREATE TABLE p(series bigint NOT NULL, at timestamptz NOT NULL, v float8, id bigint NOT "
      "NULL, source int, summary float8[]) PARTITION BY RANGE (at); CREATE INDEX ON p(series, at);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2023-11-14 00:00+00') TO ('2023-11-15 00:00+00');"
      "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2023-11-15 00:00+00') TO ('2023-11-16 00:00+00')");
  const auto begin = Steady::now();
  for (std::size_t n = 0; n < pg_samples; n += pg_flush) {
    const auto b = feed.next(pg_flush);
    Binary rows;
    for (std::size_t s = 0; s < bucket_series; ++s) {
      for (std::size_t i = s; i < b->rows(); i += bucket_series) {
        rows.row(5);
        rows.field(b->series[i], 8);
        rows.field(static_cast<std::uint64_t>(b->ts[i] / 1000 - 946'684'800'000'000), 8);
        rows.field(std::bit_cast<std::uint64_t>(b->value[i]), 8);
        rows.field(n + i, 8);
        rows.field(1, 4);
      }
    }
    pg.copy("COPY p(series, at, v, id, source) FROM STDIN (FORMAT binary)", rows.end());
  }
  return pg_samples / since(begin);
}

double write_history(storage::Store& store, Feed& feed, std::uint64_t& position) {
  const auto begin = Steady::now();
  for (std::size_t n = 0; n < pg_samples; n += pg_batch) {
    auto b = feed.next(pg_batch);
    b->position = ++position;
    must(store.append_history({b}));
  }
  must(store.flush_history());
  return pg_samples / since(begin);
}

double median(std::vector<double> all) {
  std::ranges::sort(all);
  return all[all.size() / 2];
}

}  // namespace

void postgres() {
  const char* url = std::getenv("TOCSIN_BENCH_POSTGRES");
  if (!url) return void(std::printf("\nPostgreSQL left out: TOCSIN_BENCH_POSTGRES names no database\n"));
  constexpr int rounds = 5;
  std::printf(
      "\nPostgreSQL: 1 M samples of 40 series written in batches of 10,000 (medians of %d rounds, taking turns), asked "
      "for in buckets of 5 min\n",
      rounds);
  Pg pg(url);
  pg.run("SET client_min_messages = warning");
  std::vector<double> three, same, written;
  std::unique_ptr<storage::Store> store;
  model::SeriesTable table;
  Feed feed(table, bucket_series, 1, any_percent);
  std::uint64_t position = 0;
  for (int round = 0; round < rounds; ++round) {
    three.push_back(copy_of_three_columns(pg));
    same.push_back(copy_of_the_same_bytes(pg));
    if (!store) {
      store = must(storage::open_store(
          {.url = url,
           .data_dir = ".",
           .module_dir = std::getenv("TOCSIN_MODULES") ? std::getenv("TOCSIN_MODULES") : "build/lib/tocsin"},
          table));
      position = store->history_position();
    }
    pg.run("TRUNCATE signal_samples, signals_5m, signals_1h");
    feed.rewind();
    written.push_back(write_history(*store, feed, position));
  }
  pg.run("ANALYZE");
  const double history = median(written);
  std::printf("  COPY BINARY of three columns, one index  %8.0f rows/s\n", median(three));
  std::printf("  COPY BINARY of the bytes history sends   %8.0f rows/s\n", median(same));
  std::printf("  history (a row of each, rollups)         %8.0f rows/s, %.2f of the one, %.2f of the other\n", history,
              history / median(three), history / median(same));
  std::size_t n = 0;
  const auto nothing = [] {};
  const double sql = median_ms(7, nothing, [&] {
    n = static_cast<std::size_t>(pg.run(
        "SELECT series, ts/300000 AS b, count(*), min(v), max(v), sum(v) FROM s WHERE series < 40 GROUP BY 1, 2"));
  });
  std::printf("  SQL over keyed rows, all 40 series       %8.1f ms (%zu buckets)\n", sql, n);
  const auto all = [&](base::Duration width) {
    return [&, width] {
      n = 0;
      for (const auto& s : must(store->buckets({.name = "metric"}, width))) n += s.buckets.size();
    };
  };
  const double rolled = median_ms(7, nothing, all(std::chrono::minutes(5)));
  std::printf("  buckets of 5 min from rollups            %8.1f ms (%zu buckets), %.3f of SQL\n", rolled, n,
              rolled / sql);
  const double raw = median_ms(3, nothing, all(std::chrono::minutes(1)));
  std::printf("  buckets of 1 min from signals            %8.1f ms (%zu buckets)\n", raw, n);
}

}  // namespace history_bench
