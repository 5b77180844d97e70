#include "storage/postgres/history.hpp"

#include <algorithm>
#include <cmath>

#include "storage/json.hpp"
#include "storage/postgres/values.hpp"

namespace tocsin::storage::postgres {

using base::fail;
using base::Fault;
using base::Result;
using sql::Param;
using sql::Row;

namespace {

constexpr std::size_t flush_rows = 20'000;
/// Beyond this (the server is away), append() refuses: the journal keeps the batches.
constexpr std::size_t most_pending_rows = 1'000'000;

Result<void> done(Result<std::uint64_t> r) {
  if (!r) return fail(std::move(r).error());
  return {};
}

/// Columns of one statement as array literals: the server unnests them, which takes a fraction of a row by row insert.
struct Arrays {
  std::string series, times, values, count, min, max, avg, sum;
  std::size_t rows = 0;

  static void add(std::string& to, const std::string& item) { (to += to.empty() ? '{' : ',') += item; }
  void add(std::int64_t row, std::int64_t ts, double value, const model::Summary* s) {
    add(series, std::to_string(row));
    add(times, std::to_string(microseconds(ts)));
    add(values, number_text(value));
    const auto part = [s](double model::Summary::* column) {
      return s ? number_text(s->*column) : std::string("NULL");
    };
    add(count, part(&model::Summary::count));
    add(min, part(&model::Summary::min));
    add(max, part(&model::Summary::max));
    add(avg, part(&model::Summary::avg));
    add(sum, part(&model::Summary::sum));
    ++rows;
  }
  void close() {
    for (std::string* a : {&series, &times, &values, &count, &min, &max, &avg, &sum}) *a += '}';
  }
};

constexpr std::string_view insert_signals =
    "INSERT INTO signals (loader_code, signal_key, signal_value, captured_at, metric_type, metric_source, "
    "correlation_id, "
    "labels, series_id, sample_count, min_val, max_val, avg_val, sum_val) "
    "SELECT s.loader_code, s.name, v.value, timestamptz 'epoch' + v.us * interval '1 microsecond', "
    "s.labels->>'metric_type', "
    "coalesce(s.labels->>'metric_source', $1), s.labels->>'correlation_id', s.labels, s.id, v.n, v.lo, v.hi, v.mean, "
    "v.total "
    "FROM unnest($2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], "
    "$9::float8[]) "
    "WITH ORDINALITY AS v(series_id, us, value, n, lo, hi, mean, total, place) JOIN series s ON s.id = v.series_id "
    "ORDER BY v.place";

constexpr std::string_view insert_loads =
    "INSERT INTO signals_history (loader_code, load_time_stamp, segment_code, rec_count, min_val, max_val, avg_val, "
    "sum_val) "
    "SELECT s.loader_code, timestamptz 'epoch' + v.us * interval '1 microsecond', s.labels->>'segment', v.n::bigint, "
    "v.lo, v.hi, "
    "v.mean, v.total FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], "
    "$7::float8[]) AS v(series_id, us, n, lo, hi, mean, total) JOIN series s ON s.id = v.series_id "
    "WHERE v.n IS NOT NULL AND v.n BETWEEN 0 AND 9e18 AND s.loader_code IS NOT NULL";

}  // namespace

Result<std::unique_ptr<PostgresHistory>> PostgresHistory::open(sql::Database& database, model::SeriesTable& series,
                                                               std::string agent) {
  std::unique_ptr<PostgresHistory> history(new PostgresHistory(database, series, std::move(agent)));
  TRY_VOID(history->load());
  return history;
}

Result<void> PostgresHistory::load() {
  std::lock_guard lock(mutex_);
  TRY(auto t, database_.read());
  TRY_VOID(t->run("SELECT folded FROM journal_state WHERE agent = $1", {std::string_view(agent_)},
                  [&](const Row& row) { stored_ = row.text(0); }));
  TRY(progress_, Progress::parse(stored_));
  position_at_open_ = progress_.through();
  TRY_VOID(
      t->run("SELECT (extract(epoch FROM since))::bigint FROM rollup_state", {},
             // Far back is "from the beginning"; nanoseconds reach as far as 1677.
             [&](const Row& row) { rollups_since_ = std::max<std::int64_t>(row.integer(0), -9e9) * 1'000'000'000; }));
  Result<void> read;
  TRY_VOID(t->run("SELECT id, name, labels FROM series", {}, [&](const Row& row) {
    auto labels = json::labels(row.text(2));
    if (!labels) {
      read = fail(std::move(labels).error());
      return;
    }
    const model::SeriesId id = series_.intern({std::string(row.text(1)), std::move(*labels)});
    if (id >= rows_.size()) rows_.resize(id + 1);
    rows_[id] = row.integer(0);
  }));
  return read;
}

Result<void> PostgresHistory::append(const std::vector<model::SharedBatch>& batches) {
  std::lock_guard lock(mutex_);
  if (pending_rows_ > most_pending_rows)
    if (auto flushed = flush_locked(); !flushed)
      return fail(flushed.error().in("history waits in memory and cannot be written"));
  for (const model::SharedBatch& batch : batches) {
    if (!progress_.take(batch->position)) continue;
    pending_.push_back(batch);
    pending_rows_ += batch->rows();
  }
  if (pending_rows_ >= flush_rows) return done(flush_locked());
  return {};
}

Result<std::uint64_t> PostgresHistory::flush() {
  std::lock_guard lock(mutex_);
  return flush_locked();
}

Result<std::uint64_t> PostgresHistory::flush_locked() {
  if (pending_.empty() && progress_.text() == stored_) return progress_.through();
  TRY_VOID(make_partitions());
  auto written = write_pending();
  if (!written && written.error().fault() == Fault::not_found) {
    // Another agent's expiry removed a series that was idle for long: look all of them up again.
    std::fill(rows_.begin(), rows_.end(), 0);
    written = write_pending();
  }
  if (!written) return fail(std::move(written).error());
  return progress_.through();
}

/// Whether the stored position is the one we know. A commit whose answer was lost is settled here.
Result<bool> PostgresHistory::claim_position(sql::Transaction& t) {
  TRY_VOID(t.run("INSERT INTO journal_state (agent) VALUES ($1) ON CONFLICT (agent) DO NOTHING",
                 {std::string_view(agent_)}));
  std::string stored;
  TRY_VOID(t.run("SELECT folded FROM journal_state WHERE agent = $1 FOR UPDATE", {std::string_view(agent_)},
                 [&](const Row& row) { stored = row.text(0); }));
  if (in_doubt_ && stored == in_doubt_->position) {
    drop_pending(in_doubt_->batches);
    stored_ = stored;
  }
  in_doubt_.reset();
  return stored == stored_;
}

void PostgresHistory::drop_pending(std::size_t batches) {
  for (std::size_t i = 0; i < batches; ++i) pending_rows_ -= pending_[i]->rows();
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(batches));
}

Result<void> PostgresHistory::write_pending() {
  TRY(auto t, database_.write());
  TRY(const bool ours, claim_position(*t));
  if (!ours)
    return fail(Fault::conflict, "the journal position of agent \"" + agent_ +
                                     "\" in the store was moved by somebody else; "
                                     "give each agent of this database a name of its own");
  for (const model::SharedBatch& batch : pending_) TRY_VOID(write_batch(*t, *batch));
  TRY_VOID(write_rollups(*t));
  const std::string position = progress_.text();
  TRY_VOID(t->run("UPDATE journal_state SET folded = $1 WHERE agent = $2",
                  {std::string_view(position), std::string_view(agent_)}));
  if (auto committed = t->commit(); !committed) {
    in_doubt_ = InDoubt{position, pending_.size()};
    return committed;
  }
  stored_ = position;
  drop_pending(pending_.size());
  return {};
}

Result<std::int64_t> PostgresHistory::row_of(sql::Transaction& t, model::SeriesId id) {
  if (id < rows_.size() && rows_[id] != 0) return rows_[id];
  const model::SeriesKey& key = series_.key(id);
  const std::string labels = json::of(key.labels);
  const std::string_view loader = key.labels.get("loader");
  std::int64_t row = 0;
  TRY_VOID(
      t.run("INSERT INTO series (name, labels, loader_code) VALUES ($1, $2, $3) ON CONFLICT (name, md5(labels::text)) "
            "DO UPDATE SET "
            "name = excluded.name RETURNING id",
            {std::string_view(key.name), std::string_view(labels), sql::text_param(loader)},
            [&](const Row& r) { row = r.integer(0); }));
  if (!loader.empty())
    TRY_VOID(
        t.run("INSERT INTO loader (loader_code) VALUES ($1) ON CONFLICT (loader_code, version) DO NOTHING", {loader}));
  if (id >= rows_.size()) rows_.resize(std::max<std::size_t>(id + 1, series_.size()));
  return rows_[id] = row;
}

Result<void> PostgresHistory::write_batch(sql::Transaction& t, const model::SignalBatch& batch) {
  Arrays a;
  bool summaries = false;
  for (std::size_t i = 0; i < batch.rows(); ++i) {
    if (!batch.flags.empty() && (batch.flags[i] & model::row_stale)) continue;
    TRY(const std::int64_t row, row_of(t, batch.series[i]));
    const model::Summary* s = batch.summary.empty() || std::isnan(batch.summary[i].count) ? nullptr : &batch.summary[i];
    summaries = summaries || s;
    const double average = s && !std::isfinite(s->avg) && s->count > 0 ? s->sum / s->count
                           : s                                         ? s->avg
                                                                       : batch.value[i];
    a.add(row, batch.ts[i], average, s);
  }
  if (a.rows == 0) return {};
  a.close();
  TRY(const std::uint64_t written,
      t.run(insert_signals, {sql::text_param(batch.source), std::string_view(a.series), std::string_view(a.times),
                             std::string_view(a.values), std::string_view(a.count), std::string_view(a.min),
                             std::string_view(a.max), std::string_view(a.avg), std::string_view(a.sum)}));
  if (written != a.rows) return fail(Fault::not_found, "store: a series of this agent is no longer in the database");
  if (!summaries) return {};
  return done(t.run(insert_loads, {std::string_view(a.series), std::string_view(a.times), std::string_view(a.count),
                                   std::string_view(a.min), std::string_view(a.max), std::string_view(a.avg),
                                   std::string_view(a.sum)}));
}

}  // namespace tocsin::storage::postgres
