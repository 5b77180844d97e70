// Partitions of signals and of their rollups: made before rows need them, dropped whole when the retention is over.
// Where series are kept for different times, a partition loses those that are over and goes with the last.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <limits>

#include "storage/postgres/history.hpp"

namespace tocsin::storage::postgres {

using base::fail;
using base::Fault;
using base::Result;
using sql::Row;

namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;
/// Rows of so many different days do not come from a clock: the rest goes to signals_default.
constexpr std::size_t most_days = 800;
/// A partition is named PREFIX_YYYYMMDD and holds so many days, from a multiple of them since 1970.
struct Table {
  std::string_view name, prefix, time;
  std::int64_t days;
  std::int64_t sql::Cuts::* cut;
};
constexpr std::size_t wide = 3;  ///< holds the rejected, and the signals of agents of the version before
constexpr Table tables[] = {{"signal_samples", "signal_samples", "captured_at", 1, &sql::Cuts::raw},
                            {"signals_5m", "signals_5m", "bucket_start", 7, &sql::Cuts::five_minutes},
                            {"signals_1h", "signals_1h", "bucket_start", 28, &sql::Cuts::hours},
                            {"signals_wide", "signals", "captured_at", 1, &sql::Cuts::raw}};

bool of_rollups(const Table& table) {
  return table.cut != &sql::Cuts::raw;
}
constexpr std::string_view lock = "SELECT pg_advisory_xact_lock(8370021402)";

std::int64_t day_of(std::int64_t ns) {
  return ns / day_ns - (ns % day_ns < 0);
}

std::string date(std::int64_t day, bool compact) {
  const std::chrono::year_month_day d{std::chrono::sys_days(std::chrono::days(day))};
  char out[32];
  const int n = std::snprintf(out, sizeof out, compact ? "%04d%02u%02u" : "%04d-%02u-%02u", static_cast<int>(d.year()),
                              static_cast<unsigned>(d.month()), static_cast<unsigned>(d.day()));
  return std::string(out, static_cast<std::size_t>(n));
}

std::int64_t first_day(const Table& table, std::int64_t day) {
  const std::int64_t rest = day % table.days;
  return day - (rest < 0 ? rest + table.days : rest);
}

/// The day that a partition's name says; false: it is none of ours.
bool parse_name(const Table& table, std::string_view name, std::int64_t& day) {
  const std::size_t size = table.prefix.size();
  if (!name.starts_with(table.prefix) || name.size() != size + 9 || name[size] != '_') return false;
  int number = 0;
  const char* begin = name.data() + size + 1;
  if (const auto [end, error] = std::from_chars(begin, begin + 8, number); error != std::errc() || end != begin + 8)
    return false;
  const std::chrono::year_month_day d{std::chrono::year(number / 10000),
                                      std::chrono::month(static_cast<unsigned>(number / 100 % 100)),
                                      std::chrono::day(static_cast<unsigned>(number % 100))};
  if (!d.ok()) return false;
  day = std::chrono::sys_days(d).time_since_epoch().count();
  return true;
}

}  // namespace

Result<void> PostgresHistory::make_partition(std::size_t table, std::int64_t day) {
  std::set<std::int64_t>& days = days_[table];
  if (days.contains(day) || days.size() >= most_days) return {};
  const Table& of = tables[table];
  TRY(auto t, database_.write());
  TRY_VOID(t->run(lock, {}, [](const Row&) {}));
  auto made = t->script("CREATE TABLE IF NOT EXISTS " + std::string(of.prefix) + "_" + date(day, true) +
                        " PARTITION OF " + std::string(of.name) + " FOR VALUES FROM ('" + date(day, false) +
                        " 00:00:00+00') TO ('" + date(day + of.days, false) + " 00:00:00+00')");
  // The default partition has rows of that time already: they, and those to come, stay there.
  if (!made && made.error().fault() != Fault::conflict) return made;
  if (made) TRY_VOID(t->commit());
  days.insert(day);
  return {};
}

Result<void> PostgresHistory::make_partitions() {
  std::set<std::int64_t> days;
  for (const model::SharedBatch& batch : pending_) {
    std::int64_t last = std::numeric_limits<std::int64_t>::min();
    for (std::int64_t ts : batch->ts) {
      const std::int64_t day = day_of(ts);
      if (day != last) days.insert(last = day);
    }
  }
  // And one ahead, so that midnight finds it there.
  if (!days.empty()) days.insert(*days.rbegin() + 1);
  for (std::size_t table = 0; table < wide; ++table)
    for (std::int64_t day : days) TRY_VOID(make_partition(table, first_day(tables[table], day)));
  return {};
}

Result<std::vector<PostgresHistory::ClassRows>> PostgresHistory::classes(base::Time now, const Retention& retention) {
  std::vector<ClassRows> all;
  for (const RetentionClass& c : retention.classes) all.push_back({sql::cuts_of(c.kept, now), ""});
  all.push_back({sql::cuts_of(retention.signals, now), ""});
  const SampleQuery any;
  TRY(auto t, database_.read());
  TRY(const SeriesRows rows, matching(*t, sql::SampleFilter(any)));
  for (const auto& [row, key] : rows) {
    std::string& ids = all[std::min(sql::class_of(retention, key), all.size() - 1)].ids;
    (ids += ids.empty() ? '{' : ',') += std::to_string(row);
  }
  std::erase_if(all, [&](const ClassRows& c) { return c.ids.empty() && &c != &all.back(); });
  for (ClassRows& c : all) c.ids += c.ids.empty() ? "{}" : "}";
  return all;
}

