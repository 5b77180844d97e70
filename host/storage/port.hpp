// The store: what is kept, independent of who keeps it. Two implementations, SQLite and PostgreSQL, pass one contract
// test-suite (store_contract_test.cpp). All calls block and may come from any thread; a store serialises what it must.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/changes.hpp"
#include "model/matcher.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"
#include "model/ticket.hpp"
#include "storage/rollup.hpp"
#include "storage/shared.hpp"

namespace tocsin::storage {

struct CommitResult {
  std::map<std::string, std::uint64_t> numbers;  ///< of incidents that were new: correlation_id → number
};

/// What the agent continues with after a start, or after it took the deciding lease. Of a shared store all but the
/// position and `passed` is of all agents; alerts name theirs.
struct Restored {
  std::uint64_t journal_position = 0;
  std::vector<model::Alert> alerts;                   ///< pending or firing, and resolved within the last hour
  std::vector<PassedAlert> passed;                    ///< of this agent's, those nobody has decided about yet
  std::vector<model::Incident> incidents;             ///< not CLOSED, and resolved ones that may reopen
  std::vector<model::IncidentAlert> incident_alerts;  ///< of those incidents
  std::vector<model::Delivery> deliveries;            ///< pending
  std::vector<model::GroupState> groups;
  std::vector<model::Ladder> ladders;
  std::vector<model::ProviderRef> provider_refs;
  std::vector<model::TicketRef> tickets;
  std::vector<model::Silence> silences;          ///< of all agents of the database
  std::vector<model::OncallOverride> overrides;  ///< likewise
};

/// Cursor paging: `after` is the last answer's `next`, empty for the first page.
struct Page {
  std::size_t limit = 100;  ///< 1 to 10 000; what lies outside is moved to the bound
  std::string after;
};
template <class T>
struct Listed {
  std::vector<T> items;
  std::string next;  ///< empty: no more
};

struct IncidentQuery {
  std::vector<model::IncidentStatus> status;
  std::vector<model::Severity> severity;
  std::string text;  ///< in title, description, service, labels, tags, notes, the notes of its end
  base::Time from{}, to{};
  std::vector<model::Category> category = {};
  std::vector<std::string> owner = {}, service = {};  ///< any of them, as written
  std::vector<std::string> tags = {};                 ///< all of them, compared without case
  std::string rule = {};                              ///< one of its alerts is of this rule
  model::Matchers matchers = {};                      ///< on its labels
  Page page = {};
};

struct AlertQuery {
  std::vector<model::AlertState> states;
  std::string rule;
  base::Time from{}, to{};  ///< alive at some time of the span
  Page page;
};

struct LogQuery {
  std::string correlation_id, instance, status;
  base::Time from{}, to{};
  Page page;
  std::string key = {}, provider_id = {};  ///< of one message
};

struct ExchangeQuery {
  std::string correlation_id;  ///< empty: of all, and of none
  Page page = {};
};

/// Which verdicts. A row is asked for when its labels match `matchers`, or when it is about one of `fingerprints` (a
/// row about several alerts has only the labels they share); with neither, every row is.
struct VerdictQuery {
  model::Matchers matchers;
  std::vector<std::uint64_t> fingerprints;
  std::string rule, correlation_id, who;  ///< empty: any
  base::Time from{}, to{};                ///< both inclusive; no_time: unbounded
  Page page;
};

/// A point of history. A summary row carries all five; a plain value has count 1.
struct Sample {
  std::int64_t ts = 0;
  double value = 0;
};
struct SeriesSamples {
  model::SeriesKey key;
  std::vector<Sample> samples;            ///< by time
  std::vector<model::Summary> summaries;  ///< empty, or as long as samples
};
struct SeriesBuckets {
  model::SeriesKey key;
  std::vector<Bucket> buckets;  ///< by time; empty ones are left out
};
struct SampleQuery {
  std::string name;                       ///< exact, or with a `*` at its end; empty: any
  model::Matchers matchers;               ///< on labels
  base::Time from{}, to{};                ///< both inclusive; no_time: unbounded
  std::size_t most_samples = 20'000'000;  ///< Fault::exhausted beyond it
};
struct SeriesInfo {
  model::SeriesKey key;
  base::Time first{}, last{};
  std::uint64_t samples = 0;
};

/// How long signals are kept: as they came, and in rollups. Rollups stay at least as long as the samples.
struct Kept {
  base::Duration raw = std::chrono::hours(24 * 7);
  base::Duration five_minutes = std::chrono::hours(24 * 35);
  base::Duration hours = std::chrono::hours(24 * 400);
};
/// Series that are kept for another time than the rest.
struct RetentionClass {
  model::Selector match;
  Kept kept;
};
/// What a retention removed. On PostgreSQL an estimate, where whole partitions went.
struct Expired {
  std::uint64_t samples = 0, rollups = 0;
};
/// What history takes now. On PostgreSQL the counts are the server's estimates.
struct HistorySize {
  std::uint64_t bytes = 0;  ///< SQLite: used pages of the whole file; PostgreSQL: tables and indexes of signals
  std::uint64_t samples = 0, rollups = 0;
};
struct Retention {
  Kept signals;                         ///< of series that no class matches; raw also of rejected signals
  std::vector<RetentionClass> classes;  ///< the first that matches counts
  base::Duration decisions = std::chrono::hours(24 * 400);  ///< alert history, notification log, resolved alerts
  base::Duration deliveries = std::chrono::hours(24 * 35);  ///< finished outbox rows and replayed dead letters
  base::Duration verdicts = std::chrono::hours(24 * 30);    ///< why somebody was or was not told
};

class Store {
 public:
  virtual ~Store() = default;

