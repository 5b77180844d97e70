// The decision log: what was decided and is not in the SQLite file yet, in the order of the decisions.
//
// Files like the journal's (frames of journal_format.hpp, kind `decision`, one directory for one process). A record is
// whole in the file before append() returns: it survives kill -9; with `sync` also loss of power. A torn last record
// was never acknowledged and is cut off at open. What is in the store is trimmed; after a clean stop the directory is
// empty.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "storage/journal_directory.hpp"

namespace tocsin::storage::sqlite {

class DecisionLog {
 public:
  struct Settings {
    std::string directory;
    bool sync = false;
    std::uint64_t file_bytes = 4ull << 20;
    std::uint64_t after = 0;  ///< positions go on after this one: the last that is in the store
    Report report;            ///< told of torn and damaged records
  };
  /// Fault::conflict while another process holds the directory.
  static base::Result<std::unique_ptr<DecisionLog>> open(Settings settings);
  /// Removes what is left of the files when everything is trimmed.
  ~DecisionLog();

  /// Its position, from `after` + 1 on. Fault::unavailable when the disk refuses it: nothing of it is kept. Any thread.
  base::Result<std::uint64_t> append(std::string_view decision);
  struct Record {
    std::uint64_t position = 0;
    std::string decision;
  };
  /// The next records after `position`, at most `most` of them; none: there is nothing after it. One thread, which asks
  /// for them in order. A damaged record is reported and passed over.
  base::Result<std::vector<Record>> read(std::uint64_t position, std::size_t most);
  /// Forgets records through `position`.
  base::Result<void> trim(std::uint64_t position);
  std::uint64_t newest() const;
  /// Of records that are not trimmed; whole files, so at most.
  std::uint64_t bytes() const;

 private:
  DecisionLog(Settings settings, File lock) : settings_(std::move(settings)), lock_(std::move(lock)) {}
  base::Result<void> recover();
  base::Result<void> begin_file();
  base::Result<void> write(format::Frame& frame, std::string_view decision);
  struct Place {
    JournalFile file;
    bool last = false;
  };
  Place place_of(std::uint64_t position) const;
  base::Result<bool> read_some(const Place& place, std::uint64_t after, std::size_t most, std::vector<Record>& out);

  const Settings settings_;
  const File lock_;
  mutable std::mutex mutex_;  ///< everything but the reader
  std::uint64_t newest_ = 0, trimmed_ = 0;
  std::vector<JournalFile> files_;  ///< the last is being written
  File current_;
  bool broken_ = false;  ///< the end of the last file is unknown: go on in a new one

  // Where read() stands.
  std::string reading_path_;  ///< of the file that is open; empty: none
  File reading_;
  std::uint64_t read_through_ = 0, offset_ = 0;
};

}  // namespace tocsin::storage::sqlite
