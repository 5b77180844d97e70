// What became of one body's items, for the answer, the counters and the store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::otlp {

/// The rows of one body and the items they come of.
class Tally {
 public:
  static constexpr std::uint32_t no_item = UINT32_MAX;  ///< a row that several items added up to

  void clear() { *this = Tally(); }
  void next_item() noexcept { ++items_; }
  std::uint32_t item() const noexcept { return items_ - 1; }
  std::uint32_t items() const noexcept { return items_; }

  /// The current item is not taken. `type` is one word, as of tsn_reject.
  void refuse(std::string_view type, std::string_view reason, std::string_view name) {
    if (last_refused_ == items_) return;
    last_refused_ = items_;
    if (refused_++ == 0) type_ = type, reason_ = reason, name_ = name.substr(0, 1024);
  }
  /// As many more were refused by the host, which has counted them itself.
  void refused_by_host(std::uint32_t count, std::string_view reason) {
    if (count > 0 && refused_ + by_host_ == 0) reason_ = reason;
    by_host_ += count;
  }
  std::uint32_t refused() const noexcept { return refused_ + by_host_; }
  const std::string& reason() const noexcept { return reason_; }
  void report(const tsn::Context& ctx) const {
    if (refused_ > 0) ctx.reject({type_, reason_, name_, {}, {}, refused_});
  }

  std::uint64_t repeated = 0;  ///< points that were taken before
  std::uint64_t older = 0;     ///< histogram points behind the newest of their series

 private:
  std::uint32_t items_ = 0, refused_ = 0, by_host_ = 0, last_refused_ = 0;
  std::string type_, reason_, name_;
};

/// A batch that grows and is submitted as a whole: one body, one answer.
class Rows {
 public:
  explicit Rows(tsn::Context ctx) : batch_(ctx, 4096) {}
  template <class Value>
  tsn::Batch::Row push(tsn::Time at, tsn::Series series, const Value& value, std::uint32_t item) {
    if (batch_.full()) batch_.reserve(batch_.rows());
    item_of_row_.push_back(item);
    return batch_.push(at, series, value);
  }
  void clear() { batch_.clear(), item_of_row_.clear(); }
  tsn::Submitted submit() { return batch_.submit(); }
  std::uint32_t item_of(std::uint32_t row) const { return item_of_row_[row]; }

 private:
  tsn::Batch batch_;
  std::vector<std::uint32_t> item_of_row_;
};

/// A time as it was sent; 0 where none is said: `fallback`. False: it lies outside of 1970 to 2262.
inline bool time_of(std::uint64_t sent, tsn::Time fallback, tsn::Time& out) {
  out = sent == 0 ? fallback : static_cast<tsn::Time>(sent);
  return out > 0;
}
constexpr const char* bad_time = "a timestamp lies outside of the years 1970 to 2262";

}  // namespace tocsin_plugins::otlp
