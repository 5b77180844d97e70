// One shard: the sole owner of the groups (rule, by-values) whose hash falls to it, with their windows and life cycles.
// Single-threaded and deterministic: the same batches and instants give the same alerts, live, in replay and in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "detection/evaluator.hpp"
#include "model/alert.hpp"
#include "model/rule.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"

namespace tocsin::detection {

struct ShardSettings {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
  base::Duration look_back = std::chrono::minutes(5);
  bool cooldown = true;              ///< off in `rule test`
  std::size_t max_groups = 100'000;  ///< per rule; beyond it: dropped, counted
  /// Raw samples of series matching a selector in a time span, for inputs declared late or with an offset. May be null.
  std::function<void(const model::Selector&, base::Time from, base::Time to,
                     const std::function<void(model::SeriesId, std::int64_t ts, double value)>&)>
      history;
};

/// How a rule fares; for GET /rules and the metrics.
struct RuleStatus {
  std::string rule, health, last_error;  ///< health: ok, failing, unknown
  std::uint64_t evaluations = 0, failures = 0, groups = 0, pending = 0, firing = 0, dropped = 0;
  base::Time last_evaluation{};
};

struct RuleProblem {
  std::string rule;
  base::Error error;
};

/// What the agent raises about itself.
enum class OwnAlert : std::uint8_t { source_down, plugin_crashed, plugin_quarantined, watchdog_failing, agent_down };

class Shard final : public Exchangeable {
 public:
  Shard(ShardSettings settings, const model::SeriesTable& series, FindEvaluator find);
  ~Shard() override;

  /// Replaces the rules. An unchanged rule (same definition) keeps its groups and timers; alerts of a removed rule
  /// resolve into `out`. A rule that does not compile is left out and reported; the others run.
  std::vector<RuleProblem> set_rules(std::vector<model::SharedRule> rules, base::Time now,
                                     std::vector<model::Alert>& out);

  base::Result<void> exchange(Evaluator& from, Evaluator& to) override;

  /// Puts a batch into windows without judging it: at start, for what is older than the journal position.
  void warm(const model::SignalBatch& batch);
  /// Continues alerts that were pending or firing before a restart.
  void restore(const std::vector<model::Alert>& alerts, base::Time now);

  /// Takes a batch in and judges the rules it touches, row by row in order. Appends each alert that changed state (or
  /// severity, or value while firing at most every minute) to `out`.
  void push(const model::SignalBatch& batch, base::Time now, std::vector<model::Alert>& out);
  /// Does what is due by timers up to and including `now`, in order of due time.
  void advance(base::Time now, std::vector<model::Alert>& out);
  /// The next instant at which advance() has something to do.
  std::optional<base::Time> next_due() const;
  /// A source went down or came back: its rules go into no-data, SourceDown{source} fires or resolves.
  void source_state(const std::string& instance, bool up, base::Time now, std::vector<model::Alert>& out);

  /// PluginCrashed{instance, plugin}, PluginQuarantined{instance, plugin}, WatchdogFailing or AgentDown{agent} fires or
  /// resolves, where this shard owns it. SourceDown comes from source_state(). `message` is for people; empty: the
  /// usual one.
  void own_alert(OwnAlert what, const model::Labels& group, bool firing, std::string_view message, base::Time now,
                 std::vector<model::Alert>& out);

  std::vector<RuleStatus> status() const;
  /// Pending and firing alerts.
  std::vector<model::Alert> active() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::detection
