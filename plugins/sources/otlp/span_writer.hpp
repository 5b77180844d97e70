// Spans to requests, errors, durations and calls between services. What several spans of a body add up to is one row;
// the spans themselves are not kept but for one exemplar of each series in a body, the slowest.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "series_book.hpp"
#include "tally.hpp"

namespace tocsin_plugins::otlp {

/// The operations of each service, bounded: names with ids in them would make a series of every request.
class Operations {
 public:
  explicit Operations(std::size_t most) : most_(most) {}
  /// `name`, or "other" where the service has `most` already.
  std::string_view fold(const std::string& service, std::string_view name);

 private:
  static constexpr std::size_t most_of_all = 50'000;
  const std::size_t most_;
  std::size_t held_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> known_;
};

struct SpanOptions {
  explicit SpanOptions(const tsn::Config& config)
      : labels(config, "span_labels"), each(config.str("span_durations", "each") == "each") {}
  LabelRules labels;
  bool each;  ///< a row for every span's duration; else a summary for each body
};

class SpanWriter {
 public:
  SpanWriter(tsn::Context ctx, const SpanOptions& options, Operations& operations)
      : ctx_(ctx), options_(options), operations_(operations), book_(ctx) {}

  void begin();
  void resource(const Attributes& attributes);
  void span(const Span& span, Tally& tally);
  /// All spans of the body were handed in: writes what they add up to.
  void finish(Rows& rows);
  void forget() { book_.forget(); }
  std::uint64_t take_folded() { return std::exchange(folded_, 0); }

 private:
  struct Sum {
    double count = 0;
    tsn::Time at = 0;
  };
  struct Duration {
    tsn::Series series;
    tsn::Time at = 0;
    double seconds = 0;
    std::uint32_t item = 0;
    std::string_view trace_id, span_id, message;
  };
  bool add(std::string_view name, tsn::Time at, double count, std::string_view of, Tally& tally);
  void add_call(const Span& span, tsn::Time at, Tally& tally);
  void write_durations(Rows& rows);
  static std::string exemplar(const Duration& of);

  tsn::Context ctx_;
  const SpanOptions& options_;
  Operations& operations_;
  SeriesBook book_;
  std::vector<std::pair<std::string, std::string>> resource_;
  std::string service_;
  std::vector<tsn::LabelView> labels_;
  std::unordered_map<tsn_series, Sum> sums_;
  std::vector<tsn_series> order_;
  std::vector<Duration> durations_;
  std::uint64_t folded_ = 0;
};

}  // namespace tocsin_plugins::otlp
