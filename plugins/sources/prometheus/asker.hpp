// One query on its schedule: when it is due, what it asks for, and its answer as rows.
//
// A range query asks for the steps that are over since the last one it read, on the grid of its step, at most `range`
// at a time; the time of the last one is its position. An instant query marks the series that its last answer had and
// this one has not as stale: a rule then sees that they ended.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_set>

#include "api.hpp"
#include "positions.hpp"
#include "settings.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::prometheus {

/// The steps of one question, both ends included.
struct Window {
  tsn::Time first = 0, last = 0;
  bool more = false;  ///< later steps are over as well
};
/// Nothing: no step is over that was not read.
std::optional<Window> window_of(const QuerySettings& query, std::optional<tsn::Time> position, tsn::Time now);

/// What became of samples.
struct SampleCounts {
  std::uint64_t samples = 0, not_finite = 0, duplicate = 0, refused = 0, histograms = 0, ended = 0;
};

class Asker {
 public:
  Asker(const tsn::Context& ctx, QuerySettings settings, std::chrono::nanoseconds tick)
      : ctx_(ctx), settings_(std::move(settings)), tick_(tick) {}

  const QuerySettings& settings() const { return settings_; }
  bool due(tsn::Time now) const { return now >= next_; }
  tsn::Time next() const { return next_; }
  /// Whatever the distance that failures made: at the next poll.
  void wake() { next_ = 0; }

  /// Asks the server; the answer is kept for write(). Never throws. May run beside other askers' run().
  void run(Api& api, std::optional<tsn::Time> position, tsn::Deadline deadline);
  bool ran() const { return ran_; }
  bool failing() const { return failures_ > 0; }
  const Reply& reply() const { return reply_; }
  const tsn::Status& failure() const { return reply_.status; }
  /// Nothing was asked: no step was over.
  bool idle() const { return !window_ && is_range(); }
  /// Its rows, all in one batch, and in `positions` where they lead to. False: the host takes no more now.
  bool write(tsn::Batch& out, Positions& positions);
  /// `prometheus.up` and what belongs to it.
  void write_own(tsn::Batch& out);
  /// Ends a run: its next one is planned, its counters go out. `put_off`: what it brought was not taken.
  void settle(bool put_off);
  bool behind() const { return behind_; }

 private:
  bool is_range() const { return settings_.step.count() > 0; }
  std::chrono::nanoseconds wait() const;
  void judge();
  std::uint32_t most_rows() const;
  void push_series(tsn::Batch& out, const AnswerSeries& series);
  bool intern(const AnswerSeries& series, tsn::Series& out);
  void end_missing(tsn::Batch& out);
  void refuse(const char* type, const std::string& reason, const AnswerSeries& series);
  void tell();
  void report() const;

  const tsn::Context& ctx_;
  const QuerySettings settings_;
  const std::chrono::nanoseconds tick_;
  tsn::Time next_ = 0, asked_for_ = 0;
  bool ran_ = false, behind_ = false;
  bool taken_ = false;  ///< the host has this run's rows and position
  int failures_ = 0;    ///< in a row
  Reply reply_;
  std::optional<Window> window_;
  std::unordered_set<tsn_series> alive_, seen_;  ///< of the last answer, of this one
  SampleCounts counts_;
  struct Refusal {
    std::string raw;
    std::uint32_t count = 0;
  };
  std::map<std::pair<std::string, std::string>, Refusal> refusals_;  ///< by type and reason
  std::string told_warning_;
  bool told_histograms_ = false;
};

}  // namespace tocsin_plugins::prometheus
