// A rule as its author wrote it, checked and typed. Which signals, grouped how, judged by which detector, told how.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/value.hpp"
#include "model/labels.hpp"
#include "model/matcher.hpp"

namespace tocsin::model {

enum class Severity : std::uint8_t { none = 0, low = 1, medium = 2, high = 3, critical = 4 };
std::string_view to_string(Severity severity);                 ///< "CRITICAL", …; "NONE"
base::Result<Severity> parse_severity(std::string_view text);  ///< our four words, without case

enum class Category : std::uint8_t { none, transaction, log, integration, infrastructure };
std::string_view to_string(Category category);
base::Result<Category> parse_category(std::string_view text);

/// Same numbers as tsn_aggregate.
enum class Aggregate : std::uint8_t {
  last,
  avg,
  sum,
  min,
  max,
  count,
  rate,
  delta,
  stddev,
  p50,
  p90,
  p95,
  p99,
  last_seen
};
std::string_view to_string(Aggregate aggregate);
base::Result<Aggregate> parse_aggregate(std::string_view text);

enum class NoData : std::uint8_t { keep, alert, ok };

struct Link {
  std::string text, href;
  bool operator==(const Link&) const = default;
};

/// One aggregate a rule reads for each group.
struct Input {
  Selector selector;
  Aggregate aggregate = Aggregate::last;
  base::Duration over{};  ///< window (t - over, t]; 0: newest value within the look-back
  base::Duration offset{};
};

struct Rule {
  std::string name;  ///< also the label alertname
  std::string detector = "threshold";
  Category category = Category::none;
  Severity severity = Severity::none;
  Selector signal;  ///< the main selector; further inputs come from the detector's compile()
  std::string signal_text;
  std::vector<std::string> by;
  /// Asks the source of this name instead of reading signals; its questions are evaluated by the holder of the lease.
  std::string query_source;
  base::Value query;    ///< the question: the keys of the `query` table but `source`
  bool by_all = false;  ///< each set of labels is a group; with `query` and without `by`
  Aggregate aggregate = Aggregate::last;
  base::Duration over{};
  base::Duration for_{};
  base::Duration keep_firing_for{};
  std::optional<base::Duration> cooldown;  ///< none: 0 s for CRITICAL, else 5 min
  base::Duration every{};                  ///< 0: evaluated on arrival
  bool also_timed = false;                 ///< ABSENT, <, <=, == or no_data = alert: also every 60 s
  NoData no_data = NoData::keep;
  bool fleet = false;
  bool shadow = false;  ///< of a pack in shadow mode
  std::string pack;     ///< empty: the user's own
  Labels labels;
  std::string message, suggestion, runbook_url;
  std::vector<Link> links;
  base::Value table;  ///< the whole table, for the detector
  base::Place place;
  std::string script_file;  ///< a Lua rule: the file; its program is known to the detector by `script`
  std::uint64_t script = 0;

  base::Duration effective_cooldown() const;
};
using SharedRule = std::shared_ptr<const Rule>;

/// `{{name}}` replaced by what `lookup` says; an unknown name stays as it stands.
template <class Lookup>
std::string expand(std::string_view text, Lookup&& lookup) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t open = text.find("{{", at);
    std::size_t close = open == text.npos ? text.npos : text.find("}}", open);
    if (close == text.npos) return out.append(text.substr(at));
    out.append(text.substr(at, open - at));
    std::string_view name = text.substr(open + 2, close - open - 2);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (std::optional<std::string> value = lookup(name))
      out += *value;
    else
      out.append(text.substr(open, close + 2 - open));
    at = close + 2;
  }
  return out;
}

}  // namespace tocsin::model
