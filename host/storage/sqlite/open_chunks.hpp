// Samples on their way into chunks: per series what is not full yet, and full chunks that wait for the next flush.
// Not thread-safe; SqliteHistory holds its mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/signal.hpp"
#include "storage/sqlite/chunk.hpp"

namespace tocsin::storage::sqlite {

/// An encoded chunk. Shared with questions that run while it is being written.
struct SealedChunk {
  model::SeriesId series = 0;
  std::int64_t first = 0, last = 0;
  std::uint32_t samples = 0;
  std::shared_ptr<const std::string> data;
};

/// Brings samples (and their summaries) into the order of their times; equal times keep the order of arrival.
void sort_by_time(std::vector<Sample>& samples, std::vector<model::Summary>& summaries);
SealedChunk seal(model::SeriesId series, std::vector<Sample>& samples, std::vector<model::Summary>& summaries);

class OpenChunks {
 public:
  struct Open {
    std::vector<Sample> samples;                             ///< in order of arrival
    std::unique_ptr<std::vector<model::Summary>> summaries;  ///< none, or as long
    bool touched = false;
  };

  /// Takes the rows; those that only say that a series ended (row_stale) are not samples.
  void take(const model::SignalBatch& batch);
  /// Null: nothing of this series is open.
  const Open* open(model::SeriesId id) const {
    return id < open_.size() && !open_[id].samples.empty() ? &open_[id] : nullptr;
  }
  const std::vector<SealedChunk>& sealed() const { return sealed_; }
  /// Series that took samples since clear(); not all have open ones.
  const std::vector<model::SeriesId>& touched() const { return touched_; }
  std::size_t open_samples() const { return open_samples_; }
  std::size_t sealed_bytes() const { return sealed_bytes_; }
  /// Everything is in the store.
  void clear();

 private:
  void take_summaries(const model::SignalBatch& batch);
  void add(model::SeriesId id, Sample sample, const model::Summary* summary);
  void seal_full(model::SeriesId id);

  std::vector<Open> open_;  ///< by series id
  std::vector<model::SeriesId> touched_;
  std::vector<SealedChunk> sealed_;
  std::size_t open_samples_ = 0, sealed_bytes_ = 0;
};

}  // namespace tocsin::storage::sqlite
