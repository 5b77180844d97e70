#include "pipeline/control.hpp"

#include <algorithm>

#include "runtime/executor.hpp"
#include "telemetry/log.hpp"

namespace tocsin::pipeline {
namespace {

// How far the durable position may lag behind when nothing else is to be kept.
constexpr std::uint64_t position_lag = 1024;

}  // namespace

Control::Control(incidents::Desk& desk, Committer& committer, const base::Clock& clock, std::size_t shards, Send send)
    : desk_(desk), committer_(committer), clock_(clock), send_(std::move(send)), judged_(shards, 0) {}

Control::~Control() {
  stop();
}

void Control::start(std::uint64_t position) {
  std::fill(judged_.begin(), judged_.end(), position);
  position_ = kept_position_ = position;
  durable_position_ = position;
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
    const auto due = desk_.next_due();
    const base::Duration most = std::chrono::seconds(1);
    auto task = queue_.pop(due ? std::clamp<base::Duration>(*due - clock_.now(), base::Duration::zero(), most) : most);
    learn_numbers();
    if (task) (*task)();
    if (const auto next = desk_.next_due(); next && *next <= clock_.now()) keep(desk_.advance(clock_.now()), {});
    if (!task && queue_.closed() && queue_.size() == 0) break;
  }
  if (position_ > kept_position_) {
    model::Changes last;
    last.journal_position = kept_position_ = position_;
    committer_.commit({std::move(last), [this](const auto& result, model::Changes& kept) {
                         if (result) committed(*result, kept);
                       }});
  }
}

void Control::learn_numbers() {
  std::map<std::string, std::uint64_t> numbers;
  {
    std::lock_guard lock(numbers_mutex_);
    numbers.swap(numbers_);
  }
  for (const auto& [correlation_id, number] : numbers) desk_.numbered(correlation_id, number);
}

void Control::count_position(const Judged& judged) {
  judged_[judged.shard] = std::max(judged_[judged.shard], judged.position);
  position_ = *std::min_element(judged_.begin(), judged_.end());
}

void Control::judged(Judged judged) {
  queue_.push([this, judged = std::make_shared<Judged>(std::move(judged))] {
    auto changes = judged->alerts.empty() ? model::Changes{} : desk_.on_alerts(judged->alerts, clock_.now());
    // The alerts themselves are consequences too, and the position covers them only together with them.
    count_position(*judged);
    keep(std::move(changes), {});
  });
}

void Control::decide(Decide decide, std::function<void(base::Result<void>)> done) {
  auto failed = done;
  const bool queued = queue_.push([this, decide = std::move(decide), done = std::move(done)] {
    auto changes = decide(desk_, clock_.now());
    if (!changes) return done(base::fail(changes.error()));
    keep(std::move(*changes), done);
  });
  if (!queued) failed(base::fail(base::Fault::cancelled, "the agent is stopping"));
}

bool Control::post(std::function<void(incidents::Desk&)> task) {
  return queue_.push([this, task = std::move(task)] { task(desk_); });
}

void Control::keep(model::Changes changes, std::function<void(base::Result<void>)> done) {
  const bool lags = position_ >= kept_position_ + position_lag;
  if (changes.empty() && !lags) {
    if (done) done({});
    return;
  }
  changes.journal_position = kept_position_ = position_;
  committer_.commit({std::move(changes), [this, done = std::move(done)](const auto& result, model::Changes& kept) {
                       if (result) committed(*result, kept);
                       if (done) done(result ? base::Result<void>{} : base::fail(result.error()));
                     }});
}

void Control::committed(const storage::CommitResult& result, model::Changes& changes) {
  durable_position_ = std::max(durable_position_.load(), changes.journal_position);
  if (!result.numbers.empty()) {
    std::lock_guard lock(numbers_mutex_);
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
  std::vector<model::Delivery> out;
  for (auto& delivery : changes.deliveries) {
    if (delivery.state != model::DeliveryState::pending) continue;
    if (auto it = result.numbers.find(delivery.correlation_id); it != result.numbers.end())
      delivery.incident.number = it->second;
    out.push_back(std::move(delivery));
  }
  if (!out.empty()) send_(std::move(out));
}

}  // namespace tocsin::pipeline
