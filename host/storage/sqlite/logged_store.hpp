// The embedded store with the decision log ahead of it: a decision is durable, and its messages may leave, once it is
// in the log; a thread of its own takes it into the database within half a second, together with what came meanwhile.
// What is asked waits until everything decided before is in the database, so that nobody sees the difference but users'
// SQL on the file.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/thread.hpp"
#include "storage/decision_codec.hpp"
#include "storage/port.hpp"
#include "storage/sql/store.hpp"
#include "storage/sqlite/decision_log.hpp"
#include "storage/superseded.hpp"

namespace tocsin::storage::sqlite {

class LoggedStore final : public Store {
 public:
  struct Parts {
    std::unique_ptr<sql::SqlStore> store;  ///< takes incidents under given numbers
    std::unique_ptr<DecisionLog> log;
    std::uint64_t folded = 0;  ///< position of the newest decision that is in the store
    std::function<base::Result<std::uint64_t>()> newest_number;  ///< of an incident in the store
    Report report;                                               ///< told what went wrong with nobody waiting for it
  };
  /// The key in kv of the newest decision's position, which is written in the transaction that takes it in.
  static constexpr const char* position_key = "decisions/folded";

  explicit LoggedStore(Parts parts);
  ~LoggedStore() override;  ///< takes in what is left
  /// Takes in what the last process left behind, then starts the thread. Before anything else.
  base::Result<void> start();

  base::Result<CommitResult> commit(const model::Changes& changes) override { return commit_all({&changes}); }
  base::Result<CommitResult> commit_all(const std::vector<const model::Changes*>& decisions) override;

  // History has its own ways.
  base::Result<void> append_history(const std::vector<model::SharedBatch>& batches) override {
    return store_->append_history(batches);
  }
  base::Result<std::uint64_t> flush_history() override { return store_->flush_history(); }
  std::uint64_t history_position() const override { return store_->history_position(); }
  base::Result<std::vector<SeriesSamples>> samples(const SampleQuery& query) override { return store_->samples(query); }
  base::Result<std::vector<SeriesBuckets>> buckets(const SampleQuery& query, base::Duration width) override {
    return store_->buckets(query, width);
  }
  base::Result<bool> roll_up(base::Time now) override { return store_->roll_up(now); }
  base::Result<HistorySize> history_size() override { return store_->history_size(); }
  base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) override { return store_->series(pattern); }
  base::Result<void> append_rejected(const std::vector<model::RejectedSignal>& rejected) override {
    return store_->append_rejected(rejected);
  }
  base::Result<Listed<model::RejectedSignal>> rejected(const Page& page) override { return store_->rejected(page); }

