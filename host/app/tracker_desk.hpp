// What people ask of trackers: fetch what changed outside, bring tickets in step, say what would be sent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/backend.hpp"
#include "app/fleet.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/routing.hpp"
#include "pipeline/pipeline.hpp"
#include "runtime/executor.hpp"

namespace tocsin::app {

class TrackerDesk {
 public:
  struct Parts {
    const base::Clock* clock = nullptr;
    pipeline::Pipeline* pipeline = nullptr;
    Fleet* fleet = nullptr;
    runtime::Executor* pool = nullptr;
    std::function<model::Routing()> routing;
    std::string external_url;
  };
  explicit TrackerDesk(Parts parts) : parts_(std::move(parts)) {}

  /// Every tracker, or this one, is asked to sync(), beside each other; then what is owed is queued. One that fails
  /// does not keep the others from it. Blocks until all have answered or their time is up.
  base::Result<api::TrackerSync> sync(const std::string& instance) const;
  /// What each tracker, or this one, would be sent for the incident now. `incident`: number or correlation id.
  base::Result<std::vector<api::TicketTrial>> trial(const std::string& incident, const std::string& instance) const;

 private:
  base::Result<std::vector<std::string>> trackers(const std::string& instance) const;
  std::vector<api::TrackerAsked> ask_all(const std::vector<std::string>& names) const;
  base::Result<std::size_t> queue_owed(const std::vector<std::string>& names) const;

  const Parts parts_;
};

}  // namespace tocsin::app
