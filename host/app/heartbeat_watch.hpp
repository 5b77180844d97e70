// Heartbeats at work: pings from the API and what is due by the clock go through detection's state machine; what it
// decides is one decision of the pipeline, ping and alert together. Agents that share a store all take pings, and one
// of them judges.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/duty.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "detection/heartbeats.hpp"
#include "pipeline/pipeline.hpp"

namespace tocsin::app {

class HeartbeatWatch {
 public:
  HeartbeatWatch(pipeline::Pipeline& pipeline, const base::Clock& clock);
  ~HeartbeatWatch() { stop(); }

  /// Reads what is known and begins; before the API listens. A store that is not shared must answer.
  base::Result<void> start(const std::vector<model::Heartbeat>& wanted);
  /// The configuration changed.
  void set(const std::vector<model::Heartbeat>& wanted);
  void stop();

  /// Any thread; returns when the ping is durable. Fault::unavailable: the store does not take it in time.
  base::Result<model::HeartbeatView> ping(model::Beat beat);
  std::vector<model::HeartbeatView> list() const;

 private:
  base::Duration round();
  void apply(const std::vector<model::Heartbeat>& wanted);
  base::Result<void> read_store();
  void look_who_judges();
  /// Hands what was decided to the pipeline, in the order of the calls. Under mutex_.
  void keep(detection::Heartbeats::Decided decided, std::function<void(base::Result<void>)> done = {});

  pipeline::Pipeline& pipeline_;
  const base::Clock& clock_;
  storage::SharedStore* const shared_;
  mutable std::mutex mutex_;
  detection::Heartbeats machine_;     ///< under mutex_
  bool judging_ = false;              ///< likewise
  bool read_ = false;                 ///< the store's rows are in the machine
  std::string complaint_;             ///< the store's error that was logged last
  std::atomic<bool> refused_{false};  ///< a decision was not kept: detection knows what nobody was told
  Duty duty_;
};

/// Alerts of one keeper that the store has pending or firing, whichever agent told them.
base::Result<std::vector<model::Alert>> alerts_of(storage::Store& store, const std::string& keeper);

}  // namespace tocsin::app