  // Everything else asks after the decisions.
  base::Result<Restored> restore(base::Time now) override { return settled(&Store::restore, now); }
  base::Result<Restored> restore_incident(const std::string& id) override {
    return settled(&Store::restore_incident, id);
  }
  base::Result<Expired> expire(base::Time now, const Retention& retention) override {
    return settled(&Store::expire, now, retention);
  }
  base::Result<Listed<model::Incident>> incidents(const IncidentQuery& query) override {
    return settled(&Store::incidents, query);
  }
  base::Result<std::optional<model::Incident>> incident(const std::string& id) override {
    return settled(&Store::incident, id);
  }
  base::Result<std::vector<model::TimelineEntry>> timeline(const std::string& correlation_id) override {
    return settled(&Store::timeline, correlation_id);
  }
  base::Result<std::vector<model::IncidentAlert>> incident_alerts(const std::string& correlation_id) override {
    return settled(&Store::incident_alerts, correlation_id);
  }
  base::Result<std::vector<model::IncidentEvent>> incident_events(std::uint64_t after, std::size_t most,
                                                                  base::Time now) override {
    return settled(&Store::incident_events, after, most, now);
  }
  base::Result<std::uint64_t> newest_event() override { return settled(&Store::newest_event); }
  base::Result<std::vector<model::Attachment>> attachments(const std::string& correlation_id) override {
    return settled(&Store::attachments, correlation_id);
  }
  base::Result<std::optional<model::Attachment>> attachment(const std::string& correlation_id,
                                                            std::uint64_t id) override {
    return settled(&Store::attachment, correlation_id, id);
  }
  base::Result<Listed<model::Alert>> alerts(const AlertQuery& query) override { return settled(&Store::alerts, query); }
  base::Result<Listed<model::Attempt>> attempts(const LogQuery& query) override {
    return settled(&Store::attempts, query);
  }
  base::Result<std::vector<model::Delivery>> deliveries(const std::string& correlation_id) override {
    return settled(&Store::deliveries, correlation_id);
  }
  base::Result<Listed<model::DeadLetter>> dead_letters(const Page& page) override {
    return settled(&Store::dead_letters, page);
  }
  base::Result<std::optional<model::DeadLetter>> dead_letter(std::uint64_t id) override {
    return settled(&Store::dead_letter, id);
  }
  base::Result<std::vector<model::TicketRef>> tickets() override { return settled(&Store::tickets); }
  base::Result<void> append_exchanges(const std::vector<model::Exchange>& exchanges) override {
    return settled(&Store::append_exchanges, exchanges);
  }
  base::Result<Listed<model::Exchange>> exchanges(const ExchangeQuery& query) override {
    return settled(&Store::exchanges, query);
  }
  base::Result<std::vector<model::Silence>> silences() override { return settled(&Store::silences); }
  base::Result<Listed<model::Verdict>> verdicts(const VerdictQuery& query) override {
    return settled(&Store::verdicts, query);
  }
  base::Result<std::optional<std::string>> kv(const std::string& key) override { return settled(&Store::kv, key); }
  base::Result<std::vector<model::HeartbeatRecord>> heartbeats() override { return settled(&Store::heartbeats); }
  base::Result<std::vector<model::RuleRow>> rule_rows() override { return settled(&Store::rule_rows); }
  RuleQueries& rule_queries() override { return store_->rule_queries(); }
  std::string describe() const override { return store_->describe(); }

 private:
  template <class R, class... Takes, class... Given>
  R settled(R (Store::*ask)(Takes...), const Given&... given) {
    TRY_VOID(settle());
    return (static_cast<Store&>(*store_).*ask)(given...);
  }
  base::Result<void> settle();
  base::Result<void> await_room();
  base::Result<IncidentNumbers> give_numbers(const std::vector<const model::Changes*>& decisions,
                                             std::vector<std::string>& fresh);
  void appended(std::uint64_t position, const std::vector<const model::Changes*>& decisions,
                const IncidentNumbers& numbers, const std::vector<std::string>& fresh);
  void run();
  bool wait_for_work(std::unique_lock<std::mutex>& lock);
  base::Result<void> fold_some();
  base::Result<void> take_in(const std::vector<model::Changes>& decisions, std::uint64_t through);
  void folded(std::uint64_t through);

  const std::unique_ptr<sql::SqlStore> store_;
  const std::unique_ptr<DecisionLog> log_;
  const std::function<base::Result<std::uint64_t>()> number_in_store_;
  const Report report_;

  std::mutex commit_mutex_;  ///< the order of numbers is the order of the log
  std::uint64_t newest_number_ = 0;
  std::string bytes_;

  std::mutex mutex_;  ///< everything below
  std::condition_variable wake_, folded_changed_;
  std::uint64_t appended_, folded_;
  std::chrono::steady_clock::time_point oldest_{};  ///< when the oldest that is not in the store was appended
  std::chrono::steady_clock::time_point newest_{};
  std::unordered_map<std::string, std::uint64_t> numbers_;         ///< of incidents that are not in the store
  std::deque<std::pair<std::uint64_t, std::string>> numbered_at_;  ///< the same by position
  Awaited awaited_;
  std::size_t waiting_ = 0;               ///< for folded_
  std::unique_ptr<base::Error> refused_;  ///< by the database; it is tried again
  bool stopping_ = false;
  std::optional<runtime::Thread> thread_;
};

}  // namespace tocsin::storage::sqlite
