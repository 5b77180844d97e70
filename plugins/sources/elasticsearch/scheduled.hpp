// One query on a schedule: when it is due, what its last run came to, and the rows that it makes of it.
//
// A query without `bucket` looks at the window that ends `delay` ago, and its rows stand at that instant. With it, each
// bucket of time is taken once, when it has been over for `delay`; its rows stand at its end, so that a rule's window
// (t − over, t] holds whole buckets.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "answer.hpp"
#include "servers.hpp"
#include "settings.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::elasticsearch {

class Scheduled {
 public:
  Scheduled(const tsn::Context& ctx, QuerySettings settings, const Limits& limits, std::chrono::nanoseconds tick)
      : ctx_(ctx), settings_(std::move(settings)), limits_(limits), tick_(tick) {}

  const QuerySettings& settings() const { return settings_; }
  bool due(tsn::Time now) const { return now >= next_; }
  tsn::Time next() const { return next_; }

  /// Asks; what came is kept for write(). `position`: where its buckets begin. Never throws. May run beside other
  /// queries' run().
  void run(Servers& servers, std::optional<std::int64_t> position, tsn::Time now, tsn::Deadline deadline);
  bool ran() const { return ran_; }
  bool failing() const { return failures_ > 0; }
  const tsn::Status& failure() const { return failure_; }
  const Answer& answer() const { return answer_; }
  /// The position that covers the rows of write(); nothing: this query has none.
  std::optional<std::int64_t> position() const { return position_; }
  double seconds() const { return seconds_; }

  /// Adds the rows to `out` without submitting.
  void write(tsn::Batch& out);
  /// Ends a run: the next one is planned from `now`, its counters go out. `put_off`: what it brought was not taken.
  void settle(tsn::Time now, bool put_off);

 private:
  struct Entry {
    tsn::Series series;
    std::uint64_t seen = 0;  ///< the last run that had it
  };

  void ask(Servers& servers, std::optional<std::int64_t> position, tsn::Time now, tsn::Deadline deadline);
  void look_at_fields(Servers& servers, tsn::Deadline deadline);
  /// Nothing: no bucket is over yet.
  std::optional<Span> span_at(std::optional<std::int64_t> position, tsn::Time now);
  void fill_empty_buckets(const Span& span);
  Entry* entry_of(const Labels& labels);
  void end_missing(tsn::Batch& out);
  std::chrono::nanoseconds wait() const;
  void tell_of_refusals();
  void report();

  const tsn::Context& ctx_;
  const QuerySettings settings_;
  const Limits& limits_;
  const std::chrono::nanoseconds tick_;
  tsn::Time next_ = 0;
  tsn::Time at_ = 0;  ///< the instant of a window's rows
  bool ran_ = false, behind_ = false, fields_known_ = false, told_others_ = false;
  int failures_ = 0, overloads_ = 0;  ///< in a row; the second: of those the last ones that asked for a rest
  tsn::Status failure_ = tsn::ok;
  Answer answer_;
  std::optional<std::int64_t> position_;
  double seconds_ = 0;
  std::uint64_t run_ = 0, ended_ = 0;
  std::map<Labels, Entry> known_;
  struct Refusal {
    std::string type, reason, raw;
    std::uint32_t count = 0;
  } refusal_;
};

}  // namespace tocsin_plugins::elasticsearch
