#include "pipeline/pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <unordered_map>
#include <utility>

#include "pipeline/committer.hpp"
#include "pipeline/control.hpp"
#include "pipeline/decider.hpp"
#include "pipeline/intake.hpp"
#include "pipeline/proof.hpp"
#include "pipeline/shard_runner.hpp"
#include "telemetry/log.hpp"

namespace tocsin::pipeline {
namespace {

/// A proof that is on its way for longer proves nothing any more.
constexpr base::Duration proof_patience = std::chrono::minutes(5);

}  // namespace

struct Pipeline::Impl {
  Impl(Settings s, Parts p, model::Routing routing)
      : settings(std::move(s)),
        parts(p),
        committer(*parts.store, *parts.metrics),
        control(control_parts()),
        decider(decider_parts(), std::move(routing)),
        history(settings.history, *parts.store, *parts.journal, *parts.series, *parts.clock, *parts.metrics,
                [this] { return control.durable_position(); }),
        intake(
            *parts.journal, [this] { return has_room(); },
            [this](model::SharedBatch batch) { hand_on(std::move(batch)); }) {
    make_shards();
    export_metrics();
  }
  Control::Parts control_parts();
  Decider::Parts decider_parts();

  // The path on one screen. take() → journal → hand_on() → shards → control → committer → outbox.
  base::Result<std::uint64_t> take(std::shared_ptr<model::SignalBatch> batch) {
    if (!open.load(std::memory_order_acquire))
      return base::fail(base::Fault::exhausted, "the agent is starting or stopping");
    return intake.take(std::move(batch));
  }
  bool has_room() const {
    return std::all_of(shards.begin(), shards.end(), [](const auto& shard) { return shard->has_room(); });
  }
  void hand_on(model::SharedBatch batch) {
    for (auto& shard : shards) shard->judge(batch);
    history.append(without_proof(std::move(batch)));
  }
  void on_judged(Judged judged);
  void keep(model::Changes changes, std::function<void(base::Result<void>)> done);

  void make_shards();
  void export_metrics();
  void on_ended(const model::Delivery& delivery, const delivery::Outcome& outcome);
  std::vector<detection::RuleProblem> set_rules_before_start(const std::vector<model::SharedRule>& rules);
  base::Result<void> fold_unwritten();
  base::Result<void> rebuild(const storage::Restored& restored);
  std::vector<model::Alert> own_alerts(const storage::Restored& restored) const;
  void history_before_journal(const model::Selector& selector, base::Time from, base::Time to,
                              const std::function<void(model::SeriesId, std::int64_t, double)>& take_sample);
  void judge_again(std::vector<model::Alert>& alerts, std::uint64_t position);

