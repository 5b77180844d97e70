// The runner's side of what instances need: signals, logs, metrics and small state, all passed on to the agent.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "plugin_host/inlet.hpp"
#include "plugin_host/runner/link.hpp"
#include "plugin_host/session.hpp"
#include "runtime/executor.hpp"

namespace tocsin::plugin_host::runner {

/// Of one instance, by the agent's number for it.
class LinkInlet final : public Inlet {
 public:
  LinkInlet(Link& link, std::uint32_t instance) : link_(link), instance_(instance) {}
  tsn_status intern(tsn_str name, const tsn_label* labels, std::uint32_t count, tsn_series* out, tsn_err* err) override;
  tsn_status submit(const tsn_batch* batch, const tsn_bytes* cursor, tsn_submitted* out, tsn_err* err) override;
  void reject(const tsn_reject& reject) override;
  Counts counts() const override { return {}; }  ///< the agent counts

 private:
  Link& link_;
  const std::uint32_t instance_;
  std::shared_mutex mutex_;
  std::unordered_map<std::string, tsn_series> known_;  ///< by what was asked, as it was asked
};

/// Of all instances of the runner. Series and batches do not come here: they go through the inlets.
class LinkPort final : public Port {
 public:
  LinkPort(Link& link, Region& region);
  ~LinkPort() override;
  /// Instances are known to the agent by number; their logs and state carry it.
  void name(const std::string& instance, std::uint32_t number);

  const base::Clock& clock() const override { return clock_; }
  model::SeriesTable& series() override { return series_; }
  base::Result<Taken> take(std::shared_ptr<model::SignalBatch> batch) override;
  void rejected(model::RejectedSignal) override {}
  void log(const std::string& instance, int level, std::string_view text) override;
  void metric(const std::string& instance, tsn_metric_kind kind, const std::string& name, const model::Labels& labels,
              double value) override;
  base::Result<std::optional<std::string>> kv_get(const std::string& instance, const std::string& key) override;
  base::Result<void> kv_put(const std::string& instance, const std::string& key, std::string value) override;
  base::Result<void> receipt(const std::string& instance, model::Receipt receipt) override;
  base::Result<model::Answered> answer(const std::string& instance, model::Answer answer) override;
  base::Result<void> exchange(const std::string& instance, model::Exchange exchange) override;
  runtime::Reactor& reactor() override { return reactor_; }
  runtime::Executor& pool() override { return pool_; }
  void stop();

 private:
  std::uint32_t number_of(const std::string& instance);

  Link& link_;
  Region& region_;
  base::SystemClock clock_;
  model::SeriesTable series_;
  std::mutex mutex_;
  std::map<std::string, std::uint32_t> numbers_;
  std::map<std::string, std::uint32_t> metrics_;  ///< slot by what it is called
  runtime::Pool pool_;
  runtime::Reactor reactor_;
};

}  // namespace tocsin::plugin_host::runner
