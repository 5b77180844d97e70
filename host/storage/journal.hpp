// The signal journal: every accepted batch with its source's cursor, appended before the source is told "accepted".
//
// Files `journal-<first position>.tj` in one directory. A record is length, CRC-32C, position and the batch in columns;
// series are written as ids with a dictionary record (id, name, labels) before their first use in each file, so that a
// file can be read alone. A torn last record (kill -9, full disk) is cut off at open; a damaged record in the middle is
// reported and stepped over, or, where its length is damaged too, the rest of its file. Every open begins a new file,
// because ids of series hold for one process. write(2) without fsync survives kill -9; `sync` adds fdatasync, shared by
// all appends that wait at the same time, and survives loss of power. The bytes are described in journal_format.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"

namespace tocsin::storage {

class Journal {
 public:
  struct Settings {
    std::string directory;
    bool sync = false;
    std::uint64_t file_bytes = 64ull << 20;
    /// Positions go on after this one also where files were lost: the greater of the store's history_position() and
    /// restored journal_position, so that no new record is taken for one that is in the store already.
    std::uint64_t after = 0;
    /// Told of each torn or damaged record (Fault::corrupt), in the thread that found it. Empty: stderr.
    std::function<void(const base::Error&)> report;
  };
  /// Opens or makes the directory's journal; series are interned into `series` as read() meets them. One process at a
  /// time: Fault::conflict while another holds the directory.
  static base::Result<std::unique_ptr<Journal>> open(Settings settings, model::SeriesTable& series);
  virtual ~Journal() = default;

  /// Writes the batch, sets its `position` (from 1, without gaps but for damage). Any thread. Fault::unavailable when
  /// the disk refuses it: nothing of the batch is kept, and the next append starts clean.
  virtual base::Result<std::uint64_t> append(model::SignalBatch& batch) = 0;
  /// Calls `take` with every batch at or after `position` that was there at the call, in order; stops when it returns
  /// false. Any thread, also beside append().
  virtual base::Result<void> read(std::uint64_t position, const std::function<bool(model::SharedBatch)>& take) = 0;
  /// Deletes files whose every record is before `position`. The last cursor and next sequence number of each instance
  /// are kept in the head of the newest file.
  virtual base::Result<void> trim(std::uint64_t position) = 0;
  /// Position of the newest record; 0: none yet.
  virtual std::uint64_t newest() const = 0;
  /// The last durable cursor of an instance; empty: none.
  virtual std::string cursor(const std::string& instance) const = 0;
  /// The next sequence number of an instance.
  virtual std::uint64_t next_seq(const std::string& instance) const = 0;
  virtual std::uint64_t bytes() const = 0;
};

}  // namespace tocsin::storage