/// Drops what is over for every class. `left`: partitions that may hold what is over for some, and where they end.
Result<void> PostgresHistory::drop_partitions(std::size_t table, const std::vector<ClassRows>& classes,
                                              std::vector<std::pair<std::string, std::int64_t>>& left,
                                              std::uint64_t& rows) {
  std::int64_t longest = std::numeric_limits<std::int64_t>::max();
  for (const ClassRows& c : classes) longest = std::min(longest, c.cuts.*tables[table].cut);
  TRY(auto t, database_.write());
  TRY_VOID(t->script("SET LOCAL lock_timeout = '10s'"));
  TRY_VOID(t->run(lock, {}, [](const Row&) {}));
  std::vector<std::pair<std::string, std::uint64_t>> found;
  TRY_VOID(
      t->run("SELECT c.relname, greatest(c.reltuples, 0)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = "
             "i.inhrelid WHERE i.inhparent = $1::regclass",
             {tables[table].name},
             [&](const Row& row) { found.emplace_back(row.text(0), static_cast<std::uint64_t>(row.integer(1))); }));
  for (const auto& [name, estimate] : found) {
    std::int64_t day = 0;
    if (!parse_name(tables[table], name, day)) continue;
    const std::int64_t end = (day + tables[table].days) * day_ns;
    if (end > longest) {
      left.emplace_back(name, end);
      continue;
    }
    TRY_VOID(t->script("DROP TABLE " + name));
    days_[table].erase(day);
    rows += estimate;
  }
  return t->commit();
}

Result<Expired> PostgresHistory::expire(base::Time now, const Retention& retention) {
  std::lock_guard guard(mutex_);
  // Agents of the version before cannot make those that they need: the view is none of a table of its partitions.
  for (std::int64_t day = day_of(base::to_ns(now)), end = day + 3; day < end; ++day)
    TRY_VOID(make_partition(wide, day));
  TRY(const auto of, classes(now, retention));
  Expired out;
  for (std::size_t table = 0; table < std::size(tables); ++table) {
    std::uint64_t& gone = of_rollups(tables[table]) ? out.rollups : out.samples;
    std::vector<std::pair<std::string, std::int64_t>> left;
    TRY_VOID(drop_partitions(table, of, left, gone));
    const std::string time(tables[table].time);
    left.emplace_back(std::string(tables[table].prefix) + "_default", std::numeric_limits<std::int64_t>::min());
    for (const auto& [name, end] : left) {
      for (const ClassRows& c : of) {
        const std::int64_t cut = c.cuts.*tables[table].cut;
        // A partition loses a class when all of it is over: once, not bit by bit.
        if (end > cut || c.ids == "{}") continue;
        TRY(auto t, database_.write());
        const sql::Param params[] = {std::string_view(c.ids), base::from_ns(cut)};
        TRY(const std::uint64_t rows,
            t->ask("DELETE FROM " + name + " WHERE series_id = ANY($1::bigint[]) AND " + time + " < $2", params));
        TRY_VOID(t->commit());
        gone += rows;
      }
    }
  }
  const base::Time others = base::from_ns(of.back().cuts.raw);
  std::int64_t longest = of.back().cuts.raw;
  for (const ClassRows& c : of) longest = std::min(longest, c.cuts.raw);
  {
    TRY(auto t, database_.write());
    TRY_VOID(t->run("DELETE FROM signals_wide WHERE series_id IS NULL AND captured_at < $1", {others}));
    TRY_VOID(t->run("DELETE FROM signals_history WHERE load_time_stamp < $1", {base::from_ns(longest)}));
    TRY_VOID(t->commit());
  }
  TRY_VOID(remove_series(others));
  return out;
}

/// Removes series that have nothing left, while no flush is under way. Those without rollups are looked for before
/// that: they are few, and so is what flushes wait for.
Result<void> PostgresHistory::remove_series(base::Time created_before) {
  TRY(auto t, database_.write());
  std::string ids;
  const auto add = [&](const Row& row) { (ids += ids.empty() ? '{' : ',') += row.text(0); };
  TRY_VOID(t->run(
      "SELECT id FROM series s WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM signals_1h r WHERE r.series_id "
      "= s.id) AND NOT EXISTS (SELECT 1 FROM signals_5m r WHERE r.series_id = s.id) LIMIT 10000",
      {created_before}, add));
  if (ids.empty()) return {};
  ids += '}';
  TRY_VOID(t->script("SET LOCAL lock_timeout = '10s'"));
  TRY_VOID(t->run("SELECT pg_advisory_xact_lock(8370021403)", {}, [](const Row&) {}));
  std::string statement = "DELETE FROM series WHERE id = ANY($1::bigint[])";
  for (const Table& table : tables)
    statement += " AND NOT EXISTS (SELECT 1 FROM " + std::string(table.name) + " t WHERE t.series_id = series.id)";
  const sql::Param params[] = {std::string_view(ids)};
  TRY_VOID(t->ask(statement, params));
  return t->commit();
}

Result<HistorySize> PostgresHistory::size() {
  HistorySize out;
  TRY(auto t, database_.read());
  for (const Table& table : tables) {
    TRY_VOID(
        t->run("SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint, coalesce(sum(greatest(c.reltuples, "
               "0)), 0)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = "
               "$1::regclass",
               {table.name}, [&](const Row& row) {
                 out.bytes += static_cast<std::uint64_t>(row.integer(0));
                 (of_rollups(table) ? out.rollups : out.samples) += static_cast<std::uint64_t>(row.integer(1));
               }));
  }
  return out;
}

}  // namespace tocsin::storage::postgres
