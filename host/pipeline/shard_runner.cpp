#include "pipeline/shard_runner.hpp"

#include <algorithm>
#include <future>
#include <string>

#include "runtime/executor.hpp"

namespace tocsin::pipeline {
namespace {

// Progress without alerts is told now and then: it only moves the point from which a restart reads again.
constexpr std::uint64_t tell_every = 256;

}  // namespace

ShardRunner::ShardRunner(std::uint32_t index, std::unique_ptr<detection::Shard> shard, const base::Clock& clock,
                         Report report, base::Duration last_words)
    : index_(index), shard_(std::move(shard)), clock_(clock), report_(std::move(report)), last_words_(last_words) {}

ShardRunner::~ShardRunner() {
  stop();
}

void ShardRunner::start() {
  told_position_ = position_;
  thread_ = std::thread([this] {
    runtime::name_thread("shard-" + std::to_string(index_));
    run();
  });
}

void ShardRunner::stop() {
  std::int64_t not_yet = 0;
  stopped_at_.compare_exchange_strong(not_yet, std::chrono::steady_clock::now().time_since_epoch().count());
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

bool ShardRunner::errand(Errand errand) {
  auto done = std::make_shared<std::promise<void>>();
  auto future = done->get_future();
  auto work = std::make_shared<std::function<void()>>([this, errand = std::move(errand), done] {
    errand(*shard_, alerts_);
    done->set_value();
  });
  if (!queue_.push(std::move(work))) return false;
  future.wait();
  return true;
}

bool ShardRunner::post(Errand errand) {
  return queue_.push(
      std::make_shared<std::function<void()>>([this, errand = std::move(errand)] { errand(*shard_, alerts_); }));
}

base::Duration ShardRunner::patience() const {
  const auto due = shard_->next_due();
  const base::Duration most = std::chrono::seconds(1);
  return due ? std::clamp<base::Duration>(*due - clock_.now(), base::Duration::zero(), most) : most;
}

void ShardRunner::run() {
  for (;;) {
    auto work = queue_.pop(patience());
    if (!work) {
      shard_->advance(clock_.now(), alerts_);
      tell();
      if (queue_.closed() && queue_.size() == 0) return;
      continue;
    }
    if (auto* batch = std::get_if<model::SharedBatch>(&*work)) {
      if (!out_of_time()) push(**batch);
      queued_rows_.fetch_sub((*batch)->rows(), std::memory_order_relaxed);
    } else {
      (*std::get<std::shared_ptr<std::function<void()>>>(*work))();
    }
    if (!alerts_.empty() || position_ - told_position_ >= tell_every) tell();
  }
}

void ShardRunner::push(const model::SignalBatch& batch) {
  // Timers run up to the arrival of what is judged next, not to the clock: with a backlog, windows would else run empty
  // before their signals are read.
  shard_->advance(batch.arrived, alerts_);
  shard_->push(batch, std::max(batch.arrived, base::Time{}), alerts_);
  position_ = batch.position;
}

bool ShardRunner::out_of_time() const {
  const std::int64_t since = stopped_at_.load(std::memory_order_relaxed);
  if (since == 0) return false;
  const auto lasted = std::chrono::steady_clock::now().time_since_epoch() - std::chrono::steady_clock::duration(since);
  return lasted >= last_words_;
}

void ShardRunner::tell() {
  if (alerts_.empty() && position_ == told_position_) return;
  told_position_ = position_;
  report_(Judged{index_, position_, std::move(alerts_)});
  alerts_.clear();
}

}  // namespace tocsin::pipeline
