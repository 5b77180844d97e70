// From records to signals: the fields, the timestamp, the patterns, the labels, the value. Thread: the instance's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "line.hpp"
#include "line_time.hpp"
#include "log_fields/json_fields.hpp"
#include "log_fields/logfmt_fields.hpp"
#include "log_match/match.hpp"
#include "log_origin.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

/// What became of the records, for the counters.
struct RowCounts {
  std::uint64_t matched = 0, unmatched = 0, refused = 0, unparsed = 0;
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
  log_match::FieldSyntax syntax() const noexcept { return syntax_; }
  /// After the batch was handed over.
  void submitted() noexcept { text_bytes_ = 0; }
  RowCounts take_counts() { return std::exchange(counts_, {}); }

 private:
  /// A record, read as far as somebody asked.
  struct Record {
    std::string_view line;  ///< UTF-8
    std::string_view text;  ///< of it what patterns see and a signal carries
    log_match::FieldSyntax syntax = log_match::FieldSyntax::none;
    log_match::Fields* json = nullptr;
    log_match::Fields* logfmt = nullptr;
    bool tried_json = false, tried_logfmt = false, described = false;
    tsn::Time at = 0;
    std::uint32_t severity = 0;
  };
  log_match::Fields* fields(Record& record, log_match::FieldSyntax syntax);
  void read_message(Record& record);
  void describe(const Line& line, Record& record);
  tsn::Time time_of(const Line& line, Record& record);
  void make_labels(const Line& line);
  bool try_match(log_match::Match& match, const Line& line, Record& record);
  void write(log_match::Match& match, const Line& line, const Record& record);
  void refuse(const log_match::Match& match, std::string_view type, std::string_view reason, std::string_view text);

  tsn::Context ctx_;
  const log_match::FieldSyntax syntax_;
  std::vector<log_match::Match> matches_;
  LineTime time_;
  const log_match::FieldName severity_, message_;
  const tsn::Time max_age_;  ///< 0: none
  std::function<bool()> submit_;
  tsn::Batch batch_;
  std::size_t text_bytes_ = 0;
  tsn::Time now_ = 0, oldest_ = INT64_MIN;
  RowCounts counts_;
  JsonFields json_;
  LogfmtFields logfmt_;
  enum class Label { stream, space, pod, container, uid };
  std::vector<std::pair<Label, std::string>> label_names_;
  std::vector<tsn::LabelView> labels_;  ///< of the line at hand
  std::string scratch_, message_text_, message_scratch_;
};

}  // namespace tocsin_plugins::logtail
