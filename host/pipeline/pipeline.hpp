// The path of a signal, composed: intake → journal → shards → control → committer → outbox, and history beside it.
//
//   source ─take()→ Intake ─journal→ ┬→ ShardRunner × N ─alerts→ Control (desk) ─changes→ Committer ─deliveries→ Outbox
//                                    └→ HistoryWriter (chunks, counts, trimming)
//
// Nothing is answered "accepted" before it is in the journal; nothing leaves before the decision that caused it is in
// the store; the journal position of a decision is written in the same transaction.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "delivery/outbox.hpp"
#include "detection/shard.hpp"
#include "incidents/desk.hpp"
#include "model/routing.hpp"
#include "model/rule.hpp"
#include "pipeline/history_writer.hpp"
#include "runtime/executor.hpp"
#include "storage/journal.hpp"
#include "storage/port.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::pipeline {

struct Settings {
  std::uint32_t shards = 1;
  std::string agent;  ///< its name among those that share the store
  HistorySettings history;
  delivery::OutboxSettings outbox;
};

struct Parts {
  const base::Clock* clock = nullptr;
  model::SeriesTable* series = nullptr;
  storage::Journal* journal = nullptr;
  storage::Store* store = nullptr;
  telemetry::Metrics* metrics = nullptr;
  runtime::Reactor* reactor = nullptr;
  runtime::Executor* pool = nullptr;
  /// The evaluators of one shard; called on the thread that owns the shard.
  std::function<detection::FindEvaluator(std::uint32_t shard)> evaluators;
};

class Pipeline {
 public:
  Pipeline(Settings settings, Parts parts, model::Routing routing);
  ~Pipeline();

  /// Continues with what the store knew, rebuilds windows, reads the journal on from its durable position, starts the
  /// threads. `rules` compile here; problems are returned, the others run.
  base::Result<std::vector<detection::RuleProblem>> start(std::vector<model::SharedRule> rules,
                                                          storage::Restored restored);
  /// Ordered: intake first, then each stage lets its queue run empty into the next. Idempotent.
  void stop();

  // --- signals in; any thread ---
  base::Result<std::uint64_t> take(std::shared_ptr<model::SignalBatch> batch);
  void rejected(model::RejectedSignal rejected);
  void source_state(const std::string& instance, bool up);
  /// An alert of the agent's own about a plugin fires or resolves: decided, kept and told like any other, one for each
  /// set of labels. Does not wait for it. `message` empty: the usual one.
  void own_alert(detection::OwnAlert what, model::Labels labels, bool firing, std::string message = {});

  // --- reload ---
  std::vector<detection::RuleProblem> set_rules(std::vector<model::SharedRule> rules);
  /// Runs on each shard's own thread, one shard after the other, between two batches; returns when all are done.
  using OnShard = std::function<void(std::uint32_t index, detection::Shard& shard)>;
  void each_shard(const OnShard& visit);
  void set_routing(model::Routing routing);
  void set_retention(storage::Retention retention);
  void set_channel(const std::string& instance, std::shared_ptr<delivery::Channel> channel);

  // --- one of several that share the store (Store::shared) ---
  /// The deciding lease is this agent's until then; the first call takes over what was decided so far. One thread.
  base::Result<void> prolong(std::chrono::steady_clock::time_point sure_until);
  /// It is another's. Any thread.
  void give_up();
  /// Whether decisions are this agent's. True where the store is its own. Any thread.
  bool decides() const;

  // --- people ---
  /// Of several agents the one that decides; at another one these are refused (Fault::unavailable).
  using Decide = std::function<base::Result<model::Changes>(incidents::Desk&, base::Time now)>;
  /// Decides on the control strand and returns when the decision is durable.
  base::Result<void> decide(Decide decide);
  /// Asks on the control strand and returns when it was answered. The question must own what it refers to: where the
  /// strand is held up for 10 s it is still asked, after this returned an error.
  using Question = std::function<void(const incidents::Desk&, base::Time now)>;
  base::Result<void> ask(Question question);
  /// The same without waiting: `done` runs on any thread, or at once where the agent is stopping. Decisions are taken
  /// in the order of the calls.
  void decide(Decide decide, std::function<void(base::Result<void>)> done);
  /// A value read on the control strand.
  std::optional<model::Incident> find_incident(const std::string& id);
  /// What is due for whom, as the desk has it now. Empty also while the agent stops.
  std::vector<incidents::Due> next(incidents::Asked asked);
  /// Deliveries outside the desk (trial messages, replayed dead letters): kept in one transaction `with` these, then
  /// sent.
  base::Result<void> send(std::vector<model::Delivery> deliveries, model::Changes with = {});
  base::Result<void> keep(model::Changes changes);
  /// The same without waiting: `done` runs on any thread, or at once where the agent is stopping.
  void keep(model::Changes changes, std::function<void(base::Result<void>)> done);

  // --- how it fares ---
  std::vector<detection::RuleStatus> rule_status();
  std::vector<delivery::InstanceStatus> channel_status() const;
  std::string not_ready() const;  ///< empty: ready
  storage::Store& store();
  /// Called for every attempt that ended a delivery, after it was committed; set before start().
  void on_delivered(std::function<void(const model::Delivery&, const delivery::Outcome&)> listener);
  /// Called on the committer's thread after timeline entries were committed; set before start().
  void on_timeline(std::function<void()> listener);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::pipeline
