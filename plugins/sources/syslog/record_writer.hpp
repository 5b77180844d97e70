// From messages to signals: the time, the labels, the patterns, and the batch they wait in. Thread: the instance's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log_match/match.hpp"
#include "message.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::syslog {

struct RecordCounts {
  std::uint64_t messages = 0, matched = 0, unmatched = 0, refused = 0;
  std::uint64_t cut = 0;          ///< longer than max_message, or its stream ended within it
  std::uint64_t bare = 0;         ///< without a header that can be read
  std::uint64_t clock_ahead = 0;  ///< stamped in the future; the time of arrival was taken
  std::uint64_t lost = 0;         ///< the agent took nothing in, and there was no more room
};

class RecordWriter {
 public:
  static constexpr std::uint32_t batch_rows = 4096;
  static constexpr std::size_t batch_text = 1 << 20;
  static constexpr std::size_t most_text = 16 * 1024;  ///< bytes of a message that a signal carries
  /// A sender's clock may be this far ahead; the agent itself refuses signals from more than a minute ahead.
  static constexpr tsn::Time clock_slack = 30'000'000'000;

  /// Options `signal`, `match`, `fields`, `structured_data`, `zone`, `time`, `max_age`.
  RecordWriter(tsn::Context ctx, const tsn::Config& config);
  /// `sender`: the host of a message that names none.
  void take(std::string_view bytes, bool cut, std::string_view sender);
  /// Hands over what there is. RETRY: nothing was taken, and it is kept.
  tsn::Status submit();
  /// take() could not hand a full batch over: no more should come until submit() has answered ok.
  bool full() const noexcept { return full_; }
  std::uint32_t rows() const noexcept { return batch_.rows(); }
  RecordCounts take_counts() { return std::exchange(counts_, {}); }
  /// Tells the host of what was refused since the last time, once for each reason: a sender that floods must not fill
  /// the store with it.
  void report_refusals();

 private:
  enum class Field { facility, severity, app, host, procid, msgid };
  void make_labels(const Message& message, std::string_view sender);
  bool wanted(std::string_view id) const;
  tsn::Time time_of(const Message& message, tsn::Time now);
  void write(log_match::Match& match, const Message& message, tsn::Time at, bool old);
  void refuse(const char* type, std::string_view reason, std::string_view signal, std::string_view text);

  tsn::Context ctx_;
  std::vector<log_match::Match> matches_;
  Parser parser_;
  std::vector<std::pair<Field, std::string>> fields_;
  std::vector<std::string> data_ids_;
  bool every_id_ = false;
  const bool by_arrival_;
  const tsn::Time max_age_;  ///< 0: none
  tsn::Batch batch_;
  std::size_t text_bytes_ = 0;
  bool full_ = false;
  RecordCounts counts_;
  struct Refusal {
    std::string reason, signal, text;
    std::uint32_t count = 0;
  };
  std::map<std::string_view, Refusal> refusals_;
  std::vector<std::string> names_;  ///< of the message's structured data as labels
  std::vector<tsn::LabelView> labels_;
  std::string scratch_;
};

}  // namespace tocsin_plugins::syslog
