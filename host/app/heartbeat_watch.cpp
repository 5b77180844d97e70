#include "app/heartbeat_watch.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include "base/text.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration store_patience = std::chrono::seconds(10);
/// How soon another agent's ping, or a jump of the clock, is seen.
constexpr base::Duration longest_rest = std::chrono::seconds(1);

}  // namespace

base::Result<std::vector<model::Alert>> alerts_of(storage::Store& store, const std::string& keeper) {
  storage::AlertQuery query;
  query.states = {model::AlertState::pending, model::AlertState::firing};
  query.page.limit = 1000;
  std::vector<model::Alert> found;
  do {
    TRY(auto page, store.alerts(query));
    for (auto& alert : page.items) {
      if (alert.keeper == keeper) found.push_back(std::move(alert));
    }
    query.page.after = page.next;
  } while (!query.page.after.empty());
  return found;
}

HeartbeatWatch::HeartbeatWatch(pipeline::Pipeline& pipeline, const base::Clock& clock)
    : pipeline_(pipeline),
      clock_(clock),
      shared_(pipeline.store().shared()),
      duty_("heartbeats", [this] { return round(); }) {}

base::Result<void> HeartbeatWatch::start(const std::vector<model::Heartbeat>& wanted) {
  // A shared store may be away; its rows are read when it is back.
  if (auto read = read_store(); !read && !shared_) return read;
  apply(wanted);
  // Alone, it judges also when none is configured: alerts of those that were taken out end.
  if (!shared_) look_who_judges();
  std::lock_guard lock(mutex_);
  if (!machine_.empty()) duty_.start();
  return {};
}

void HeartbeatWatch::set(const std::vector<model::Heartbeat>& wanted) {
  apply(wanted);
  std::lock_guard lock(mutex_);
  if (!machine_.empty() && !duty_.started()) duty_.start();
  duty_.wake();
}

void HeartbeatWatch::apply(const std::vector<model::Heartbeat>& wanted) {
  std::lock_guard lock(mutex_);
  detection::Heartbeats::Decided decided;
  machine_.set(wanted, clock_.now(), decided);
  keep(std::move(decided));
}

void HeartbeatWatch::stop() {
  duty_.stop();
}

base::Result<void> HeartbeatWatch::read_store() {
  auto rows = pipeline_.store().heartbeats();
  if (!rows) return base::fail(rows.error());
  std::lock_guard lock(mutex_);
  machine_.learn(*rows);
  read_ = true;
  return {};
}

void HeartbeatWatch::look_who_judges() {
  if (refused_.exchange(false) || !pipeline_.decides() || !read_) {
    std::lock_guard lock(mutex_);
    if (std::exchange(judging_, false)) machine_.give_up();
    return;
  }
  if (judging_) return;
  const auto told = alerts_of(pipeline_.store(), detection::Heartbeats::keeper);
  if (!told) return;
  std::lock_guard lock(mutex_);
  detection::Heartbeats::Decided decided;
  judging_ = true;
  machine_.take_over(*told, clock_.now(), decided);
  keep(std::move(decided));
}

base::Duration HeartbeatWatch::round() {
  if (shared_ || !read_) {
    const auto read = read_store();
    const std::string complaint = read ? "" : read.error().message();
    if (complaint_ != complaint && !read) telemetry::log_error("heartbeats", complaint);
    complaint_ = complaint;
  }
  look_who_judges();
  std::lock_guard lock(mutex_);
  detection::Heartbeats::Decided decided;
  const base::Time now = clock_.now();
  machine_.advance(now, decided);
  keep(std::move(decided));
  const auto due = machine_.next_due();
  return due ? std::clamp<base::Duration>(*due - now, std::chrono::milliseconds(1), longest_rest) : longest_rest;
}

void HeartbeatWatch::keep(detection::Heartbeats::Decided decided, std::function<void(base::Result<void>)> done) {
  if (decided.empty()) {
    if (done) done({});
    return;
  }
  for (const auto& alert : decided.alerts) {
    telemetry::log(alert.state == model::AlertState::firing ? telemetry::Level::warn : telemetry::Level::info,
                   "heartbeats",
                   std::string(model::to_string(alert.state)) + ": " + std::string(alert.annotations.get("message")));
  }
  if (!done) done = [](const base::Result<void>&) {};
  if (decided.alerts.empty()) {
    // A ping that changes nothing for people is no decision: every agent of the store keeps it itself.
    model::Changes changes;
    changes.beats = std::move(decided.beats);
    return pipeline_.keep(std::move(changes), std::move(done));
  }
  auto shared = std::make_shared<detection::Heartbeats::Decided>(std::move(decided));
  pipeline_.decide(
      [shared](incidents::Desk& desk, base::Time now) -> base::Result<model::Changes> {
        auto changes = desk.on_alerts(shared->alerts, now);
        changes.beats = std::move(shared->beats);
        return changes;
      },
      [this, done = std::move(done)](base::Result<void> kept) {
        // What was decided counts for nothing: the next round begins with what the store has.
        if (!kept) refused_ = true;
        done(std::move(kept));
      });
}

base::Result<model::HeartbeatView> HeartbeatWatch::ping(model::Beat beat) {
  const auto answer = std::make_shared<std::promise<base::Result<void>>>();
  auto kept = answer->get_future();
  model::HeartbeatView view;
  {
    std::lock_guard lock(mutex_);
    beat.at = clock_.now();
    const std::string name = beat.name;
    detection::Heartbeats::Decided decided;
    TRY_VOID(machine_.ping(std::move(beat), decided));
    keep(std::move(decided), [answer](base::Result<void> result) { answer->set_value(std::move(result)); });
    view = *machine_.find(name, clock_.now());
  }
  if (kept.wait_for(store_patience) != std::future_status::ready) {
    return base::fail(base::Fault::unavailable,
                      "the store has not taken the ping within " + base::format_duration(store_patience) +
                          "; it is kept when the store is back, unless the agent ends before; ping again");
  }
  TRY_VOID(kept.get());
  return view;
}

std::vector<model::HeartbeatView> HeartbeatWatch::list() const {
  std::lock_guard lock(mutex_);
  return machine_.list(clock_.now());
}

}  // namespace tocsin::app
