#include "storage/progress.hpp"

#include <charconv>
#include <iterator>

#include "base/text.hpp"

namespace tocsin::storage {
namespace {

bool read_number(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool Progress::take(std::uint64_t position) {
  if (position == 0) return true;
  if (position <= through_) return false;
  if (position == through_ + 1) {
    through_ = position;
    if (!early_.empty()) close_gaps();
    return true;
  }
  auto after = early_.upper_bound(position);
  auto before = after == early_.begin() ? early_.end() : std::prev(after);
  if (before != early_.end() && position <= before->second) return false;
  const bool joins_before = before != early_.end() && before->second + 1 == position;
  const bool joins_after = after != early_.end() && after->first == position + 1;
  const std::uint64_t last = joins_after ? after->second : position;
  if (joins_after) early_.erase(after);
  if (joins_before)
    before->second = last;
  else
    early_.emplace(position, last);
  if (++early_count_ >= patience) {
    through_ = early_.begin()->first - 1;
    close_gaps();
  }
  return true;
}

void Progress::close_gaps() {
  const auto first = early_.begin();
  if (first == early_.end() || first->first != through_ + 1) return;
  early_count_ -= first->second - first->first + 1;
  through_ = first->second;
  early_.erase(first);
}

std::string Progress::text() const {
  std::string out = std::to_string(through_);
  for (const auto& [first, last] : early_) out += ';' + std::to_string(first) + '-' + std::to_string(last);
  return out;
}

base::Result<Progress> Progress::parse(std::string_view text) {
  Progress out;
  bool begun = false;
  for (std::string_view part : base::split(text, ';')) {
    const std::size_t dash = part.find('-');
    std::uint64_t first = 0, last = 0;
    const bool good = begun ? dash != part.npos && read_number(part.substr(0, dash), first) &&
                                  read_number(part.substr(dash + 1), last) && first > out.through_ + 1 && last >= first
                            : read_number(part, out.through_);
    if (!good)
      return base::fail(base::Fault::corrupt,
                        "the store's journal position \"" + std::string(text) + "\" does not parse");
    if (begun) {
      out.early_[first] = last;
      out.early_count_ += last - first + 1;
    }
    begun = true;
  }
  return out;
}

}  // namespace tocsin::storage
