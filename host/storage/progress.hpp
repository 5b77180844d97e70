// Which journal positions are in the history: all through one, and the later ones that came early. Batches of several
// sources reach the store out of order, and a restart re-reads from `through() + 1`: a position counts exactly once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tocsin::storage {

class Progress {
 public:
  /// False if the position was taken before. Position 0 (not journalled) is always taken.
  bool take(std::uint64_t position);
  /// Every position up to this one was taken, or given up.
  std::uint64_t through() const { return through_; }

  /// "41;43-45;48-48", the form that is stored.
  std::string text() const;
  static base::Result<Progress> parse(std::string_view text);

  /// A position that did not come while this many later ones did was lost with a damaged record.
  static constexpr std::uint64_t patience = 4096;

 private:
  void close_gaps();

  std::uint64_t through_ = 0;
  std::map<std::uint64_t, std::uint64_t> early_;  ///< first → last, disjoint, all after through_ + 1
  std::uint64_t early_count_ = 0;
};

}  // namespace tocsin::storage
