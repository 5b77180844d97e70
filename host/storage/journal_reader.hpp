// Walks the records of one journal file, and says exactly what stopped it.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/journal_format.hpp"

namespace tocsin::storage {

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd = -1) : fd_(fd) {}
  ~File();
  File(File&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  File& operator=(File&& other) noexcept;
  int fd() const { return fd_; }
  /// Writes all the pieces at `offset`, however many bites the disk takes; 0, or errno.
  int write(std::vector<iovec> pieces, std::uint64_t offset) const;
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

class JournalReader {
 public:
  enum class Step {
    record,   ///< `frame` and `payload` hold it
    end,      ///< nothing after the last record
    torn,     ///< what follows `offset()` is the beginning of a record, or zeros: a write that did not finish
    damaged,  ///< the payload is damaged; next() goes on after it
    lost,     ///< the frame is damaged: the rest of the file cannot be read
  };
  /// Reads `file` up to `limit` bytes; from a record that begins at `from`.
  JournalReader(int fd, std::uint64_t limit, std::uint64_t from = 0) : fd_(fd), limit_(limit), next_(from) {}

  Step next();
  const format::Frame& frame() const { return frame_; }
  /// Valid until next().
  std::string_view payload() const { return payload_; }
  /// Where the record that next() spoke of begins; at end, where it would.
  std::uint64_t offset() const { return offset_; }

 private:
  bool read_at(std::uint64_t offset, void* to, std::size_t bytes) const;
  bool only_zeros_from(std::uint64_t offset) const;

  int fd_;
  std::uint64_t limit_, offset_ = 0, next_;
  format::Frame frame_;
  std::string payload_;
};

}  // namespace tocsin::storage
