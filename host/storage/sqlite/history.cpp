#include "storage/sqlite/history.hpp"

#include <algorithm>

#include "storage/json.hpp"

namespace tocsin::storage::sqlite {

using base::fail;
using base::Fault;
using base::Result;
using sql::Param;
using sql::Row;

namespace {

// When so much is together, append() flushes by itself.
constexpr std::size_t flush_sealed_bytes = 8u << 20;
constexpr std::size_t flush_open_samples = 2u << 20;
/// Beyond this (the disk is full or the file locked for long), append() refuses: the journal keeps the batches.
constexpr std::size_t most_waiting_samples = 8u << 20;
constexpr std::size_t most_waiting_bytes = 64u << 20;

Result<void> done(Result<std::uint64_t> r) {
  if (!r) return fail(std::move(r).error());
  return {};
}

}  // namespace

Result<std::unique_ptr<SqliteHistory>> SqliteHistory::open(SqliteDatabase& database, model::SeriesTable& series,
                                                           std::string agent) {
  std::unique_ptr<SqliteHistory> history(new SqliteHistory(database, series, std::move(agent)));
  TRY_VOID(history->load());
  return history;
}

Result<void> SqliteHistory::load() {
  std::lock_guard lock(mutex_);
  TRY(auto t, database_.write());
  std::string folded;
  TRY_VOID(t->run("SELECT folded FROM journal_state WHERE agent = $1", {std::string_view(agent_)},
                  [&](const Row& row) { folded = row.text(0); }));
  if (!folded.empty()) {
    TRY(progress_, Progress::parse(folded));
  }
  position_at_open_ = progress_.through();
  TRY_VOID(t->run("SELECT rolled FROM rollup_state", {}, [&](const Row& row) { rolled_ = row.integer(0); }));
  Result<void> read;
  TRY_VOID(t->run("SELECT id, name, labels FROM series", {}, [&](const Row& row) {
    auto labels = json::labels(row.text(2));
    if (!labels) {
      read = fail(std::move(labels).error());
      return;
    }
    const model::SeriesId id = series_.intern({std::string(row.text(1)), std::move(*labels)});
    if (id >= stored_.size()) stored_.resize(id + 1);
    stored_[id].id = row.integer(0);
  }));
  return read;
}

Result<void> SqliteHistory::append(const std::vector<model::SharedBatch>& batches) {
  std::lock_guard lock(mutex_);
  if (open_.open_samples() > most_waiting_samples || open_.sealed_bytes() > most_waiting_bytes) {
    if (auto flushed = flush_locked(); !flushed)
      return fail(flushed.error().in("history waits in memory and cannot be written"));
  }
  for (const model::SharedBatch& batch : batches) {
    if (!progress_.take(batch->position)) continue;
    moved_ = moved_ || batch->position != 0;
    open_.take(*batch);
  }
  if (open_.sealed_bytes() >= flush_sealed_bytes || open_.open_samples() >= flush_open_samples)
    return done(flush_locked());
  return {};
}

Result<std::uint64_t> SqliteHistory::flush() {
  std::uint64_t through = 0;
  {
    std::lock_guard lock(mutex_);
    TRY(through, flush_locked());
  }
  TRY_VOID(database_.checkpoint());
  return through;
}

Result<std::uint64_t> SqliteHistory::flush_locked() {
  if (!moved_ && open_.touched().empty()) return progress_.through();
  Staged staged;
  TRY(auto t, database_.write());
  for (const SealedChunk& chunk : open_.sealed()) {
    TRY_VOID(write_chunk(*t, chunk, staged));
    TRY_VOID(add_late(*t, staged[chunk.series].id, chunk));
  }
  for (model::SeriesId id : open_.touched()) {
    const OpenChunks::Open* open = open_.open(id);
    if (!open) continue;
    TRY_VOID(write_open(*t, id, staged));
    TRY_VOID(add_late(*t, staged[id].id, open->samples, open->summaries.get()));
  }
  TRY_VOID(write_position(*t));
  TRY_VOID(t->commit());
  for (const auto& [id, stored] : staged) {
    if (id >= stored_.size()) stored_.resize(std::max<std::size_t>(id + 1, series_.size()));
    stored_[id] = stored;
  }
  open_.clear();
  moved_ = false;
  return progress_.through();
}

Result<void> SqliteHistory::write_position(sql::Transaction& t) {
  return done(
      t.run("INSERT INTO journal_state (agent, folded) VALUES ($1, $2) ON CONFLICT (agent) DO UPDATE SET folded = "
            "excluded.folded",
            {std::string_view(agent_), progress_.text()}));
}

Result<SqliteHistory::Stored*> SqliteHistory::stage(sql::Transaction& t, model::SeriesId id, Staged& staged) {
  const auto [it, fresh] = staged.try_emplace(id);
  Stored& stored = it->second;
  if (!fresh) return &stored;
  if (id < stored_.size()) stored = stored_[id];
  if (stored.id != 0) return &stored;
  const model::SeriesKey& key = series_.key(id);
  const std::string labels = json::of(key.labels);
  TRY_VOID(t.run(
      "INSERT INTO series (name, labels) VALUES ($1, $2) ON CONFLICT (name, labels) DO UPDATE SET name = excluded.name "
      "RETURNING id",
      {std::string_view(key.name), std::string_view(labels)}, [&](const Row& row) { stored.id = row.integer(0); }));
  if (const std::string_view loader = key.labels.get("loader"); !loader.empty())
    TRY_VOID(
        t.run("INSERT INTO loader (loader_code) VALUES ($1) ON CONFLICT (loader_code, version) DO NOTHING", {loader}));
  return &stored;
}

Result<void> SqliteHistory::write_chunk(sql::Transaction& t, const SealedChunk& chunk, Staged& staged) {
  TRY(Stored* const stored, stage(t, chunk.series, staged));
  stored->samples = chunk.samples;
  return done(
      t.run("INSERT INTO chunks (series_id, first_ts, last_ts, samples, data) VALUES ($1, $2, $3, $4, $5) RETURNING id",
            {stored->id, chunk.first, chunk.last, std::int64_t{chunk.samples}, sql::Blob{*chunk.data}},
            [&](const Row& row) { stored->chunk = row.integer(0); }));
}

Result<void> SqliteHistory::write_open(sql::Transaction& t, model::SeriesId id, Staged& staged) {
  TRY(Stored* const stored, stage(t, id, staged));
  const OpenChunks::Open& open = *open_.open(id);
  TRY(const bool joined, join_last(t, *stored, open));
  if (joined) return {};
  std::vector<Sample> samples = open.samples;
  std::vector<model::Summary> summaries;
  if (open.summaries) summaries = *open.summaries;
  return write_chunk(t, seal(id, samples, summaries), staged);
}

/// Adds the open samples to the series' last chunk where they fit, so that frequent flushes leave full chunks.
Result<bool> SqliteHistory::join_last(sql::Transaction& t, Stored& stored, const OpenChunks::Open& open) {
  if (stored.chunk == 0)
    TRY_VOID(t.run("SELECT id, samples FROM chunks WHERE series_id = $1 ORDER BY last_ts DESC LIMIT 1", {stored.id},
                   [&](const Row& row) {
                     stored.chunk = row.integer(0), stored.samples = static_cast<std::uint32_t>(row.integer(1));
                   }));
  if (stored.chunk == 0 || stored.samples + open.samples.size() > chunk_samples) return false;
  Chunk chunk;
  Result<void> decoded;
  TRY_VOID(t.run("SELECT data FROM chunks WHERE id = $1", {stored.chunk},
                 [&](const Row& row) { decoded = decode_chunk(row.blob(0), chunk); }));
  if (!decoded || chunk.samples.empty()) return false;  // damaged or gone: leave it, begin another
  if (open.summaries && chunk.summaries.empty()) chunk.summaries.resize(chunk.samples.size(), no_summary());
  chunk.samples.insert(chunk.samples.end(), open.samples.begin(), open.samples.end());
  if (open.summaries)
    chunk.summaries.insert(chunk.summaries.end(), open.summaries->begin(), open.summaries->end());
  else if (!chunk.summaries.empty())
    chunk.summaries.resize(chunk.samples.size(), no_summary());
  const SealedChunk whole = seal(0, chunk.samples, chunk.summaries);
  TRY_VOID(t.run("UPDATE chunks SET first_ts = $1, last_ts = $2, samples = $3, data = $4 WHERE id = $5",
                 {whole.first, whole.last, std::int64_t{whole.samples}, sql::Blob{*whole.data}, stored.chunk}));
  stored.samples = whole.samples;
  return true;
}

}  // namespace tocsin::storage::sqlite
