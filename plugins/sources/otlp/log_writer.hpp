// Log records to rows: one for each pattern that fits, or `log.record` where there are no patterns.
#pragma once

#include <vector>

#include "log_match/match.hpp"
#include "series_book.hpp"
#include "tally.hpp"

namespace tocsin_plugins::otlp {

class LogWriter {
 public:
  LogWriter(tsn::Context ctx, const tsn::Config& config, const LabelRules& rules)
      : ctx_(ctx), rules_(rules), matches_(log_match::Match::read(config, config.str("signal", "log.record"))) {}

  void begin() { carried_ = 0; }
  void resource(const Attributes& attributes);
  void record(const LogRecord& record, Rows& rows, Tally& tally);
  /// Records that no pattern fitted since the last time.
  std::uint64_t take_unmatched() { return std::exchange(unmatched_, 0); }

 private:
  void make_labels(const LogRecord& record);
  void add_label(std::string_view name, std::string_view value);
  void write(log_match::Match& match, const LogRecord& record, std::string_view text, tsn::Time at, Rows& rows,
             Tally& tally);

  tsn::Context ctx_;
  const LabelRules& rules_;
  std::vector<log_match::Match> matches_;
  std::vector<std::pair<std::string, std::string>> resource_;
  std::vector<tsn::LabelView> found_, labels_;
  Arena texts_;  ///< of the record at hand
  std::string scratch_;
  std::size_t carried_ = 0;
  std::uint64_t unmatched_ = 0;
};

/// 1..24 → "trace" to "fatal"; else the text that was sent, in lower case where it is one of these words.
std::string_view severity_word(std::uint32_t number, std::string_view text);

}  // namespace tocsin_plugins::otlp
