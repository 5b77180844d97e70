// History in SQLite: chunks per series. What a flush writes and the journal position it reaches are one transaction, so
// a kill at any moment neither loses nor doubles a sample: what was not flushed is read from the journal again.
//
// Rejected: writing each chunk when it is full, with a position per chunk. It saves rewriting the last chunk of a
// series at a flush, and needs every batch to come in the order of the journal.
#pragma once

#include <mutex>
#include <unordered_map>
#include <vector>

#include "model/series_table.hpp"
#include "storage/progress.hpp"
#include "storage/sql/history.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/open_chunks.hpp"
#include "storage/sqlite/rollups.hpp"

namespace tocsin::storage::sqlite {

class SqliteHistory final : public sql::History {
 public:
  /// Reads the known series and the position. `database` and `series` outlive it.
  static base::Result<std::unique_ptr<SqliteHistory>> open(SqliteDatabase& database, model::SeriesTable& series,
                                                           std::string agent);

  base::Result<void> append(const std::vector<model::SharedBatch>& batches) override;
  base::Result<std::uint64_t> flush() override;
  std::uint64_t position_at_open() const override { return position_at_open_; }
  base::Result<std::vector<SeriesSamples>> samples(const SampleQuery& query) override;
  base::Result<std::vector<SeriesBuckets>> buckets(const SampleQuery& query, base::Duration width) override;
  base::Result<bool> roll_up(base::Time now) override;
  base::Result<HistorySize> size() override;
  base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) override;
  base::Result<void> append_rejected(const std::vector<model::RejectedSignal>& rejected) override;
  base::Result<Listed<model::RejectedSignal>> rejected(const Page& page) override;
  base::Result<Expired> expire(base::Time now, const Retention& retention) override;

 private:
  /// What the store has of a series.
  struct Stored {
    std::int64_t id = 0;        ///< row in `series`; 0: none yet
    std::int64_t chunk = 0;     ///< its last chunk, which a flush goes on filling; 0: not known
    std::uint32_t samples = 0;  ///< in that chunk
  };
  /// What becomes of `stored_` when the flush is committed.
  using Staged = std::unordered_map<model::SeriesId, Stored>;
  /// One series of an answer: its stored id, and copies of what waits in memory.
  struct Part {
    model::SeriesId series = 0;
    std::int64_t stored = 0;
    Chunk waiting;
    std::vector<SealedChunk> sealed;
  };

  SqliteHistory(SqliteDatabase& database, model::SeriesTable& series, std::string agent)
      : database_(database), series_(series), agent_(std::move(agent)) {}

  base::Result<void> load();
  base::Result<std::uint64_t> flush_locked();
  base::Result<void> write_position(sql::Transaction& t);
  base::Result<Stored*> stage(sql::Transaction& t, model::SeriesId id, Staged& staged);
  base::Result<void> write_chunk(sql::Transaction& t, const SealedChunk& chunk, Staged& staged);
  base::Result<void> write_open(sql::Transaction& t, model::SeriesId id, Staged& staged);
  base::Result<bool> join_last(sql::Transaction& t, Stored& stored, const OpenChunks::Open& open);

  base::Result<void> add_late(sql::Transaction& t, std::int64_t series, const SealedChunk& chunk);
  base::Result<void> add_late(sql::Transaction& t, std::int64_t series, const std::vector<Sample>& samples,
                              const std::vector<model::Summary>* summaries);
  base::Result<void> roll_up_series(sql::Transaction& t, std::int64_t series, std::int64_t begin, std::int64_t end);
  base::Result<std::vector<Bucket>> buckets_of(sql::Transaction& t, Part& part, const sql::SampleFilter& filter,
                                               base::Duration width, std::int64_t rolled, std::size_t& left);
  base::Result<Expired> expire_all(sql::Transaction& t, const sql::Cuts& cuts);
  base::Result<Expired> expire_series(sql::Transaction& t, base::Time now, const Retention& retention);
  std::vector<Part> matching(const sql::SampleFilter& filter);
  void copy_open(Part& part, const sql::SampleFilter& filter);

  SqliteDatabase& database_;
  model::SeriesTable& series_;
  const std::string agent_;
  std::uint64_t position_at_open_ = 0;

  std::mutex mutex_;  ///< everything below
  OpenChunks open_;
  Progress progress_;
  bool moved_ = false;          ///< progress_ changed since the last flush
  std::vector<Stored> stored_;  ///< by series id
  std::int64_t rolled_ = 0;     ///< samples before it are in the rollups
};

}  // namespace tocsin::storage::sqlite
