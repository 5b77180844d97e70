#include "app/exchange_log.hpp"

#include <utility>

#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

std::size_t bytes_of(const model::Exchange& e) {
  return sizeof e + e.request.size() + e.response.size() + e.error.size() + e.target.size();
}

}  // namespace

ExchangeLog::ExchangeLog(storage::Store& store, telemetry::Metrics& metrics,
                         std::function<void(base::Duration, runtime::Task)> later)
    : store_(store),
      dropped_(metrics.counter("tocsin_exchange_log_dropped_total",
                               "Calls of trackers that jira_sync_log lacks: too many waited, or the store refused")),
      later_(std::move(later)) {}

base::Result<void> ExchangeLog::take(const std::string& instance, model::Exchange exchange) {
  exchange.instance = instance.substr(instance.find('.') + 1);
  {
    std::lock_guard lock(mutex_);
    const std::size_t bytes = bytes_of(exchange);
    if (waiting_.size() >= most_waiting || bytes_ + bytes > most_bytes) {
      dropped_.add();
      return base::fail(base::Fault::exhausted, "too many exchanges wait for the store");
    }
    bytes_ += bytes;
    waiting_.push_back(std::move(exchange));
    if (std::exchange(scheduled_, true)) return {};
  }
  later_(delay, [this] { flush(); });
  return {};
}

void ExchangeLog::flush() {
  std::lock_guard one(writing_);
  std::vector<model::Exchange> batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(waiting_);
    bytes_ = 0;
    scheduled_ = false;
  }
  if (batch.empty()) return;
  const auto kept = store_.append_exchanges(batch);
  if (kept) return;
  dropped_.add(static_cast<double>(batch.size()));
  telemetry::log_warn("trackers",
                      "jira_sync_log lacks " + std::to_string(batch.size()) + " calls: " + kept.error().message());
}

}  // namespace tocsin::app