  Settings settings;
  Parts parts;
  Committer committer;
  std::vector<std::unique_ptr<ShardRunner>> shards;
  Control control;
  Decider decider;
  HistoryWriter history;
  Intake intake;
  std::function<void(const model::Delivery&, const delivery::Outcome&)> delivered;
  std::atomic<bool> open{false};
  bool started = false, stopped = false;
  base::Time journal_begins = base::Time::max();  ///< arrival of the oldest journalled batch
};

void Pipeline::Impl::make_shards() {
  for (std::uint32_t i = 0; i < settings.shards; ++i) {
    detection::ShardSettings shard;
    shard.index = i;
    shard.count = settings.shards;
    shard.history = [this](const auto& selector, base::Time from, base::Time to, const auto& take_sample) {
      history_before_journal(selector, from, to, take_sample);
    };
    auto owned = std::make_unique<detection::Shard>(shard, *parts.series, parts.evaluators(i));
    shards.push_back(std::make_unique<ShardRunner>(i, std::move(owned), *parts.clock,
                                                   [this](Judged judged) { on_judged(std::move(judged)); }));
  }
}

Control::Parts Pipeline::Impl::control_parts() {
  Control::Parts out;
  out.committer = &committer;
  out.clock = parts.clock;
  out.shards = settings.shards;
  if (parts.store->shared()) out.agent = settings.agent;
  out.send = [this](auto deliveries) { decider.send(std::move(deliveries)); };
  out.tickets = [this](auto tickets) { decider.tickets_are(std::move(tickets)); };
  out.answered = [this](const auto& incident) { decider.answered(incident); };
  out.lost = [this] { decider.give_up(); };
  return out;
}

Decider::Parts Pipeline::Impl::decider_parts() {
  Decider::Parts out;
  out.clock = parts.clock;
  out.store = parts.store;
  out.committer = &committer;
  out.control = &control;
  out.reactor = parts.reactor;
  out.pool = parts.pool;
  out.outbox = settings.outbox;
  out.ended = [this](const auto& delivery, const auto& outcome) { on_ended(delivery, outcome); };
  return out;
}

// A proof that came through the shards goes on by the strand, the store and the outbox.
void Pipeline::Impl::on_judged(Judged judged) {
  for (auto& proof : take_proofs(judged.alerts)) {
    auto delivery = std::make_shared<model::Delivery>(proof_delivery(proof, parts.clock->now(), proof_patience));
    control.post([this, delivery](incidents::Desk*) {
      model::Changes kept;
      kept.kv.emplace_back(proof_name, delivery->text);
      keep(std::move(kept), [this, delivery](const base::Result<void>& done) {
        if (done) decider.send({*delivery});
      });
    });
  }
  control.judged(std::move(judged));
}

void Pipeline::Impl::keep(model::Changes changes, std::function<void(base::Result<void>)> done) {
  auto failed = done;
  const bool queued = committer.commit({std::move(changes), [done = std::move(done)](const auto& result, auto&) {
                                          done(result ? base::Result<void>{} : base::fail(result.error()));
                                        }});
  if (!queued) failed(base::fail(base::Fault::cancelled, "the agent is stopping"));
}

void Pipeline::Impl::on_ended(const model::Delivery& delivery, const delivery::Outcome& outcome) {
  if (delivery.proof) return;
  const bool told = delivery.state == model::DeliveryState::sent || delivery.state == model::DeliveryState::shadow;
  telemetry::log(
      told ? telemetry::Level::info : telemetry::Level::error, "delivery",
      std::string(model::to_string(delivery.state)) + " " + delivery.target + (told ? "" : ": " + delivery.last_error),
      {{"correlation_id", delivery.correlation_id},
       {"key", delivery.key},
       {"attempts", std::to_string(delivery.attempts)}});
  if (delivered) delivered(delivery, outcome);
}

void Pipeline::Impl::export_metrics() {
  auto& metrics = *parts.metrics;
  metrics.on_collect([this, &metrics] {
    for (std::size_t i = 0; i < shards.size(); ++i) {
      metrics.gauge("tocsin_shard_queue_batches", "Batches waiting for a shard", {{"shard", std::to_string(i)}})
          .set(static_cast<double>(shards[i]->queued()));
    }
    metrics.gauge("tocsin_commit_queue_decisions", "Decisions waiting for the store")
        .set(static_cast<double>(committer.queued()));
    metrics.gauge("tocsin_notifications_paused", "1 while a maintenance pause holds notifications back")
        .set(control.paused_until() == base::no_time ? 0 : 1);
    metrics.gauge("tocsin_journal_bytes", "Size of the signal journal")
        .set(static_cast<double>(parts.journal->bytes()));
    metrics.gauge("tocsin_series", "Series known to the agent").set(static_cast<double>(parts.series->size()));
    for (const auto& status : decider.status()) {
      const telemetry::MetricLabels name{{"name", status.instance}};
      metrics.gauge("circuit_breaker_state", "0 closed, 1 open, 2 half-open", name)
          .set(static_cast<double>(status.breaker));
      const telemetry::MetricLabels instance{{"instance", status.instance}};
      metrics.gauge("tocsin_outbox_queued", "Deliveries waiting", instance).set(static_cast<double>(status.queued));
      metrics.gauge("tocsin_outbox_in_flight", "Deliveries on their way", instance)
          .set(static_cast<double>(status.in_flight));
    }
  });
}

// Signals older than the journal's oldest record, for windows longer than the journal is kept.
void Pipeline::Impl::history_before_journal(
    const model::Selector& selector, base::Time from, base::Time to,
    const std::function<void(model::SeriesId, std::int64_t, double)>& take_sample) {
  storage::SampleQuery query;
  query.name = selector.name();
  query.matchers = selector.matchers();
  query.from = from;
  query.to = std::min(to, journal_begins - base::Duration(1));
  if (query.to < query.from) return;
  auto found = parts.store->samples(query);
  if (!found)
    return telemetry::log_warn("detection",
                               "cannot read history for " + selector.text() + ": " + found.error().message());
  for (const auto& series : *found) {
    const auto id = parts.series->intern(series.key);
    for (const auto& sample : series.samples) take_sample(id, sample.ts, sample.value);
  }
}

std::vector<detection::RuleProblem> Pipeline::Impl::set_rules_before_start(
    const std::vector<model::SharedRule>& rules) {
  std::vector<detection::RuleProblem> problems;
  std::vector<model::Alert> ended;
  for (auto& runner : shards) {
    auto found = runner->shard().set_rules(rules, parts.clock->now(), ended);
    if (problems.empty()) problems = std::move(found);
  }
  return problems;
}

base::Result<void> Pipeline::Impl::fold_unwritten() {
  std::vector<model::SharedBatch> batches;
  base::Result<void> folded;
  auto fold = [&] {
    if (folded && !batches.empty()) folded = parts.store->append_history(batches);
    batches.clear();
  };
  TRY_VOID(parts.journal->read(parts.store->history_position() + 1, [&](model::SharedBatch batch) {
    batches.push_back(without_proof(std::move(batch)));
    if (batches.size() >= 64) fold();
    return folded.has_value();
  }));
  fold();
  return folded;
}

/// What the shards go on with: not what came in from outside, which to a shard would be an alert whose rule is gone,
/// and of a fleet this agent's, as they were when it passed them on.
std::vector<model::Alert> Pipeline::Impl::own_alerts(const storage::Restored& restored) const {
  const bool alone = parts.store->shared() == nullptr;
  std::vector<model::Alert> own;
  std::unordered_map<std::string, std::size_t> places;
  const auto take = [&](const model::Alert& alert) {
    if (alert.received || (!alone && alert.agent != settings.agent)) return;
    const auto [it, fresh] = places.try_emplace(alert.id, own.size());
    if (fresh)
      own.push_back(alert);
    else
      own[it->second] = alert;
  };
  for (const auto& alert : restored.alerts) take(alert);
  for (const auto& passed : restored.passed) take(passed.alert);
  return own;
}

base::Result<void> Pipeline::Impl::rebuild(const storage::Restored& restored) {
  const std::uint64_t judged = restored.journal_position;
  TRY_VOID(parts.journal->read(1, [&](const model::SharedBatch& batch) {
    if (batch->position > judged) return false;
    for (auto& runner : shards) runner->shard().warm(*batch);
    return true;
  }));
  const auto own = own_alerts(restored);
  for (auto& runner : shards) runner->shard().restore(own, parts.clock->now());
  std::vector<model::Alert> alerts;
  return parts.journal->read(judged + 1, [&](const model::SharedBatch& batch) {
    for (auto& runner : shards) {
      runner->shard().advance(batch->arrived, alerts);
      runner->shard().push(*batch, batch->arrived, alerts);
    }
    judge_again(alerts, batch->position);
    return true;
  });
}

// What was answered "accepted" and not judged before the stop is judged now, as if it had just arrived.
void Pipeline::Impl::judge_again(std::vector<model::Alert>& alerts, std::uint64_t position) {
  take_proofs(alerts);
  for (std::uint32_t i = 0; i < settings.shards; ++i) {
    shards[i]->judged_through(position);
    control.judged(Judged{i, position, i + 1 == settings.shards ? std::move(alerts) : std::vector<model::Alert>{}});
  }
  alerts.clear();
}

Pipeline::Pipeline(Settings settings, Parts parts, model::Routing routing)
    : impl_(std::make_unique<Impl>(std::move(settings), parts, std::move(routing))) {}

Pipeline::~Pipeline() {
  stop();
}

base::Result<std::vector<detection::RuleProblem>> Pipeline::start(std::vector<model::SharedRule> rules,
                                                                  storage::Restored restored) {
  auto& my = *impl_;
  TRY_VOID(my.parts.journal->read(1, [&](const model::SharedBatch& oldest) {
    my.journal_begins = oldest->arrived;
    return false;
  }));
  TRY_VOID(my.fold_unwritten());
  auto problems = my.set_rules_before_start(rules);
  const bool alone = my.parts.store->shared() == nullptr;
  for (auto& runner : my.shards) runner->judged_through(restored.journal_position);
  my.committer.start();
  my.control.start(restored.journal_position, alone ? my.decider.desk_of(restored) : nullptr);
  my.started = true;
  TRY_VOID(my.rebuild(restored));
  if (alone)
    my.decider.send_pending(restored);
  else
    my.decider.start_following();
  my.intake.begin_at(my.parts.journal->newest() + 1);
  my.history.start();
  for (auto& runner : my.shards) runner->start();
  my.open.store(true, std::memory_order_release);
  return problems;
}

void Pipeline::stop() {
  auto& my = *impl_;
  if (my.stopped || !my.started) return;
  my.stopped = true;
  my.open = false;
  for (auto& runner : my.shards) runner->stop();
  my.history.stop();
  my.decider.stop();
  my.control.stop();
  my.committer.stop();
}

base::Result<std::uint64_t> Pipeline::take(std::shared_ptr<model::SignalBatch> batch) {
  return impl_->take(std::move(batch));
}
void Pipeline::rejected(model::RejectedSignal rejected) {
  impl_->history.rejected(std::move(rejected));
}

void Pipeline::source_state(const std::string& instance, bool up) {
  for (auto& runner : impl_->shards) {
    runner->errand([&](detection::Shard& shard, std::vector<model::Alert>& out) {
      shard.source_state(instance, up, impl_->parts.clock->now(), out);
    });
  }
}

void Pipeline::own_alert(detection::OwnAlert what, model::Labels labels, bool firing, std::string message) {
  for (auto& runner : impl_->shards) {
    runner->post([this, what, labels, firing, message](detection::Shard& shard, std::vector<model::Alert>& out) {
      shard.own_alert(what, labels, firing, message, impl_->parts.clock->now(), out);
    });
  }
}

std::vector<detection::RuleProblem> Pipeline::set_rules(std::vector<model::SharedRule> rules) {
  std::vector<detection::RuleProblem> problems;
  for (auto& runner : impl_->shards) {
    runner->errand([&](detection::Shard& shard, std::vector<model::Alert>& out) {
      auto found = shard.set_rules(rules, impl_->parts.clock->now(), out);
      if (problems.empty()) problems = std::move(found);
    });
  }
  return problems;
}

void Pipeline::each_shard(const OnShard& visit) {
  std::uint32_t index = 0;
  for (auto& runner : impl_->shards) {
    runner->errand([&](detection::Shard& shard, std::vector<model::Alert>&) { visit(index, shard); });
    ++index;
  }
}

void Pipeline::set_retention(storage::Retention retention) {
  impl_->history.set_retention(std::move(retention));
}

void Pipeline::set_routing(model::Routing routing) {
  impl_->decider.set_routing(std::move(routing));
}

void Pipeline::set_channel(const std::string& instance, std::shared_ptr<delivery::Channel> channel) {
  impl_->decider.set_channel(instance, std::move(channel));
}

base::Result<void> Pipeline::prolong(std::chrono::steady_clock::time_point sure_until) {
  return impl_->decider.prolong(sure_until);
}
void Pipeline::give_up() {
  impl_->decider.give_up();
}
bool Pipeline::decides() const {
  return impl_->decider.decides();
}

void Pipeline::decide(Decide decide, std::function<void(base::Result<void>)> done) {
  impl_->control.decide(std::move(decide), std::move(done));
}

base::Result<void> Pipeline::decide(Decide decide) {
  auto answer = std::make_shared<std::promise<base::Result<void>>>();
  auto future = answer->get_future();
  impl_->control.decide(std::move(decide),
                        [answer](base::Result<void> result) { answer->set_value(std::move(result)); });
  return future.get();
}

base::Result<void> Pipeline::ask(Question question) {
  auto answered = std::make_shared<std::promise<bool>>();
  auto future = answered->get_future();
  const bool queued =
      impl_->control.post([this, answered, question = std::move(question)](const incidents::Desk* desk) {
        if (desk) question(*desk, impl_->parts.clock->now());
        answered->set_value(desk != nullptr);
      });
  if (!queued) return base::fail(base::Fault::cancelled, "the agent is stopping");
  if (future.wait_for(std::chrono::seconds(10)) != std::future_status::ready)
    return base::fail(base::Fault::unavailable, "the agent is busy: the question was not answered within 10 s");
  if (!future.get()) return base::fail(base::Fault::unavailable, "another agent decides, or is about to");
  return {};
}

std::optional<model::Incident> Pipeline::find_incident(const std::string& id) {
  const auto answer = std::make_shared<std::optional<model::Incident>>();
  if (!ask([answer, id](const incidents::Desk& desk, base::Time) { *answer = desk.find(id); })) return std::nullopt;
  return std::move(*answer);
}

std::vector<incidents::Due> Pipeline::next(incidents::Asked asked) {
  const auto answer = std::make_shared<std::vector<incidents::Due>>();
  if (!ask([answer, asked = std::move(asked)](const incidents::Desk& desk, base::Time) { *answer = desk.next(asked); }))
    return {};
  return std::move(*answer);
}

void Pipeline::keep(model::Changes changes, std::function<void(base::Result<void>)> done) {
  impl_->keep(std::move(changes), std::move(done));
}

base::Result<void> Pipeline::keep(model::Changes changes) {
  auto answer = std::make_shared<std::promise<base::Result<void>>>();
  auto future = answer->get_future();
  keep(std::move(changes), [answer](base::Result<void> result) { answer->set_value(std::move(result)); });
  return future.get();
}

base::Result<void> Pipeline::send(std::vector<model::Delivery> deliveries, model::Changes with) {
  if (!decides()) return base::fail(base::Fault::unavailable, "another agent decides, or is about to");
  with.deliveries = deliveries;
  with.decided = true;
  TRY_VOID(keep(std::move(with)));
  impl_->decider.send(std::move(deliveries));
  return {};
}

std::vector<detection::RuleStatus> Pipeline::rule_status() {
  std::map<std::string, detection::RuleStatus> merged;
  std::vector<std::string> order;
  for (auto& runner : impl_->shards) {
    runner->errand([&](detection::Shard& shard, std::vector<model::Alert>&) {
      for (auto& status : shard.status()) {
        auto [it, fresh] = merged.emplace(status.rule, status);
        if (fresh) {
          order.push_back(status.rule);
          continue;
        }
        auto& sum = it->second;
        sum.evaluations += status.evaluations, sum.failures += status.failures, sum.groups += status.groups;
        sum.pending += status.pending, sum.firing += status.firing, sum.dropped += status.dropped;
        sum.last_evaluation = std::max(sum.last_evaluation, status.last_evaluation);
        if (status.health == "failing") sum.health = status.health, sum.last_error = status.last_error;
      }
    });
  }
  std::vector<detection::RuleStatus> all;
  for (const auto& name : order) all.push_back(merged[name]);
  return all;
}

std::vector<delivery::InstanceStatus> Pipeline::channel_status() const {
  return impl_->decider.status();
}

std::string Pipeline::not_ready() const {
  if (!impl_->open) return "the pipeline is not running";
  if (impl_->committer.failing()) return "the store refuses writes; see the log";
  if (!impl_->has_room()) return "the intake is full";
  return {};
}

storage::Store& Pipeline::store() {
  return *impl_->parts.store;
}
void Pipeline::on_delivered(std::function<void(const model::Delivery&, const delivery::Outcome&)> listener) {
  impl_->delivered = std::move(listener);
}

void Pipeline::on_timeline(std::function<void()> listener) {
  impl_->committer.on_timeline(std::move(listener));
}

}  // namespace tocsin::pipeline
