// History in PostgreSQL: one row per signal, in daily partitions of signal_samples, which users read through the view
// `signals`. The table before it, signals_wide, is read beside it for as long as it has rows. A flush writes the rows
// and the agent's journal position in one transaction; before that it compares the stored position with the one it
// knows, so that neither a commit whose answer was lost nor a second agent of the same name doubles a signal.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "model/series_table.hpp"
#include "storage/postgres/database.hpp"
#include "storage/progress.hpp"
#include "storage/sql/history.hpp"

namespace tocsin::storage::postgres {

class PostgresHistory final : public sql::History {
 public:
  /// Reads the known series and the position. `database` and `series` outlive it.
  static base::Result<std::unique_ptr<PostgresHistory>> open(PostgresDatabase& database, model::SeriesTable& series,
                                                             std::string agent);

  base::Result<void> append(const std::vector<model::SharedBatch>& batches) override;
  base::Result<std::uint64_t> flush() override;
  std::uint64_t position_at_open() const override { return position_at_open_; }
  base::Result<std::vector<SeriesSamples>> samples(const SampleQuery& query) override;
  base::Result<std::vector<SeriesBuckets>> buckets(const SampleQuery& query, base::Duration width) override;
  /// Nothing to do: a flush writes the rollups of its signals.
  base::Result<bool> roll_up(base::Time) override { return false; }
  base::Result<HistorySize> size() override;
  base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) override;
  base::Result<void> append_rejected(const std::vector<model::RejectedSignal>& rejected) override;
  base::Result<Listed<model::RejectedSignal>> rejected(const Page& page) override;
  base::Result<Expired> expire(base::Time now, const Retention& retention) override;

 private:
  using SeriesRows = std::unordered_map<std::int64_t, model::SeriesKey>;

  /// One signal that waits; `summary` is borrowed from its batch.
  struct Line {
    std::int64_t us = 0;  ///< since 1970
    double value = 0;
    const model::Summary* summary = nullptr;
    std::int32_t source = 0;  ///< row in signal_sources; 0: none
    std::uint32_t place = 0;  ///< in the order in which they came
  };
  /// The signals of one series: lines [begin, end).
  struct Group {
    std::int64_t row = 0;  ///< in `series`
    std::size_t begin = 0, end = 0;
  };
  struct Pending {
    std::vector<Group> groups;  ///< by row
    std::vector<Line> lines;    ///< by group, then by place
    std::size_t summaries = 0;
  };

  PostgresHistory(PostgresDatabase& database, model::SeriesTable& series, std::string agent)
      : database_(database), series_(series), agent_(std::move(agent)) {}

  base::Result<void> load();
  base::Result<std::uint64_t> flush_locked();
  base::Result<void> write_pending();
  base::Result<bool> claim_position(sql::Transaction& t);
  base::Result<Pending> collect(sql::Transaction& t);
  base::Result<void> hold(sql::Transaction& t, const Pending& pending);
  base::Result<void> write_samples(BulkTransaction& t, const Pending& pending);
  base::Result<void> write_loads(sql::Transaction& t, const Pending& pending);
  base::Result<std::int64_t> row_of(sql::Transaction& t, model::SeriesId id);
  base::Result<std::int32_t> source_of(sql::Transaction& t, const std::string& name);
  void drop_pending(std::size_t batches);
  base::Result<void> make_partitions();
  base::Result<void> make_partition(std::size_t table, std::int64_t day);
  base::Result<void> write_rollups(sql::Transaction& t, const Pending& pending);
  base::Result<void> read_rollups(sql::Transaction& t, const std::string& ids, const RollupSpan& span, std::size_t most,
                                  std::size_t& read, const std::function<void(std::int64_t, const Bucket&)>& take);
  base::Result<std::set<std::int64_t>> with_signals_in(sql::Transaction& t, const std::string& ids,
                                                       const RollupSpan& span);
  base::Result<void> edge(sql::Transaction& t, const SeriesRows& rows, const std::string& ids, base::Duration width,
                          std::int64_t from, std::int64_t to,
                          const std::function<void(std::int64_t, const Bucket&)>& take);
  /// Hands over the signals of [from, to], in ns since 1970, by series and time; stops after `most`.
  using TakeSignal =
      std::function<void(std::int64_t row, std::int64_t ts, double value, const model::Summary* summary)>;
  base::Result<void> read_signals(sql::Transaction& t, const std::string& ids, std::int64_t from, std::int64_t to,
                                  std::size_t most, std::size_t& read, const TakeSignal& take);
  /// The classes that have series, and whose they are; the last is of all that no class matches.
  struct ClassRows {
    sql::Cuts cuts;
    std::string ids;  ///< array literal
  };
  base::Result<std::vector<ClassRows>> classes(base::Time now, const Retention& retention);
  base::Result<void> drop_partitions(std::size_t table, const std::vector<ClassRows>& classes,
                                     std::vector<std::pair<std::string, std::int64_t>>& left, std::uint64_t& rows);
  base::Result<void> remove_series(base::Time created_before);
  base::Result<SeriesRows> matching(sql::Transaction& t, const sql::SampleFilter& filter);

  PostgresDatabase& database_;
  model::SeriesTable& series_;
  const std::string agent_;
  std::uint64_t position_at_open_ = 0;

  std::mutex mutex_;  ///< everything below
  Progress progress_;
  std::string stored_ = "0";  ///< the position as the store has it
  struct InDoubt {
    std::string position;
    std::size_t batches = 0;  ///< of pending_, from its front
  };
  std::optional<InDoubt> in_doubt_;  ///< a commit whose answer was lost
  std::vector<model::SharedBatch> pending_;
  std::size_t pending_rows_ = 0;
  std::vector<std::int64_t> rows_;               ///< series id → row in `series`; 0: none known
  std::map<std::string, std::int32_t> sources_;  ///< name → row in `signal_sources`
  std::set<std::int64_t> days_[4];  ///< by table: days since 1970 that have their partition or will do without
  std::int64_t rollups_since_ = 0;  ///< from here on they are whole
};

}  // namespace tocsin::storage::postgres
