// From messages to signals, in the format that the source was told. A message is taken whole or refused whole; within a
// message of signals each is taken or refused by itself. Thread: the source's own.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bulk_push/bulk_parser.hpp"
#include "delivery.hpp"
#include "event_paths.hpp"
#include "log_match/match.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::amqp {

/// Why a message is refused: one word, and a sentence.
struct Poison {
  std::string type, reason;
};

struct ReadCounts {
  std::uint64_t signals = 0,
                refused = 0;      ///< rows handed to the batch; items of a message of signals that were refused
  std::uint64_t unmatched = 0;    ///< messages that no pattern fits
  std::uint64_t clock_ahead = 0;  ///< stamped in the future; the time of arrival was taken
};

class MessageReader {
 public:
  static constexpr std::uint32_t batch_rows = 4096;
  static constexpr std::size_t batch_text = 1 << 20;
  static constexpr std::size_t most_text = 16 * 1024;  ///< bytes of a message that a signal carries
  static constexpr tsn::Time clock_slack = 30'000'000'000;

  /// Options `format`, `signal`, `match`, `event`, `fields`, `time`, `max_age`, `max_message`.
  MessageReader(tsn::Context ctx, const tsn::Config& config);

  /// Rows of one message into batch(). Poison: it gave none, and what came before it is as it was. `message.body` is
  /// unpacked and padded in place.
  std::optional<Poison> take(Delivery& message);
  /// No further message should come before the batch was handed over.
  bool full() const noexcept { return batch_.rows() >= batch_rows || text_bytes_ >= batch_text; }
  tsn::Batch& batch() noexcept { return batch_; }
  /// After the batch was handed over.
  void submitted() noexcept { text_bytes_ = 0; }
  /// What is in the batch will come again.
  void clear() noexcept { batch_.clear(), text_bytes_ = 0; }
  /// Remembers a refusal for report_refusals().
  void refuse(const std::string& type, std::string_view reason, std::string_view name, std::string_view raw,
              std::string_view loader = {});
  /// Tells the host of what was refused since the last time, once for each reason: a queue of garbage must not fill the
  /// store with it.
  void report_refusals();
  ReadCounts take_counts() { return std::exchange(counts_, {}); }
  /// Headers that `fields` names.
  static std::vector<std::string> headers_of(const tsn::Config& config);

 private:
  enum class Format { signals, event, text };
  using Labels = std::vector<std::pair<std::string, std::string>>;

  std::optional<Poison> unpack(Delivery& message);
  std::optional<Poison> take_signals(Delivery& message);
  std::optional<Poison> take_event(const Delivery& message);
  std::optional<Poison> take_object(const Delivery& message, const nlohmann::json& object);
  std::optional<Poison> take_text(const Delivery& message);
  std::optional<Poison> write(std::vector<log_match::Match>& matches, std::string_view text, tsn::Time at,
                              std::optional<double> value);
  std::optional<Poison> write_one(log_match::Match& match, std::string_view text, tsn::Time at,
                                  std::optional<double> value);
  std::vector<log_match::Match>& named(const std::string& signal);
  tsn::Time time_of(const Delivery& message);
  tsn::Time bounded(tsn::Time at);
  void label(std::string name, std::string_view value);
  void field_labels(const Delivery& message);

  tsn::Context ctx_;
  const Format format_;
  const std::string signal_;
  std::vector<log_match::Match> matches_;
  const bool has_patterns_;
  EventPaths paths_;
  std::vector<std::pair<std::string, std::string>> fields_;  ///< what it is of the message, the label's name
  const bool by_arrival_;
  const tsn::Time max_age_;  ///< 0: none
  const std::size_t max_message_;
  BulkParser parser_;
  tsn::Batch batch_;
  std::size_t text_bytes_ = 0;
  std::vector<std::uint32_t> item_of_row_;
  std::vector<Rejection> rejections_;
  std::unordered_map<std::string, std::vector<log_match::Match>> by_name_;  ///< of events that name their signal
  Labels labels_;
  std::vector<tsn::LabelView> views_;
  std::string scratch_, unpacked_;
  ReadCounts counts_;
  struct Refusal {
    std::string reason, name, loader, raw;
    std::uint32_t count = 0;
  };
  std::map<std::string, Refusal> refusals_;
};

}  // namespace tocsin_plugins::amqp
