#include "pipeline/committer.hpp"

#include <algorithm>
#include <chrono>

#include "runtime/backoff.hpp"
#include "runtime/executor.hpp"
#include "telemetry/log.hpp"

namespace tocsin::pipeline {
namespace {

constexpr std::size_t most_per_transaction = 512;
constexpr runtime::BackoffPolicy retry{std::chrono::milliseconds(100), std::chrono::seconds(10), 2.0};

}  // namespace

Committer::Committer(storage::Store& store, telemetry::Metrics& metrics)
    : store_(store),
      seconds_(metrics.histogram("tocsin_store_commit_seconds", "Time of one store transaction")),
      failures_(metrics.counter("tocsin_store_commit_failures_total",
                                "Store transactions that failed and were tried again")) {}

Committer::~Committer() {
  stop();
}

void Committer::start() {
  thread_ = std::thread([this] {
    runtime::name_thread("committer");
    run();
  });
}

void Committer::stop() {
  stopping_ = true;
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

bool Committer::commit(Decision decision) {
  return queue_.push(std::move(decision));
}

void Committer::run() {
  std::vector<Decision> batch;
  while (auto first = queue_.pop(std::chrono::hours(1))) {
    batch.push_back(std::move(*first));
    while (batch.size() < most_per_transaction) {
      auto more = queue_.try_pop();
      if (!more) break;
      batch.push_back(std::move(*more));
    }
    write(batch);
    batch.clear();
  }
  // An hour without a decision also ends the wait; only a closed queue ends the thread.
  if (!queue_.closed()) run();
}

void Committer::write(std::vector<Decision>& batch) {
  std::vector<const model::Changes*> all;
  for (const auto& decision : batch) all.push_back(&decision.changes);
  auto result = write_until_taken(all);
  const bool one_spoils_all = !result && batch.size() > 1;
  for (auto& decision : batch) {
    // A refused transaction is repeated decision by decision: the sound ones are kept, the spoilt one is named.
    if (one_spoils_all) result = write_until_taken({&decision.changes});
    settle(decision, result);
  }
}

void Committer::settle(Decision& decision, const base::Result<storage::CommitResult>& result) {
  if (!result) telemetry::log_error("store", "a decision could not be kept: " + result.error().message());
  const bool news = result && !decision.changes.timeline.empty();
  if (decision.done) decision.done(result, decision.changes);
  if (news && on_timeline_) on_timeline_();
}

base::Result<storage::CommitResult> Committer::write_until_taken(const std::vector<const model::Changes*>& decisions) {
  if (std::ranges::all_of(decisions, &model::Changes::empty)) return storage::CommitResult{};
  for (std::uint32_t attempt = 1;; ++attempt) {
    const auto begin = std::chrono::steady_clock::now();
    auto result = store_.commit_all(decisions);
    seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    if (result || !result.error().retryable() || stopping_) {
      failing_ = !result;
      return result;
    }
    failures_.add();
    if (!failing_.exchange(true))
      telemetry::log_error("store", "commit failed, trying again: " + result.error().message());
    std::this_thread::sleep_for(runtime::backoff_delay(retry, attempt, runtime::jitter()));
  }
}

}  // namespace tocsin::pipeline
