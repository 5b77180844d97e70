// A stream cut into lines, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace tocsin_plugins::kube {

class Lines {
 public:
  explicit Lines(std::size_t longest) : longest_(longest) {}

  /// Gives each whole line, without its newline, to `take`; it may end with false, and the rest is dropped. A line that
  /// is longer is passed over and counted. Empty lines are nothing.
  bool feed(std::string_view bytes, const std::function<bool(std::string_view)>& take);
  /// A new stream: a line that was begun is dropped.
  void reset() { line_.clear(), skipping_ = false; }
  std::uint64_t take_skipped() { return std::exchange(skipped_, 0); }
  std::size_t kept() const noexcept { return line_.size(); }

 private:
  const std::size_t longest_;
  std::string line_;
  bool skipping_ = false;
  std::uint64_t skipped_ = 0;
};

}  // namespace tocsin_plugins::kube
