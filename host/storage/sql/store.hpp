// The store over any sql::Database: decisions, what a start continues with, questions. History is a part of its own.
#pragma once

#include "storage/port.hpp"
#include "storage/sql/database.hpp"
#include "storage/sql/history.hpp"

namespace tocsin::storage::sql {

/// A store that agents share, as its transactions see it.
class FencedStore : public SharedStore {
 public:
  /// Fault::cancelled unless this process holds the deciding lease; nobody else can take it before `t` ends.
  virtual base::Result<void> check_decides(Transaction& t) = 0;
  /// Wakes whoever waits for passed alerts when `t` is committed.
  virtual base::Result<void> announce_passed(Transaction& t) = 0;
};

/// Whose row of kv it is (Store::kv): nobody's alone where the key is of all agents.
inline std::string_view kv_owner(std::string_view agent, std::string_view key) {
  return key.starts_with("fleet/") ? std::string_view() : agent;
}

class SqlStore final : public Store {
 public:
  /// Of `shared` and `queries` one is given: a shared store runs rules' queries itself. `folded`: decisions come
  /// out of a log, incidents under the numbers they have; else the database gives them.
  SqlStore(std::unique_ptr<Database> database, std::unique_ptr<History> history, std::string agent, int schema,
           std::unique_ptr<FencedStore> shared = nullptr, std::unique_ptr<RuleQueries> queries = nullptr,
           bool folded = false)
      : database_(std::move(database)),
        history_(std::move(history)),
        shared_(std::move(shared)),
        queries_(std::move(queries)),
        agent_(std::move(agent)),
        owner_(shared_ ? std::string() : agent_),
        schema_(schema),
        folded_(folded) {}

  base::Result<CommitResult> commit(const model::Changes& changes) override { return commit_all({&changes}); }
  base::Result<CommitResult> commit_all(const std::vector<const model::Changes*>& decisions) override;
  base::Result<Restored> restore(base::Time now) override;
  base::Result<Restored> restore_incident(const std::string& id) override;

  base::Result<void> append_history(const std::vector<model::SharedBatch>& batches) override {
    return history_->append(batches);
  }
  base::Result<std::uint64_t> flush_history() override { return history_->flush(); }
  std::uint64_t history_position() const override { return history_->position_at_open(); }
  base::Result<std::vector<SeriesSamples>> samples(const SampleQuery& query) override {
    return history_->samples(query);
  }
  base::Result<std::vector<SeriesBuckets>> buckets(const SampleQuery& query, base::Duration width) override {
    return history_->buckets(query, width);
  }
  base::Result<bool> roll_up(base::Time now) override { return history_->roll_up(now); }
  base::Result<HistorySize> history_size() override { return history_->size(); }
  base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) override {
    return history_->series(pattern);
  }
  base::Result<void> append_rejected(const std::vector<model::RejectedSignal>& rejected) override {
    return history_->append_rejected(rejected);
  }
  base::Result<Listed<model::RejectedSignal>> rejected(const Page& page) override { return history_->rejected(page); }
  base::Result<Expired> expire(base::Time now, const Retention& retention) override;

  base::Result<Listed<model::Incident>> incidents(const IncidentQuery& query) override;
  base::Result<std::optional<model::Incident>> incident(const std::string& id) override;
  base::Result<std::vector<model::TimelineEntry>> timeline(const std::string& correlation_id) override;
  base::Result<std::vector<model::IncidentAlert>> incident_alerts(const std::string& correlation_id) override;
  base::Result<std::vector<model::IncidentEvent>> incident_events(std::uint64_t after, std::size_t most,
                                                                  base::Time now) override;
  base::Result<std::uint64_t> newest_event() override;
  base::Result<std::vector<model::Attachment>> attachments(const std::string& correlation_id) override;
  base::Result<std::optional<model::Attachment>> attachment(const std::string& correlation_id,
                                                            std::uint64_t id) override;
  base::Result<Listed<model::Alert>> alerts(const AlertQuery& query) override;
  base::Result<Listed<model::Attempt>> attempts(const LogQuery& query) override;
  base::Result<std::vector<model::Delivery>> deliveries(const std::string& correlation_id) override;
  base::Result<Listed<model::DeadLetter>> dead_letters(const Page& page) override;
  base::Result<std::optional<model::DeadLetter>> dead_letter(std::uint64_t id) override;
  base::Result<std::vector<model::TicketRef>> tickets() override;
  base::Result<void> append_exchanges(const std::vector<model::Exchange>& exchanges) override;
  base::Result<Listed<model::Exchange>> exchanges(const ExchangeQuery& query) override;
  base::Result<std::vector<model::Silence>> silences() override;
  base::Result<Listed<model::Verdict>> verdicts(const VerdictQuery& query) override;
  base::Result<std::optional<std::string>> kv(const std::string& key) override;
  base::Result<std::vector<model::HeartbeatRecord>> heartbeats() override;
  base::Result<std::vector<model::RuleRow>> rule_rows() override;
  RuleQueries& rule_queries() override { return shared_ ? *shared_ : *queries_; }
  SharedStore* shared() override { return shared_.get(); }

  /// Of those that are in the store: correlation id → number.
  base::Result<std::map<std::string, std::uint64_t>> numbers_of(const std::vector<std::string>& correlation_ids);

  std::string describe() const override { return database_->describe() + ", schema " + std::to_string(schema_); }

 private:
  const std::unique_ptr<Database> database_;
  const std::unique_ptr<History> history_;
  const std::unique_ptr<FencedStore> shared_;
  const std::unique_ptr<RuleQueries> queries_;
  const std::string agent_;
  const std::string owner_;  ///< in the column `agent` of what is decided
  const int schema_;
  const bool folded_;
};

}  // namespace tocsin::storage::sql
