#include "pipeline/control.hpp"

#include <algorithm>
#include <iterator>

#include "runtime/executor.hpp"
#include "telemetry/log.hpp"

namespace tocsin::pipeline {
namespace {

// How far the durable position may lag behind when nothing else is to be kept.
constexpr std::uint64_t position_lag = 1024;
// How soon a change of the mode is seen to be through.
constexpr base::Duration change_look = std::chrono::milliseconds(5);

}  // namespace

Control::Control(Parts parts) : parts_(std::move(parts)), judged_(parts_.shards, 0) {}

Control::~Control() {
  stop();
}

void Control::start(std::uint64_t position, std::unique_ptr<incidents::Desk> desk) {
  std::fill(judged_.begin(), judged_.end(), position);
  position_ = kept_position_ = position;
  durable_position_ = position;
  desk_ = std::move(desk);
  mode_ = desk_ ? Mode::deciding : Mode::following;
  thread_ = std::thread([this] {
    runtime::name_thread("control");
    run();
  });
}

void Control::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Control::run() {
  for (;;) {
    const auto due = desk_ ? desk_->next_due() : std::nullopt;
    const bool changing = mode_ == Mode::holding || !waiting_.empty();
    const base::Duration most = changing ? change_look : base::Duration(std::chrono::seconds(1));
    auto task =
        queue_.pop(due ? std::clamp<base::Duration>(*due - parts_.clock->now(), base::Duration::zero(), most) : most);
    learn_numbers();
    if (task) (*task)();
    look_at_mode();
    if (desk_) {
      const base::Time now = parts_.clock->now();
      if (const auto next = desk_->next_due(); next && *next <= now) keep(desk_->advance(now), {});
    }
    paused_until_ = desk_ ? base::to_ns(desk_->paused_until(parts_.clock->now())) : 0;
    if (!task && queue_.closed() && queue_.size() == 0) break;
  }
  // What still waits is judged again after the start: the position does not cover it.
  if (position_ > kept_position_ && waiting_.empty() && !unsure_ && mode_ != Mode::holding) {
    model::Changes last;
    last.decided = mode_ == Mode::deciding;
    last.journal_position = kept_position_ = position_;
    parts_.committer->commit({std::move(last), [this](const auto& result, model::Changes& kept) {
                                if (result) committed(*result, kept);
                              }});
  }
}

void Control::learn_numbers() {
  std::map<std::string, std::uint64_t> numbers;
  {
    std::lock_guard lock(back_mutex_);
    numbers.swap(numbers_);
  }
  if (!desk_) return;
  for (const auto& [correlation_id, number] : numbers) desk_->numbered(correlation_id, number);
}

// --- who decides ---

base::Result<void> Control::hold(base::Duration limit) {
  auto held = std::make_shared<std::promise<void>>();
  auto done = held->get_future();
  const bool queued = queue_.push([this, held] {
    unsure_ = unsure_ || desk_;
    desk_.reset();
    held_ = held;
    mode_ = Mode::holding;
  });
  if (!queued) return base::fail(base::Fault::cancelled, "the agent is stopping");
  if (done.wait_for(limit) == std::future_status::ready) return {};
  end();
  return base::fail(base::Fault::deadline, "what was judged before is not in the store yet");
}

void Control::begin(std::unique_ptr<incidents::Desk> desk, Overlap overlap, std::vector<storage::PassedAlert> own) {
  auto given = std::make_shared<std::unique_ptr<incidents::Desk>>(std::move(desk));
  queue_.push([this, given, overlap = std::move(overlap), own = std::move(own)] {
    held_.reset();
    desk_ = std::move(*given);
    overlap_ = overlap;
    mode_ = Mode::deciding;
    take(own, {});
    process_waiting();
  });
}

void Control::end() {
  queue_.push([this] {
    held_.reset();
    unsure_ = unsure_ || desk_;
    desk_.reset();
    mode_ = Mode::following;
  });
}

/// Goes on once everything handed over before is answered.
void Control::look_at_mode() {
  if (mode_ == Mode::deciding || !settled()) return;
  if (unsure_) gather_refused();
  if (mode_ == Mode::following) return process_waiting();
  if (held_) std::exchange(held_, nullptr)->set_value();
}

/// What was refused comes before what has waited behind it.
void Control::gather_refused() {
  std::lock_guard lock(back_mutex_);
  waiting_.insert(waiting_.begin(), refused_.begin(), refused_.end());
  refused_.clear();
  unsure_ = false;
}

void Control::process_waiting() {
  // The positions of those that were refused are counted already: only the last one covers them all.
  const auto reports = std::exchange(waiting_, {});
  for (std::size_t i = 0; i < reports.size(); ++i) process(reports[i], i + 1 == reports.size());
}

// --- alerts ---

void Control::count_position(const Judged& judged) {
  judged_[judged.shard] = std::max(judged_[judged.shard], judged.position);
  position_ = *std::min_element(judged_.begin(), judged_.end());
}

void Control::judged(Judged judged) {
  for (auto& alert : judged.alerts) alert.agent = parts_.agent;
  queue_.push([this, report = std::make_shared<Judged>(std::move(judged))] {
    if (mode_ == Mode::holding || unsure_ || !waiting_.empty())
      waiting_.push_back(report);
    else
      process(report, true);
  });
}

void Control::process(const Report& report, bool covered) {
  model::Changes changes;
  if (!report->alerts.empty()) {
    if (desk_)
      changes = decide_about(report->alerts);
    else
      changes.passed_on = report->alerts;
  }
  // The alerts themselves are consequences too, and the position covers them only together with them.
  count_position(*report);
  keep(std::move(changes), {}, report, covered);
}

model::Changes Control::decide_about(const std::vector<model::Alert>& alerts) {
  auto split = overlap_.take(alerts);
  auto changes = desk_->on_alerts(split.decide, parts_.clock->now());
  changes.alerts.insert(changes.alerts.end(), std::make_move_iterator(split.keep.begin()),
                        std::make_move_iterator(split.keep.end()));
  return changes;
}

void Control::take(const std::vector<storage::PassedAlert>& passed, std::function<void(base::Result<void>)> done) {
  std::vector<model::Alert> alerts;
  std::vector<std::uint64_t> ids;
  for (const auto& each : passed) {
    ids.push_back(each.id);
    alerts.push_back(each.alert);
  }
  auto changes = alerts.empty() ? model::Changes{} : decide_about(alerts);
  changes.taken = std::move(ids);
  keep(std::move(changes), std::move(done));
}

void Control::take_passed(std::vector<storage::PassedAlert> passed, std::function<void(base::Result<void>)> done) {
  auto failed = done;
  const bool queued = queue_.push([this, passed = std::move(passed), done = std::move(done)] {
    if (!desk_) return done(base::fail(base::Fault::cancelled, "another agent decides"));
    take(passed, done);
  });
  if (!queued) failed(base::fail(base::Fault::cancelled, "the agent is stopping"));
}

// --- decisions ---

void Control::conclude(model::Changes with, Decide decide, std::function<void(base::Result<void>)> done) {
  auto failed = done;
  const bool queued =
      queue_.push([this, with = std::move(with), decide = std::move(decide), done = std::move(done)]() mutable {
        if (!desk_) return done(base::fail(base::Fault::unavailable, "another agent decides, or is about to"));
        auto changes = decide(*desk_, parts_.clock->now());
        if (!changes) return done(base::fail(changes.error()));
        const std::size_t out = with.deliveries.size();
        with.append(std::move(*changes));
        keep(std::move(with), std::move(done), {}, true, out);
      });
  if (!queued) failed(base::fail(base::Fault::cancelled, "the agent is stopping"));
}

bool Control::post(std::function<void(incidents::Desk*)> task) {
  return queue_.push([this, task = std::move(task)] { task(desk_.get()); });
}

void Control::keep(model::Changes changes, std::function<void(base::Result<void>)> done, Report report, bool covered,
                   std::size_t out) {
  const bool lags = covered && position_ >= kept_position_ + position_lag;
  if (changes.empty() && !lags) {
    if (done) done({});
    return;
  }
  if (covered) changes.journal_position = kept_position_ = position_;
  changes.decided = mode_ == Mode::deciding;
  if (report && report->alerts.empty()) report.reset();
  if (report) on_their_way_.fetch_add(1, std::memory_order_relaxed);
  parts_.committer->commit(
      {std::move(changes), [this, report, out, done = std::move(done)](const auto& result, model::Changes& kept) {
         if (result)
           committed(*result, kept, out);
         else
           refused(result.error(), report);
         if (report) on_their_way_.fetch_sub(1, std::memory_order_release);
         if (done) done(result ? base::Result<void>{} : base::fail(result.error()));
       }});
}

void Control::refused(const base::Error& error, const Report& report) {
  if (error.fault() != base::Fault::cancelled) return;
  if (report) {
    std::lock_guard lock(back_mutex_);
    refused_.push_back(report);
  }
  if (parts_.lost) parts_.lost();
}

void Control::committed(const storage::CommitResult& result, model::Changes& changes, std::size_t out) {
  durable_position_ = std::max(durable_position_.load(), changes.journal_position);
  if (!result.numbers.empty()) {
    std::lock_guard lock(back_mutex_);
    numbers_.insert(result.numbers.begin(), result.numbers.end());
  }
  for (const auto& incident : changes.incidents) {
    const auto number = result.numbers.find(incident.correlation_id);
    if (number == result.numbers.end()) continue;
    telemetry::log_info("incidents", "opened: " + incident.title,
                        {{"correlation_id", incident.correlation_id},
                         {"incident", std::to_string(number->second)},
                         {"severity", std::string(model::to_string(incident.severity))}});
  }
  if (parts_.answered) {
    for (const auto& incident : changes.incidents) {
      if (incident.status != model::IncidentStatus::open) parts_.answered(incident);
    }
  }
  if (parts_.tickets && !changes.tickets.empty()) parts_.tickets(changes.tickets);
  std::vector<model::Delivery> fresh;
  for (std::size_t i = out; i < changes.deliveries.size(); ++i) {
    auto& delivery = changes.deliveries[i];
    if (delivery.state != model::DeliveryState::pending || !delivery.digest.empty()) continue;
    if (auto it = result.numbers.find(delivery.correlation_id); it != result.numbers.end())
      delivery.incident.number = it->second;
    fresh.push_back(std::move(delivery));
  }
  if (!fresh.empty()) parts_.send(std::move(fresh));
}

}  // namespace tocsin::pipeline
