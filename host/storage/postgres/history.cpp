#include "storage/postgres/history.hpp"

#include <algorithm>

#include "storage/json.hpp"

namespace tocsin::storage::postgres {

using base::fail;
using base::Fault;
using base::Result;
using sql::Param;
using sql::Row;

namespace {

/// What a write costs beside its rows (round trips, rollups, the commit) is shared by so many.
constexpr std::size_t flush_rows = 100'000;
/// Beyond this (the server is away), append() refuses: the journal keeps the batches.
constexpr std::size_t most_pending_rows = 1'000'000;

Result<void> done(Result<std::uint64_t> r) {
  if (!r) return fail(std::move(r).error());
  return {};
}

}  // namespace

Result<std::unique_ptr<PostgresHistory>> PostgresHistory::open(PostgresDatabase& database, model::SeriesTable& series,
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
  // What a rolled back transaction made is not there.
  if (!written) sources_.clear();
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
  TRY(auto t, database_.write_bulk());
  TRY(const bool ours, claim_position(*t));
  if (!ours)
    return fail(Fault::conflict, "the journal position of agent \"" + agent_ +
                                     "\" in the store was moved by somebody else; "
                                     "give each agent of this database a name of its own");
  TRY(const Pending pending, collect(*t));
  TRY_VOID(hold(*t, pending));
  TRY_VOID(write_samples(*t, pending));
  TRY_VOID(write_rollups(*t, pending));
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

}  // namespace tocsin::storage::postgres
