// The files of one instance: found by their globs, followed by inode through rotation, let go when they are gone and
// read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint.hpp"
#include "rotated_files.hpp"
#include "tailed_file.hpp"

namespace tocsin_plugins::logtail {

class FileSet {
 public:
  /// A file that no path leads to any more is read for as long after its last growth: its writer may still have it
  /// open.
  static constexpr tsn::Time linger = 30'000'000'000;
  /// How long the end of a partial line may still come into the old file.
  static constexpr tsn::Time settle = 1'000'000'000;
  /// Before a checkpoint and a look, lines that came meanwhile; what was read of so young a file is known.
  static constexpr tsn::Time unseen = 10'000'000'000;
  static constexpr std::size_t most_open = 512;  ///< descriptors kept; further files are opened when they grow
  static constexpr std::size_t most_remembered = 256;

  /// Makes the joiner of a log that was not followed so far.
  using MakeJoiner = std::function<std::shared_ptr<RecordJoiner>(const std::string& path)>;

  /// `scratch`: a directory for what must be unpacked; made when it is needed.
  FileSet(std::vector<std::string> paths, std::vector<std::string> exclude, MakeJoiner make_joiner, std::string scratch)
      : paths_(std::move(paths)),
        exclude_(std::move(exclude)),
        make_joiner_(std::move(make_joiner)),
        scratch_(std::move(scratch)) {}

  /// Before the first scan. Without a checkpoint files found at the first scan begin at their end if `at_end`.
  void restore(std::optional<Checkpoint> checkpoint, bool at_end);
  /// Looks for files. True: something changed.
  bool scan(tsn::Time now);
  /// Lets go what is gone and read; closes descriptors beyond the limit.
  void tidy(tsn::Time now);
  Checkpoint checkpoint(tsn::Time now) const;

  const std::vector<std::unique_ptr<TailedFile>>& files() const noexcept { return files_; }
  /// The file that had its name before was not read to its end: its lines come first.
  bool follows_unread(const TailedFile& file) const;
  /// That file ends within a partial line, whose rest may still come into it.
  bool follows_unsettled(const TailedFile& file, tsn::Time now) const;
  /// Where files of ours are or may appear.
  std::set<std::string> directories() const;
  std::uint64_t take_rotations() { return std::exchange(rotations_, 0); }
  void clear();

 private:
  using Listing = std::map<FileId, std::set<std::string>>;
  Listing list() const;
  template <class Unfinished>
  bool any_before(const TailedFile& file, Unfinished&& unfinished) const;
  void add(std::string path, FileId id, std::shared_ptr<RecordJoiner> joiner, tsn::Time now);
  std::optional<Checkpoint::Entry> known_entry(TailedFile& file);
  static bool open_renamed(TailedFile& file);
  void follow_all_gone(tsn::Time now);
  using Files = std::vector<std::unique_ptr<TailedFile>>;
  void follow_unknown(const std::string& path, const std::shared_ptr<RecordJoiner>& joiner, tsn::Time since,
                      tsn::Time now, Files& gone);
  std::unique_ptr<TailedFile> open_rotated(const std::string& path, const RotatedFile& rotated) const;
  bool is_followed(const std::string& path, const RotatedFile& packed, const Files& gone) const;
  bool is_unread(TailedFile& file, tsn::Time since, const Files& gone);
  void note_beginnings(const std::string& path);
  void follow_remembered(tsn::Time now, Files& gone);
  void sort_rotated();
  void forget_beyond(std::size_t most);
  std::unique_ptr<TailedFile> follow_gone(const Checkpoint::Entry& entry, tsn::Time now);
  void remember(Checkpoint::Entry entry);

  const std::vector<std::string> paths_, exclude_;
  const MakeJoiner make_joiner_;
  const std::string scratch_;
  std::vector<std::unique_ptr<TailedFile>> files_;
  std::vector<Checkpoint::Entry> remembered_;  ///< positions of files that are not followed now; of a name oldest first
  bool first_scan_ = true, at_end_ = false;
  std::optional<tsn::Time>
      older_at_end_;       ///< the checkpoint is incomplete: unknown files older than this begin at their end
  tsn::Time written_ = 0;  ///< the checkpoint; 0: there was none
  tsn::Time scanned_ = 0;
  std::uint64_t rotations_ = 0;
};

}  // namespace tocsin_plugins::logtail
