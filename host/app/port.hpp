// What the agent gives its plugin instances: the clock, the series, the intake, small state, logs and metrics.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "app/exchange_log.hpp"
#include "app/feedback.hpp"
#include "pipeline/pipeline.hpp"
#include "plugin_host/session.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

class SignalTail;

/// The pipeline is set once it is there; before, and after it was taken away, submits are refused with RETRY.
class AgentPort : public plugin_host::Port {
 public:
  struct Parts {
    const base::Clock* clock = nullptr;
    model::SeriesTable* series = nullptr;
    storage::Store* store = nullptr;
    telemetry::Metrics* metrics = nullptr;
    runtime::Reactor* reactor = nullptr;
    runtime::Executor* pool = nullptr;
    std::function<void(const plugin_host::Hang&, bool back)> hang = {};  ///< a call hangs, or came back
  };
  explicit AgentPort(Parts parts) : parts_(std::move(parts)) {}
  void set_pipeline(pipeline::Pipeline* pipeline) { pipeline_.store(pipeline, std::memory_order_release); }
  /// Gets what was accepted; null: nobody does.
  void set_tail(SignalTail* tail) { tail_.store(tail, std::memory_order_release); }
  /// As the pipeline: before, and after it was taken away, receipts and answers are refused with RETRY.
  void set_feedback(Feedback* feedback) { feedback_.store(feedback, std::memory_order_release); }
  /// Likewise.
  void set_exchanges(ExchangeLog* exchanges) { exchanges_.store(exchanges, std::memory_order_release); }

  const base::Clock& clock() const override { return *parts_.clock; }
  model::SeriesTable& series() override { return *parts_.series; }
  base::Result<plugin_host::Taken> take(std::shared_ptr<model::SignalBatch> batch) override;
  void rejected(model::RejectedSignal rejected) override;
  void log(const std::string& instance, int level, std::string_view text) override;
  void metric(const std::string& instance, tsn_metric_kind kind, const std::string& name, const model::Labels& labels,
              double value) override;
  base::Result<std::optional<std::string>> kv_get(const std::string& instance, const std::string& key) override;
  base::Result<void> kv_put(const std::string& instance, const std::string& key, std::string value) override;
  base::Result<void> receipt(const std::string& instance, model::Receipt receipt) override;
  base::Result<model::Answered> answer(const std::string& instance, model::Answer answer) override;
  base::Result<void> exchange(const std::string& instance, model::Exchange exchange) override;
  runtime::Reactor& reactor() override { return *parts_.reactor; }
  runtime::Executor& pool() override { return *parts_.pool; }
  void hangs(const plugin_host::Hang& hang) override {
    if (parts_.hang) parts_.hang(hang, false);
  }
  void came_back(const plugin_host::Hang& hang) override {
    if (parts_.hang) parts_.hang(hang, true);
  }

 private:
  Parts parts_;
  std::atomic<pipeline::Pipeline*> pipeline_{nullptr};
  std::atomic<SignalTail*> tail_{nullptr};
  std::atomic<Feedback*> feedback_{nullptr};
  std::atomic<ExchangeLog*> exchanges_{nullptr};
};

}  // namespace tocsin::app
