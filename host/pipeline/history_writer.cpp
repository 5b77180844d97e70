#include "pipeline/history_writer.hpp"

#include <algorithm>

#include "pipeline/proof.hpp"
#include "runtime/executor.hpp"
#include "telemetry/log.hpp"

namespace tocsin::pipeline {
namespace {

constexpr std::size_t most_loaders = 20'000;  // beyond: counted under loader_code="other"
constexpr std::size_t most_per_write = 64;

telemetry::Counter& removed(telemetry::Metrics& metrics, const char* kind) {
  return metrics.counter("tocsin_history_expired_total", "What the retention removed from history", {{"kind", kind}});
}
telemetry::Gauge& room(telemetry::Metrics& metrics) {
  return metrics.gauge("tocsin_history_bytes", "Room that history takes, as of the last expiry");
}
telemetry::Gauge& rows(telemetry::Metrics& metrics, const char* kind) {
  return metrics.gauge("tocsin_history_rows", "What history holds, as of the last expiry", {{"kind", kind}});
}

}  // namespace

HistoryWriter::HistoryWriter(HistorySettings settings, storage::Store& store, storage::Journal& journal,
                             const model::SeriesTable& series, const base::Clock& clock, telemetry::Metrics& metrics,
                             std::function<std::uint64_t()> judged_position)
    : settings_(settings),
      store_(store),
      journal_(journal),
      series_(series),
      clock_(clock),
      metrics_(metrics),
      judged_position_(std::move(judged_position)) {}

HistoryWriter::~HistoryWriter() {
  stop();
}

void HistoryWriter::start() {
  flushed_ = store_.history_position();
  next_flush_ = clock_.now() + settings_.flush_every;
  next_expiry_ = clock_.now() + std::chrono::seconds(30);
  room(metrics_);
  for (const char* kind : {"sample", "rollup"}) removed(metrics_, kind), rows(metrics_, kind);
  thread_ = std::thread([this] {
    runtime::name_thread("history");
    run();
  });
}

void HistoryWriter::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void HistoryWriter::append(model::SharedBatch batch) {
  count(*batch);
  if (!queue_.try_push(std::move(batch))) missed_ = true;
}

void HistoryWriter::rejected(model::RejectedSignal rejected) {
  metrics_
      .counter("signals_validation_failures_total", "Signals refused, by cause",
               {{"loader_code", rejected.loader}, {"error_type", rejected.error_type}})
      .add(rejected.count);
  rejected_.try_push(std::move(rejected));  // counted all the same; only the copy for people is bounded
}

void HistoryWriter::set_retention(storage::Retention retention) {
  std::lock_guard lock(retention_mutex_);
  settings_.retention = std::move(retention);
}

void HistoryWriter::run() {
  std::vector<model::SharedBatch> batches;
  for (;;) {
    if (auto batch = queue_.pop(std::chrono::seconds(1))) {
      batches.push_back(std::move(*batch));
      while (batches.size() < most_per_write) {
        auto more = queue_.try_pop();
        if (!more) break;
        batches.push_back(std::move(*more));
      }
      write(batches);
      batches.clear();
    }
    if (missed_ && queue_.size() == 0) catch_up();
    write_rejected();
    const base::Time now = clock_.now();
    if (now >= next_flush_) flush(now);
    if (queue_.closed() && queue_.size() == 0) break;
  }
  flush(clock_.now());
}

void HistoryWriter::write(std::vector<model::SharedBatch>& batches) {
  const auto& newest = *batches.back();
  if (arrivals_.empty() || newest.arrived - arrivals_.back().second >= std::chrono::seconds(1)) {
    arrivals_.emplace_back(newest.position, newest.arrived);
  }
  if (auto done = store_.append_history(batches); !done) {
    if (!missed_.exchange(true))
      telemetry::log_error("history", "cannot fold signals, trying again: " + done.error().message());
  }
}

/// Folds what is in the journal and not in the store; positions that are there already are passed over by the store.
void HistoryWriter::catch_up() {
  missed_ = false;
  std::vector<model::SharedBatch> batches;
  base::Result<void> folded;
  auto fold = [&] {
    if (folded && !batches.empty()) folded = store_.append_history(batches);
    batches.clear();
    return folded.has_value();
  };
  auto read = journal_.read(flushed_ + 1, [&](model::SharedBatch batch) {
    batches.push_back(without_proof(std::move(batch)));
    return batches.size() < most_per_write || fold();
  });
  if (!read || !fold()) missed_ = true;
}

void HistoryWriter::count(const model::SignalBatch& batch) {
  const model::SeriesId known = series_.size();
  for (auto id = static_cast<model::SeriesId>(loader_of_.size()); id < known; ++id) {
    std::string loader(series_.key(id).labels.get("loader"));
    if (loaders_.size() >= most_loaders && !loader_index_.contains(loader)) loader = "other";
    const auto [it, fresh] = loader_index_.emplace(loader, static_cast<std::uint32_t>(loaders_.size()));
    if (fresh) loaders_.push_back(loader);
    loader_of_.push_back(it->second);
  }
  tally_.resize(loaders_.size(), 0);
  for (const auto id : batch.series) ++tally_[loader_of_[id]];
  auto& counters = counters_[batch.source];
  counters.resize(loaders_.size(), nullptr);
  for (const auto id : batch.series) {
    const std::uint32_t loader = loader_of_[id];
    if (tally_[loader] == 0) continue;
    if (!counters[loader]) {
      counters[loader] = &metrics_.counter("signals_ingested_total", "Signals accepted",
                                           {{"loader_code", loaders_[loader]}, {"source", batch.source}});
    }
    counters[loader]->add(tally_[loader]);
    tally_[loader] = 0;
  }
}

void HistoryWriter::write_rejected() {
  std::vector<model::RejectedSignal> rows;
  while (rows.size() < 512) {
    auto row = rejected_.try_pop();
    if (!row) break;
    rows.push_back(std::move(*row));
  }
  if (rows.empty()) return;
  if (auto done = store_.append_rejected(rows); !done) {
    telemetry::log_error("history", "cannot keep rejected signals: " + done.error().message());
  }
}

void HistoryWriter::flush(base::Time now) {
  next_flush_ = now + settings_.flush_every;
  if (auto position = store_.flush_history()) {
    flushed_ = *position;
  } else {
    telemetry::log_error("history", "cannot write history: " + position.error().message());
    return;
  }
  trim(now);
  roll_up(now);
  if (now >= next_expiry_) expire(now);
}

/// One step; what is left of an old history waits for the next flush.
void HistoryWriter::roll_up(base::Time now) {
  if (auto done = store_.roll_up(now); !done)
    telemetry::log_error("history", "cannot make rollups: " + done.error().message());
}

void HistoryWriter::expire(base::Time now) {
  next_expiry_ = now + settings_.expire_every;
  storage::Retention retention;
  {
    std::lock_guard lock(retention_mutex_);
    retention = settings_.retention;
  }
  const auto expired = store_.expire(now, retention);
  if (!expired) return telemetry::log_error("history", "cannot apply the retention: " + expired.error().message());
  removed(metrics_, "sample").add(expired->samples);
  removed(metrics_, "rollup").add(expired->rollups);
  const auto size = store_.history_size();
  if (!size) return telemetry::log_error("history", "cannot measure history: " + size.error().message());
  room(metrics_).set(static_cast<double>(size->bytes));
  rows(metrics_, "sample").set(static_cast<double>(size->samples));
  rows(metrics_, "rollup").set(static_cast<double>(size->rollups));
}

void HistoryWriter::trim(base::Time now) {
  const bool crowded = journal_.bytes() > settings_.keep_bytes;
  std::uint64_t old_enough = 0;
  while (arrivals_.size() > 1 && (crowded || now - arrivals_[1].second > settings_.keep_journal)) arrivals_.pop_front();
  if (!arrivals_.empty()) old_enough = arrivals_.front().first;
  const std::uint64_t keep_from = std::min({old_enough, flushed_ + 1, judged_position_() + 1});
  if (keep_from <= 1) return;
  if (auto done = journal_.trim(keep_from); !done) {
    telemetry::log_error("journal", "cannot trim: " + done.error().message());
  }
}

}  // namespace tocsin::pipeline
