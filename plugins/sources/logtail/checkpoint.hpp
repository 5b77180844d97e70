// The source's cursor: where reading of each file stands. It is written with the rows that it covers, so a restart goes
// on exactly behind them.
//
// Format: "logtail1", a byte of flags (1: some files were left out), the time of writing, the count, then each file,
// sorted by path: bytes shared with the path before, the rest of the path, device, inode, offset, lines, a byte of
// flags (1 numbered, 2 within a line, 4 has a time, 8 within a record), fingerprint, last time, and within a record
// what each stream is ahead of the offset. Numbers are LEB128. JSON was rejected: a thousand containers' logs must fit
// into 64 KiB.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tailed_file.hpp"

namespace tocsin_plugins::logtail {

struct Checkpoint {
  static constexpr std::size_t most_bytes = 64 * 1024;

  struct Entry {
    std::string path;
    FileId id;
    Position position;
    bool gone = false;        ///< no path of ours leads to it: left out first where space is short. Not kept
    tsn::Time active_at = 0;  ///< the longest idle is left out first. Not kept
  };
  std::vector<Entry> files;
  tsn::Time written = 0;
  bool complete = true;  ///< false: files older than `written` that are not here were known too

  /// At most `most` bytes.
  std::string encode(std::size_t most = most_bytes) const;
  /// Nothing: these are not bytes of ours.
  static std::optional<Checkpoint> decode(std::string_view bytes);
};

}  // namespace tocsin_plugins::logtail
