#include "storage/journal_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "storage/crc32c.hpp"

namespace tocsin::storage {

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}
File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

int File::write(std::vector<iovec> pieces, std::uint64_t offset) const {
  iovec* next = pieces.data();
  auto left = static_cast<int>(pieces.size());
  while (left > 0) {
    ssize_t n = ::pwritev(fd_, next, left, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return ENOSPC;
    offset += static_cast<std::uint64_t>(n);
    while (left > 0 && static_cast<std::size_t>(n) >= next->iov_len)
      n -= static_cast<ssize_t>((next++)->iov_len), --left;
    if (left > 0) {
      next->iov_base = static_cast<char*>(next->iov_base) + n;
      next->iov_len -= static_cast<std::size_t>(n);
    }
  }
  return 0;
}

bool JournalReader::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
  auto* p = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd_, p, bytes, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    offset += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

bool JournalReader::only_zeros_from(std::uint64_t offset) const {
  std::array<char, 4096> block;
  while (offset < limit_) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), limit_ - offset));
    if (!read_at(offset, block.data(), n)) return false;
    if (std::any_of(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n), [](char c) { return c != 0; }))
      return false;
    offset += n;
  }
  return true;
}

JournalReader::Step JournalReader::next() {
  offset_ = next_;
  if (offset_ >= limit_) return Step::end;
  if (limit_ - offset_ < format::frame_bytes) return Step::torn;
  if (!read_at(offset_, &frame_, format::frame_bytes)) return Step::lost;
  if (!frame_.intact()) return only_zeros_from(offset_) ? Step::torn : Step::lost;
  const std::uint64_t end = offset_ + format::frame_bytes + frame_.length;
  if (end > limit_) return Step::torn;
  next_ = end;
  payload_.resize(frame_.length);
  if (!read_at(offset_ + format::frame_bytes, payload_.data(), frame_.length)) return Step::damaged;
  const bool whole = crc32c(0, payload_.data(), payload_.size()) == frame_.payload_crc;
  return whole ? Step::record : Step::damaged;
}

}  // namespace tocsin::storage