  // --- decisions -------------------------------------------------------------------------------------------------
  /// All of it in one transaction, or nothing. A pending delivery without an attempt whose key is there already is left
  /// alone (a journal read again), unless its dead letter is replayed in the same changes.
  virtual base::Result<CommitResult> commit(const model::Changes& changes) = 0;
  /// The same of several decisions: all of them in one transaction, in order, or nothing.
  virtual base::Result<CommitResult> commit_all(const std::vector<const model::Changes*>& decisions) = 0;
  virtual base::Result<Restored> restore(base::Time now) = 0;
  /// The same of one incident, by number or correlation id and whatever its status: it, its alerts, its ladder and
  /// tickets. Empty where there is none.
  virtual base::Result<Restored> restore_incident(const std::string& id) = 0;

  // --- history ---------------------------------------------------------------------------------------------------
  /// Takes journalled batches towards history. Cheap: they wait in memory, where samples() finds them all the same,
  /// until flush_history() or until some MiB of them are together. A position counts once, also when it is offered
  /// again; batches may come out of order. On an error offer the same batches again.
  virtual base::Result<void> append_history(const std::vector<model::SharedBatch>& batches) = 0;
  /// Writes what waits in memory; returns the journal position through which history is in the store.
  virtual base::Result<std::uint64_t> flush_history() = 0;
  /// Position through which history was in the store at open; the journal is read again from the next one.
  virtual std::uint64_t history_position() const = 0;
  virtual base::Result<std::vector<SeriesSamples>> samples(const SampleQuery& query) = 0;
  /// The same in buckets of `width`, above zero, aligned to its multiples since 1970. Where `width` is a multiple of a
  /// stored one, whole buckets come from rollups, to the last digit as from the samples; where samples are gone a
  /// bucket that a bound of the range cuts is given whole. `most_samples` bounds what is read of either.
  virtual base::Result<std::vector<SeriesBuckets>> buckets(const SampleQuery& query, base::Duration width) = 0;
  /// Makes rollups of what is old enough, in bounded steps; true: there is more to do. Late samples are added to the
  /// rollups that are there when they are flushed.
  virtual base::Result<bool> roll_up(base::Time now) = 0;
  virtual base::Result<HistorySize> history_size() = 0;
  virtual base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) = 0;
  virtual base::Result<void> append_rejected(const std::vector<model::RejectedSignal>& rejected) = 0;
  virtual base::Result<Listed<model::RejectedSignal>> rejected(const Page& page) = 0;
  virtual base::Result<Expired> expire(base::Time now, const Retention& retention) = 0;

