// A store in memory for tests of who decides: keeps what was committed, in order, and refuses what is marked `decided`
// while another agent is said to have the lease.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "storage/port.hpp"

namespace tocsin::pipeline {

class FakeStore final : public storage::Store, public storage::SharedStore {
 public:
  template <class T>
  using Result = base::Result<T>;

  std::atomic<bool> mine{true};  ///< the deciding lease

  Result<storage::CommitResult> commit(const model::Changes& changes) override {
    std::unique_lock lock(mutex_);
    waits_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_up_; });
    waits_ = false;
    if (changes.decided && !mine) return base::fail(base::Fault::cancelled, "another agent decides now");
    kept_.push_back(changes);
    for (const auto& alert : changes.passed_on) rows_.push_back({++next_id_, alert});
    std::erase_if(rows_, [&](const auto& row) { return std::ranges::count(changes.taken, row.id) > 0; });
    changed_.notify_all();
    return storage::CommitResult{};
  }
  Result<storage::CommitResult> commit_all(const std::vector<const model::Changes*>& decisions) override {
    model::Changes all;
    for (const auto* changes : decisions) all.append(model::Changes(*changes));
    return commit(all);
  }
  /// Commits wait in the middle until it goes on.
  void hold_up(bool yes) {
    std::lock_guard lock(mutex_);
    held_up_ = yes;
    changed_.notify_all();
  }
  void wait_until_it_waits() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waits_ && held_up_; });
  }
  std::vector<model::Changes> kept() const {
    std::lock_guard lock(mutex_);
    return kept_;
  }
  template <class Until>
  bool wait_for(Until until) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return until(kept_); });
  }

  Result<storage::Restored> restore_incident(const std::string&) override { return storage::Restored{}; }
  storage::RuleQueries& rule_queries() override { return *this; }
  Result<storage::Restored> restore(base::Time) override { return storage::Restored{}; }
  Result<std::vector<storage::PassedAlert>> passed_alerts(std::size_t) override {
    std::lock_guard lock(mutex_);
    return rows_;
  }
  Result<bool> lease(std::string_view, base::Duration, std::string_view) override { return mine.load(); }
  Result<void> release(std::string_view) override { return {}; }
  Result<std::optional<storage::Holder>> holder(std::string_view) override { return std::optional<storage::Holder>{}; }
  Result<void> wait_for_passed(base::Duration) override { return {}; }
  Result<std::vector<model::Member>> meet(std::string_view, std::string_view) override {
    return none<std::vector<model::Member>>();
  }
  Result<void> leave() override { return {}; }
  Result<bool> claim(std::string_view) override { return false; }
  Result<void> disclaim(std::string_view) override { return {}; }
  Result<model::RuleAnswer> ask(const std::string&, base::Duration, std::size_t) override {
    return none<model::RuleAnswer>();
  }
  storage::SharedStore* shared() override { return this; }

  Result<void> append_history(const std::vector<model::SharedBatch>&) override { return {}; }
  Result<std::uint64_t> flush_history() override { return std::uint64_t{0}; }
  std::uint64_t history_position() const override { return 0; }
  Result<std::vector<storage::SeriesSamples>> samples(const storage::SampleQuery&) override {
    return none<std::vector<storage::SeriesSamples>>();
  }
  Result<std::vector<storage::SeriesBuckets>> buckets(const storage::SampleQuery&, base::Duration) override {
    return none<std::vector<storage::SeriesBuckets>>();
  }
  Result<bool> roll_up(base::Time) override { return false; }
  Result<storage::HistorySize> history_size() override { return storage::HistorySize{}; }
  Result<std::vector<storage::SeriesInfo>> series(const std::string&) override {
    return none<std::vector<storage::SeriesInfo>>();
  }
  Result<void> append_rejected(const std::vector<model::RejectedSignal>&) override { return {}; }
  Result<storage::Listed<model::RejectedSignal>> rejected(const storage::Page&) override {
    return none<storage::Listed<model::RejectedSignal>>();
  }
  Result<storage::Expired> expire(base::Time, const storage::Retention&) override { return storage::Expired{}; }
  Result<storage::Listed<model::Incident>> incidents(const storage::IncidentQuery&) override {
    return none<storage::Listed<model::Incident>>();
  }
  Result<std::optional<model::Incident>> incident(const std::string&) override {
    return none<std::optional<model::Incident>>();
  }
  Result<std::vector<model::TimelineEntry>> timeline(const std::string&) override {
    return none<std::vector<model::TimelineEntry>>();
  }
  Result<std::vector<model::IncidentAlert>> incident_alerts(const std::string&) override {
    return none<std::vector<model::IncidentAlert>>();
  }
  Result<std::vector<model::IncidentEvent>> incident_events(std::uint64_t, std::size_t, base::Time) override {
    return none<std::vector<model::IncidentEvent>>();
  }
  Result<std::uint64_t> newest_event() override { return std::uint64_t{0}; }
  Result<std::vector<model::Attachment>> attachments(const std::string&) override {
    return none<std::vector<model::Attachment>>();
  }
  Result<std::optional<model::Attachment>> attachment(const std::string&, std::uint64_t) override {
    return none<std::optional<model::Attachment>>();
  }
  Result<storage::Listed<model::Alert>> alerts(const storage::AlertQuery&) override {
    return none<storage::Listed<model::Alert>>();
  }
  Result<storage::Listed<model::Attempt>> attempts(const storage::LogQuery&) override {
    return none<storage::Listed<model::Attempt>>();
  }
  Result<std::vector<model::Delivery>> deliveries(const std::string&) override {
    return none<std::vector<model::Delivery>>();
  }
  Result<storage::Listed<model::DeadLetter>> dead_letters(const storage::Page&) override {
    return none<storage::Listed<model::DeadLetter>>();
  }
  Result<std::optional<model::DeadLetter>> dead_letter(std::uint64_t) override {
    return none<std::optional<model::DeadLetter>>();
  }
  Result<std::vector<model::TicketRef>> tickets() override { return none<std::vector<model::TicketRef>>(); }
  Result<void> append_exchanges(const std::vector<model::Exchange>&) override { return {}; }
  Result<storage::Listed<model::Exchange>> exchanges(const storage::ExchangeQuery&) override {
    return none<storage::Listed<model::Exchange>>();
  }
  Result<std::vector<model::Silence>> silences() override { return none<std::vector<model::Silence>>(); }
  Result<storage::Listed<model::Verdict>> verdicts(const storage::VerdictQuery&) override {
    return none<storage::Listed<model::Verdict>>();
  }
  Result<std::optional<std::string>> kv(const std::string&) override { return none<std::optional<std::string>>(); }
  Result<std::vector<model::HeartbeatRecord>> heartbeats() override {
    return none<std::vector<model::HeartbeatRecord>>();
  }
  Result<std::vector<model::RuleRow>> rule_rows() override { return none<std::vector<model::RuleRow>>(); }
  std::string describe() const override { return "fake"; }

 private:
  template <class T>
  static T none() {
    return T{};
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<model::Changes> kept_;
  std::vector<storage::PassedAlert> rows_;
  std::uint64_t next_id_ = 0;
  bool held_up_ = false, waits_ = false;
};

}  // namespace tocsin::pipeline
