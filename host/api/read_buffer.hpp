// The bytes of a connection that are not used up yet: one block that grows as a request needs it, is used again for the
// next, and always has 64 readable bytes behind what it holds (parsers that read in wide steps count on them).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

namespace tocsin::api {

class ReadBuffer {
 public:
  static constexpr std::size_t padding = 64;

  char* data() { return block_.get() + begin_; }
  std::size_t size() const { return end_ - begin_; }
  std::size_t capacity() const { return capacity_; }
  char* tail() { return block_.get() + end_; }
  std::size_t room() const { return capacity_ - end_; }

  void added(std::size_t bytes) { end_ += bytes; }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Zeroes behind the last byte.
  void pad() { std::memset(tail(), 0, padding); }
  /// Makes room for `bytes` more at the tail; what is held moves to the front, or into a larger block.
  void reserve(std::size_t bytes) {
    if (block_ && room() >= bytes) return;
    std::size_t held = size();
    if (block_ && capacity_ >= held + bytes) {
      std::memmove(block_.get(), data(), held);
    } else {
      std::size_t wanted = std::max(held + bytes, std::size_t{4096});
      auto larger = std::make_unique_for_overwrite<char[]>(wanted + padding);
      if (held > 0) std::memcpy(larger.get(), data(), held);
      block_ = std::move(larger);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = held;
  }
  void release() { *this = ReadBuffer(); }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace tocsin::api
