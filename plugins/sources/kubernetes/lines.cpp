#include "lines.hpp"

namespace tocsin_plugins::kube {

bool Lines::feed(std::string_view bytes, const std::function<bool(std::string_view)>& take) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto piece = bytes.substr(0, end);
    bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
    if (!skipping_ && line_.size() + piece.size() > longest_) {
      skipping_ = true;
      ++skipped_;
      line_.clear();
      line_.shrink_to_fit();
    }
    if (end == bytes.npos) {
      if (!skipping_) line_.append(piece);
      return true;
    }
    if (std::exchange(skipping_, false)) continue;
    bool go_on = true;
    if (line_.empty()) {
      if (!piece.empty()) go_on = take(piece);
    } else {
      line_.append(piece);
      go_on = take(line_);
      line_.clear();
    }
    if (!go_on) return reset(), false;
  }
  return true;
}

}  // namespace tocsin_plugins::kube
