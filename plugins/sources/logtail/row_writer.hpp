// From lines to signals: the timestamp, the patterns, the labels, the value. Thread: the instance's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "line.hpp"
#include "line_time.hpp"
#include "log_match/match.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

/// What became of the lines, for the counters.
struct RowCounts {
  std::uint64_t matched = 0, unmatched = 0, refused = 0;
};

class RowWriter final : public LineSink {
 public:
  static constexpr std::uint32_t batch_rows = 4096;
  static constexpr std::size_t batch_text = 1 << 20;
  static constexpr std::size_t most_text = 16 * 1024;  ///< bytes of a line that a signal carries

  /// `submit` hands the batch over with a cursor that covers it; false: the intake is full.
  RowWriter(const tsn::Context& ctx, const tsn::Config& config, std::function<bool()> submit);
  bool take(const Line& line) override;
  /// Before reading: `now` for lines without time and for years.
  void begin(tsn::Time now) { now_ = now, oldest_ = ctx_.replay() || max_age_ == 0 ? INT64_MIN : now - max_age_; }
  tsn::Batch& batch() noexcept { return batch_; }
  /// After the batch was handed over.
  void submitted() noexcept { text_bytes_ = 0; }
  RowCounts take_counts() { return std::exchange(counts_, {}); }

 private:
  void write(log_match::Match& match, const Line& line, std::string_view text, tsn::Time at);

  tsn::Context ctx_;
  std::vector<log_match::Match> matches_;
  LineTime time_;
  const tsn::Time max_age_;  ///< 0: none
  std::function<bool()> submit_;
  tsn::Batch batch_;
  std::size_t text_bytes_ = 0;
  tsn::Time now_ = 0, oldest_ = INT64_MIN;
  RowCounts counts_;
  std::string scratch_;
};

}  // namespace tocsin_plugins::logtail
