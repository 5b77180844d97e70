// An accepted connection: where its bytes come from (a channel: plain or TLS) and who takes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "listeners/address.hpp"

namespace tocsin_plugins::net {

/// Owns the descriptor.
class Channel {
 public:
  explicit Channel(int descriptor) : descriptor_(descriptor) {}
  virtual ~Channel();
  Channel(const Channel&) = delete;

  enum class Got { bytes, nothing_now, end, failed };
  virtual Got read(char* to, std::size_t room, std::size_t& got);
  /// What to wait for before the next read: 1 readable, 2 writable (a TLS handshake).
  virtual std::uint32_t wants() const noexcept { return 1; }
  int descriptor() const noexcept { return descriptor_; }
  /// After `failed`.
  const std::string& complaint() const noexcept { return complaint_; }

 protected:
  std::string complaint_;

 private:
  const int descriptor_;
};

/// Who takes the bytes of one connection.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  /// False: the connection is to be closed, what comes cannot be understood.
  virtual bool take(std::string_view bytes) = 0;
  /// The other side is at its end; what was begun may still be whole.
  virtual void end() = 0;
};

/// Splits a stream at newlines. A line longer than the limit is told as `too_long` once and skipped to its end.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t most) : most_(most) {}

  template <class Line, class TooLong>
  void take(std::string_view bytes, Line&& line, TooLong&& too_long) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      const auto piece = bytes.substr(0, end);
      const bool whole = end != bytes.npos;
      bytes.remove_prefix(whole ? end + 1 : bytes.size());
      if (!skipping_ && begun_.size() + piece.size() > most_) skipping_ = true, begun_.clear(), too_long();
      if (!skipping_ && whole && begun_.empty())
        line(piece);
      else if (!skipping_)
        begun_ += piece;
      if (!whole) return;
      if (!skipping_ && !begun_.empty()) line(std::string_view(begun_));
      begun_.clear();
      skipping_ = false;
    }
  }
  /// What stands behind the last newline, at the end of the stream.
  template <class Line>
  void end(Line&& line) {
    if (!begun_.empty()) line(std::string_view(begun_));
    begun_.clear();
  }

 private:
  std::size_t most_;
  std::string begun_;
  bool skipping_ = false;
};

}  // namespace tocsin_plugins::net
