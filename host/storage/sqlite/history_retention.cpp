// What history forgets, what it takes, and giving pages of the file back.
#include <algorithm>
#include <unordered_set>

#include "storage/sqlite/history.hpp"

namespace tocsin::storage::sqlite {

using base::Result;
using sql::Row;

namespace {

/// Rows that a DELETE … RETURNING says were removed, counted by what each holds.
Result<std::uint64_t> removed(sql::Transaction& t, std::string_view statement,
                              std::initializer_list<sql::Param> params) {
  std::uint64_t count = 0;
  TRY_VOID(t.run(statement, params, [&](const Row& row) { count += static_cast<std::uint64_t>(row.integer(0)); }));
  return count;
}

/// A chunk of rollups goes when its last possible bucket is over.
std::int64_t first_kept(std::int64_t cut, base::Duration width) {
  return cut - width.count() * rollup_chunk_buckets;
}

}  // namespace

Result<Expired> SqliteHistory::expire_all(sql::Transaction& t, const sql::Cuts& cuts) {
  Expired out;
  TRY(out.samples, removed(t, "DELETE FROM chunks WHERE last_ts < $1 RETURNING samples", {cuts.raw}));
  const std::int64_t widths_cut[] = {cuts.five_minutes, cuts.hours};
  for (std::size_t w = 0; w < std::size(rollup_widths); ++w) {
    TRY(const std::uint64_t gone,
        removed(t, "DELETE FROM rollups WHERE width = $1 AND first_ts <= $2 RETURNING buckets",
                {rollup_widths[w].count(), first_kept(widths_cut[w], rollup_widths[w])}));
    out.rollups += gone;
  }
  return out;
}

Result<Expired> SqliteHistory::expire_series(sql::Transaction& t, base::Time now, const Retention& retention) {
  Expired out;
  std::vector<sql::Cuts> cuts;
  for (const RetentionClass& c : retention.classes) cuts.push_back(sql::cuts_of(c.kept, now));
  const sql::Cuts others = sql::cuts_of(retention.signals, now);
  for (model::SeriesId id = 0; id < stored_.size(); ++id) {
    const std::int64_t row = stored_[id].id;
    if (row == 0) continue;
    const std::size_t c = sql::class_of(retention, series_.key(id));
    const sql::Cuts& cut = c == sql::no_class ? others : cuts[c];
    TRY(const std::uint64_t samples,
        removed(t, "DELETE FROM chunks WHERE series_id = $1 AND last_ts < $2 RETURNING samples", {row, cut.raw}));
    out.samples += samples;
    const std::int64_t widths_cut[] = {cut.five_minutes, cut.hours};
    for (std::size_t w = 0; w < std::size(rollup_widths); ++w) {
      TRY(const std::uint64_t gone,
          removed(t, "DELETE FROM rollups WHERE series_id = $1 AND width = $2 AND first_ts <= $3 RETURNING buckets",
                  {row, rollup_widths[w].count(), first_kept(widths_cut[w], rollup_widths[w])}));
      out.rollups += gone;
    }
  }
  return out;
}

Result<Expired> SqliteHistory::expire(base::Time now, const Retention& retention) {
  Expired out;
  {
    std::lock_guard lock(mutex_);
    TRY(auto t, database_.write());
    const sql::Cuts cuts = sql::cuts_of(retention.signals, now);
    if (retention.classes.empty()) {
      TRY(out, expire_all(*t, cuts));
    } else {
      TRY(out, expire_series(*t, now, retention));
    }
    TRY_VOID(t->run("DELETE FROM rejected WHERE captured_at < $1", {cuts.raw}));
    std::unordered_set<std::int64_t> gone;
    TRY_VOID(
        t->run("DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.series_id = series.id) AND NOT "
               "EXISTS (SELECT 1 FROM rollups WHERE rollups.series_id = series.id) RETURNING id",
               {}, [&](const Row& row) { gone.insert(row.integer(0)); }));
    TRY_VOID(t->commit());
    // Last chunks may be gone: the next flush looks them up again.
    for (Stored& stored : stored_) stored = {gone.contains(stored.id) ? 0 : stored.id, 0, 0};
  }
  TRY_VOID(database_.shrink());
  return out;
}

Result<HistorySize> SqliteHistory::size() {
  HistorySize out;
  TRY(auto t, database_.read());
  const auto number = [&](std::string_view statement, std::uint64_t& to) -> Result<void> {
    TRY_VOID(t->run(statement, {}, [&](const Row& row) { to = static_cast<std::uint64_t>(row.integer(0)); }));
    return {};
  };
  std::uint64_t pages = 0, unused = 0, page = 0;
  TRY_VOID(number("PRAGMA page_count", pages));
  TRY_VOID(number("PRAGMA freelist_count", unused));
  TRY_VOID(number("PRAGMA page_size", page));
  TRY_VOID(number("SELECT sum(samples) FROM chunks", out.samples));
  TRY_VOID(number("SELECT sum(buckets) FROM rollups", out.rollups));
  out.bytes = (pages - unused) * page;
  return out;
}

}  // namespace tocsin::storage::sqlite
