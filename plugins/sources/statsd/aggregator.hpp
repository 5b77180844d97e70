// What the lines of one flush interval add up to. Thread: the instance's.
//
// A line's series is found by the text of its name and tags, so that most lines need no call to the host; tags in
// another order are another text for the same series.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "line_parser.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::statsd {

struct LineCounts {
  std::uint64_t lines = 0, refused = 0, events = 0, service_checks = 0;
};

class Aggregator {
 public:
  static constexpr std::size_t most_texts = 200'000;        ///< beyond it the texts are forgotten, not the series
  static constexpr std::size_t most_set_members = 100'000;  ///< of one set in one interval
  static constexpr std::size_t most_stamped = 100'000;      ///< values with a time of their own, in one interval

  /// `expire`: how long after its last line a series is remembered.
  Aggregator(tsn::Context ctx, std::chrono::nanoseconds expire) : ctx_(ctx), expire_(expire.count()) {}

  void take(std::string_view line, tsn::Time now);
  /// A line that was too long to be read.
  void refuse_too_long() { refuse("too_long", "a line is longer than 64 KiB", {}, {}); }
  /// Everything since the last flush, at `now`. When the host takes nothing it throws, and the rest comes next time.
  void flush(tsn::Batch& out, tsn::Time now);
  /// Tells the host of the lines that were refused, once for each reason.
  void report_refusals();
  LineCounts take_counts() { return std::exchange(counts_, {}); }
  std::size_t series() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    tsn::Series series;
    Kind kind;
    bool touched = false;  ///< since the last flush
    tsn::Time heard = 0;
    double value = 0;  ///< counter: the sum; gauge: the value
    tsn::Summary summary{0, 0, 0, 0, 0};
    std::unordered_set<std::uint64_t> members;  ///< hashes of a set's values
  };
  struct Stamped {
    tsn::Time at;
    tsn::Series series;
    double value;
  };
  struct Refusal {
    std::string reason, name, raw;
    std::uint32_t count = 0;
  };
  struct TextHash {
    using is_transparent = void;
    // Not noexcept: libstdc++ then keeps the hashes.
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Entry* find(const Line& line, std::string_view raw);
  Entry* intern(const Line& line, std::string_view raw);
  bool add(Entry& entry, const Line& line, std::string_view raw);
  static void add_number(Entry& entry, const Value& value, double rate);
  bool add_stamped(const Entry& entry, const Line& line, std::string_view raw);
  void push(tsn::Batch& out, Entry& entry, tsn::Time now);
  void forget(tsn::Time now);
  void refuse(const char* type, std::string_view reason, std::string_view name, std::string_view raw);

  tsn::Context ctx_;
  const tsn::Time expire_;
  std::unordered_map<tsn_series, Entry> entries_;
  std::unordered_map<std::string, Entry*, TextHash, std::equal_to<>> texts_;
  std::vector<Stamped> stamped_;
  std::map<std::string_view, Refusal> refusals_;
  LineCounts counts_;
  std::string text_, labels_text_;  ///< of the line at hand; kept to allocate once
  std::vector<std::pair<std::string, std::string_view>> labels_;
  std::vector<tsn::LabelView> views_;
};

}  // namespace tocsin_plugins::statsd
