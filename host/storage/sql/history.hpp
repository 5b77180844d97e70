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
  virtual base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) = 0;
  virtual base::Result<void> append_rejected(const std::vector<model::RejectedSignal>& rejected) = 0;
  virtual base::Result<Listed<model::RejectedSignal>> rejected(const Page& page) = 0;
  /// Forgets what is older than `before`.
  virtual base::Result<void> expire(base::Time before) = 0;
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

/// "many samples; narrow the time range or the matchers".
base::Error too_many_samples(const SampleQuery& query);

}  // namespace tocsin::storage::sql
