// Where samples go: the half of the store that SQLite and PostgreSQL keep in different shapes.
#pragma once

#include "storage/port.hpp"
#include "storage/sql/database.hpp"

namespace tocsin::storage::sql {

/// See Store for what each function promises. Any thread.
class History {
 public:
  virtual ~History() = default;
  virtual base::Result<void> append(const std::vector<model::SharedBatch>& batches) = 0;
  virtual base::Result<std::uint64_t> flush() = 0;
  virtual std::uint64_t position_at_open() const = 0;
  virtual base::Result<std::vector<SeriesSamples>> samples(const SampleQuery& query) = 0;
  virtual base::Result<std::vector<SeriesBuckets>> buckets(const SampleQuery& query, base::Duration width) = 0;
  virtual base::Result<bool> roll_up(base::Time now) = 0;
  virtual base::Result<HistorySize> size() = 0;
  virtual base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) = 0;
  virtual base::Result<void> append_rejected(const std::vector<model::RejectedSignal>& rejected) = 0;
  virtual base::Result<Listed<model::RejectedSignal>> rejected(const Page& page) = 0;
  virtual base::Result<Expired> expire(base::Time now, const Retention& retention) = 0;
};

/// Which series a question means, and whether a sample's time is asked for.
class SampleFilter {
 public:
  explicit SampleFilter(const SampleQuery& query);
  bool series(const model::SeriesKey& key) const;
  std::int64_t from() const { return from_; }
  std::int64_t to() const { return to_; }

 private:
  const SampleQuery& query_;
  std::string_view name_;
  bool prefix_ = false;
  std::int64_t from_, to_;
};

/// Which class of a retention a series is of.
constexpr std::size_t no_class = static_cast<std::size_t>(-1);
std::size_t class_of(const Retention& retention, const model::SeriesKey& key);
/// What is older than these goes, in ns since 1970: samples, rollups of five minutes, of an hour.
struct Cuts {
  std::int64_t raw = 0, five_minutes = 0, hours = 0;
};
Cuts cuts_of(const Kept& kept, base::Time now);

/// "many samples; narrow the time range or the matchers".
base::Error too_many_samples(const SampleQuery& query);

}  // namespace tocsin::storage::sql
