// From lines to signals: the timestamp, the patterns, the labels, the value. Thread: the instance's.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "line.hpp"
#include "line_time.hpp"
#include "pattern.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

/// What became of the lines, for the counters.
struct RowCounts {
  std::uint64_t matched = 0, unmatched = 0, refused = 0;
};

/// One [[match]]: its pattern and the series that it made so far.
class Match {
 public:
  Match(const tsn::Config& table, const std::string& where);
  /// Without a pattern: every line is `signal`, with the label `file`.
  explicit Match(std::string_view signal);

  bool find(std::string_view line) { return !pattern_ || pattern_->find(line); }
  /// The value of the line found last: 1, or the number in the group `value`. False: the group holds no number.
  bool value(double& out) const;
  tsn::Status series(const tsn::Context& ctx, const std::string& file, tsn::Series& out);
  const std::string& signal() const noexcept { return signal_; }
  const std::string& value_group() const noexcept { return value_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  static constexpr std::size_t most_series = 100'000;  ///< the host's own limit, by default
  static constexpr std::size_t most_label = 1024;      ///< bytes of a label's value, of the ABI
  void add_static_labels(const tsn::Config& table, const std::string& where);

  std::string signal_, value_;
  std::optional<Pattern> pattern_;
  std::vector<Pattern::Group> groups_;  ///< those that are labels
  int value_index_ = 0;
  std::vector<std::pair<std::string, std::string>> labels_;
  std::unordered_map<std::string, tsn::Series, Hash, std::equal_to<>> known_;  ///< by the texts of the groups
  std::string key_;  ///< of the line at hand; kept to allocate once
  std::vector<tsn::LabelView> views_;
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
  static std::vector<Match> read_matches(const tsn::Config& config);
  void write(Match& match, const Line& line, std::string_view text, tsn::Time at);

  tsn::Context ctx_;
  std::vector<Match> matches_;
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
