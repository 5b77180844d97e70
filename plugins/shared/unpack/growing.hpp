// Where a decoder writes: a text that grows as it is filled, and the decoders. Of this library only.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "unpack/unpack.hpp"

namespace tocsin_plugins {

/// Grows by what is there already, 4 MiB at a time at most, and only where it is full: a body of a great many empty
/// members would else have that much cleared for each.
class Growing {
 public:
  Growing(std::string& out, std::size_t most) : out_(out), most_(most) { out_.clear(); }
  std::span<char> room() {
    if (used_ == out_.size()) out_.resize(used_ + std::clamp<std::size_t>(used_, 16 * 1024, 4 << 20));
    return {out_.data() + used_, out_.size() - used_};
  }
  void filled(std::size_t bytes) noexcept { used_ += bytes; }
  std::size_t most() const noexcept { return most_; }
  bool too_long() const noexcept { return used_ > most_; }
  void end(std::size_t padding) {
    out_.resize(used_);
    out_.append(padding, '\0');
    out_.resize(used_);
  }

 private:
  std::string& out_;
  const std::size_t most_;
  std::size_t used_ = 0;
};

Unpacked unpack_gzip(std::string_view packed, Growing& out);
Unpacked unpack_zstd(std::string_view packed, Growing& out);

}  // namespace tocsin_plugins