  // --- questions -------------------------------------------------------------------------------------------------
  virtual base::Result<Listed<model::Incident>> incidents(const IncidentQuery& query) = 0;
  /// By number ("1042") or correlation id.
  virtual base::Result<std::optional<model::Incident>> incident(const std::string& id) = 0;
  virtual base::Result<std::vector<model::TimelineEntry>> timeline(const std::string& correlation_id) = 0;
  virtual base::Result<std::vector<model::IncidentAlert>> incident_alerts(const std::string& correlation_id) = 0;
  /// Timeline entries of all incidents in the order of their ids, after `after`; each id is named once and none is
  /// passed over, so what another agent is still writing (a gap in the last seconds before `now`) is waited for.
  virtual base::Result<std::vector<model::IncidentEvent>> incident_events(std::uint64_t after, std::size_t most,
                                                                          base::Time now) = 0;
  /// The id of the newest timeline entry; 0: there is none.
  virtual base::Result<std::uint64_t> newest_event() = 0;
  /// Without content, oldest first.
  virtual base::Result<std::vector<model::Attachment>> attachments(const std::string& correlation_id) = 0;
  virtual base::Result<std::optional<model::Attachment>> attachment(const std::string& correlation_id,
                                                                    std::uint64_t id) = 0;
  virtual base::Result<Listed<model::Alert>> alerts(const AlertQuery& query) = 0;
  virtual base::Result<Listed<model::Attempt>> attempts(const LogQuery& query) = 0;
  virtual base::Result<std::vector<model::Delivery>> deliveries(const std::string& correlation_id) = 0;
  /// Those not replayed yet; newest first, as all lists.
  virtual base::Result<Listed<model::DeadLetter>> dead_letters(const Page& page) = 0;
  virtual base::Result<std::optional<model::DeadLetter>> dead_letter(std::uint64_t id) = 0;
  virtual base::Result<std::vector<model::TicketRef>> tickets() = 0;
  /// Rows of jira_sync_log beside the mappings' own, which commit() writes: all in one transaction. A log, not a
  /// decision: no agent of several is asked whether it may.
  virtual base::Result<void> append_exchanges(const std::vector<model::Exchange>& exchanges) = 0;
  /// Newest first, mappings' rows among them.
  virtual base::Result<Listed<model::Exchange>> exchanges(const ExchangeQuery& query) = 0;
  /// Of all agents of the database, as restore() gives them.
  virtual base::Result<std::vector<model::Silence>> silences() = 0;
  /// Newest first. A page may be short of its limit and still have a `next`: one call reads through a bounded number of
  /// rows.
  virtual base::Result<Listed<model::Verdict>> verdicts(const VerdictQuery& query) = 0;
  /// Of this agent; a key that begins with "fleet/" is of all agents that share the store.
  virtual base::Result<std::optional<std::string>> kv(const std::string& key) = 0;
  /// By name. Not of one agent: all that share the store take pings for the same heartbeats.
  virtual base::Result<std::vector<model::HeartbeatRecord>> heartbeats() = 0;
  /// The rules in the database, by id.
  virtual base::Result<std::vector<model::RuleRow>> rule_rows() = 0;
  /// Runs their queries.
  virtual RuleQueries& rule_queries() = 0;

  /// Null where the store is this agent's alone.
  virtual SharedStore* shared() { return nullptr; }

  /// "sqlite 3.40.1, /var/lib/tocsin/tocsin.db, schema 3"
  virtual std::string describe() const = 0;
};

struct StoreSettings {
  std::string url = "sqlite:tocsin.db";  ///< relative to data_dir; or postgres://user@host:port/database
  std::string password;
  std::string schema;  ///< PostgreSQL: where the tables are, made where missing; empty: the connection's search path
  std::string data_dir;
  std::string module_dir;  ///< where the PostgreSQL module lies
  bool sync = false;       ///< fsync every commit
  /// Told what went wrong with nobody waiting for it. Empty: stderr. Any thread.
  std::function<void(const base::Error&)> report = {};
  std::string agent = "default";  ///< whose journal state, alerts and kv these are; alone, also what is decided
};
/// Opens the store the url names and migrates its schema. Series found in it are interned into `series`.
base::Result<std::unique_ptr<Store>> open_store(const StoreSettings& settings, model::SeriesTable& series);

}  // namespace tocsin::storage
