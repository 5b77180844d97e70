// One URL: fetching it, and what its text means beside the one before.
//
// A series that the last text had and this one has not is marked stale, and so are all of them when the target is down:
// a rule then sees that they ended, instead of waiting five minutes. Series that bring their own timestamps are left
// alone, as Prometheus does.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exposition.hpp"
#include "http_client/http_client.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::scrape {

struct TargetSettings {
  std::string job;
  std::string username, password, bearer;
  std::size_t most_bytes = 16u << 20;
  bool honor_labels = false;
  std::vector<std::string> keep, drop;  ///< globs on names
  HttpSettings http;
};

struct SampleCounts {
  std::uint64_t samples = 0, dropped = 0, not_finite = 0, duplicate = 0, refused = 0, stale = 0;
};

/// Whether `name` fits a glob with `*`.
bool fits(std::string_view glob, std::string_view name);

class Target {
 public:
  /// Throws tsn::Failure (invalid) for a URL that is none.
  Target(tsn::Context ctx, std::string url, const TargetSettings& settings);

  /// Asks for the text. On any thread; not while write() runs.
  void fetch(tsn::Deadline deadline);
  /// What was fetched as rows at `now`, the time of the scrape.
  void write(tsn::Batch& out, tsn::Time now);
  /// Asks once and writes nothing: a line for `tocsin check --online`, with its newline.
  std::string look(tsn::Deadline deadline);
  bool is_up() const noexcept { return failure_.empty(); }
  /// Why it is down.
  const std::string& failure() const noexcept { return failure_; }
  SampleCounts take_counts() { return std::exchange(counts_, {}); }

 private:
  struct Entry;
  using Known = std::pair<const std::string, Entry>;  ///< by the series' text
  struct Entry {
    tsn::Series series;
    std::uint64_t seen = 0;  ///< the last scrape that had it
    bool own_time = false;
    Known* after = nullptr;  ///< what came behind it last time: a page has the same order each time
  };
  struct Hash {
    using is_transparent = void;
    // Not noexcept: libstdc++ then keeps each hash beside its node, instead of computing those of a whole bucket anew.
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void name_own_series();
  bool parse();
  bool wanted(std::string_view name) const;
  void write_samples(tsn::Batch& out, tsn::Time now);
  /// `last`: what the sample before it was found as. Null: it is new.
  Known* find(std::string_view series, const Known* last);
  /// Null: the host has no room for it, or it cannot be.
  Known* add(const Sample& sample);
  tsn::Status intern(const Sample& sample, tsn::Series& out);
  void end_missing(tsn::Batch& out, tsn::Time now);
  void tell_of_itself(tsn::Batch& out, tsn::Time now);
  void tell_of_change();
  void tell_of_refusals();

  tsn::Context ctx_;
  const TargetSettings& settings_;
  const std::string url_;
  HttpClient client_;
  Labels own_labels_;  ///< job, instance, and path where it is another than /metrics
  HttpAnswer answer_;
  std::string failure_ = "not asked yet";
  bool was_up_ = true, told_ = false;
  double seconds_ = 0;
  std::uint64_t scrape_ = 0;
  tsn::Series up_, duration_, sample_count_;
  struct Read {
    Sample sample;
    Known* known = nullptr;  ///< null: its series is new
  };
  std::vector<Read> samples_;
  std::size_t seen_ = 0;  ///< series of the scrape at hand
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> known_;
  SampleCounts counts_;
  struct Refusal {
    std::string type, reason, name, raw;
    std::uint32_t count = 0;
  } refusal_;
  Labels labels_;  ///< of the sample at hand
  std::vector<tsn::LabelView> views_;
};

}  // namespace tocsin_plugins::scrape
