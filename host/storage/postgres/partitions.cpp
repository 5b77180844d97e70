// The days' partitions of `signals`: made before rows need them, dropped whole when the retention is over.
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
constexpr std::string_view prefix = "signals_";
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

/// The day that a partition's name says; false: it is none of ours.
bool parse_name(std::string_view name, std::int64_t& day) {
  if (!name.starts_with(prefix) || name.size() != prefix.size() + 8) return false;
  int number = 0;
  const char* begin = name.data() + prefix.size();
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

Result<void> PostgresHistory::make_partition(std::int64_t day) {
  if (days_.contains(day) || days_.size() >= most_days) return {};
  TRY(auto t, database_.write());
  TRY_VOID(t->run(lock, {}, [](const Row&) {}));
  auto made = t->script("CREATE TABLE IF NOT EXISTS " + std::string(prefix) + date(day, true) +
                        " PARTITION OF signals FOR VALUES FROM ('" + date(day, false) + " 00:00:00+00') TO ('" +
                        date(day + 1, false) + " 00:00:00+00')");
  // signals_default has rows of that day already: they, and those to come, stay there.
  if (!made && made.error().fault() != Fault::conflict) return made;
  if (made) TRY_VOID(t->commit());
  days_.insert(day);
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
  for (std::int64_t day : days) TRY_VOID(make_partition(day));
  return {};
}

Result<void> PostgresHistory::expire(base::Time before) {
  std::lock_guard guard(mutex_);
  std::vector<std::string> names;
  TRY(auto t, database_.write());
  TRY_VOID(t->script("SET LOCAL lock_timeout = '10s'"));
  TRY_VOID(t->run(lock, {}, [](const Row&) {}));
  TRY_VOID(
      t->run("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = "
             "'signals'::regclass",
             {}, [&](const Row& row) { names.emplace_back(row.text(0)); }));
  for (const std::string& name : names) {
    std::int64_t day = 0;
    if (!parse_name(name, day) || (day + 1) * day_ns > base::to_ns(before)) continue;
    TRY_VOID(t->script("DROP TABLE " + name));
    days_.erase(day);
  }
  TRY_VOID(t->run("DELETE FROM signals_default WHERE captured_at < $1", {before}));
  TRY_VOID(t->run("DELETE FROM signals_history WHERE load_time_stamp < $1", {before}));
  TRY_VOID(
      t->run("DELETE FROM series WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM signals WHERE signals.series_id = "
             "series.id)",
             {before}));
  return t->commit();
}

}  // namespace tocsin::storage::postgres
