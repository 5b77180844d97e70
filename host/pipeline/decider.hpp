// Whether this agent decides, and what comes with it: the desk it gives to the control strand, and the outbox that
// sends. Alone it decides from start to end. Of agents that share a store one holds the lease and decides for all; it
// is believed to hold it only as long as that is sure by this machine's own clock, so that a process that was paused
// sends nothing when it goes on.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "delivery/outbox.hpp"
#include "model/routing.hpp"
#include "pipeline/committer.hpp"
#include "pipeline/control.hpp"
#include "runtime/executor.hpp"
#include "storage/port.hpp"

namespace tocsin::pipeline {

class Decider {
 public:
  using Ended = std::function<void(const model::Delivery&, const delivery::Outcome&)>;
  struct Parts {
    const base::Clock* clock = nullptr;
    storage::Store* store = nullptr;
    Committer* committer = nullptr;
    Control* control = nullptr;
    runtime::Reactor* reactor = nullptr;
    runtime::Executor* pool = nullptr;
    delivery::OutboxSettings outbox;
    Ended ended;
  };
  Decider(Parts parts, model::Routing routing);
  ~Decider();

  // --- alone: at the start ---
  std::unique_ptr<incidents::Desk> desk_of(const storage::Restored& restored);
  void send_pending(storage::Restored& restored);

  // --- one of several: the lease's thread ---
  void start_following();
  /// The lease is this agent's until then; on the first of such calls it takes over what was decided so far.
  base::Result<void> prolong(std::chrono::steady_clock::time_point sure_until);
  /// It is another's. Any thread; does not wait.
  void give_up();
  void stop();  ///< what is on its way gets a few seconds; idempotent

  /// Any thread.
  bool decides() const;
  /// Deliveries that were committed.
  /// What the incident's ladder still has to say is not sent any more.
  void answered(const model::Incident& incident);
  void send(std::vector<model::Delivery> deliveries);
  /// Mappings as they were committed.
  void tickets_are(std::vector<model::TicketRef> tickets);
  void set_routing(model::Routing routing);
  void set_channel(const std::string& instance, std::shared_ptr<delivery::Channel> channel);
  std::vector<delivery::InstanceStatus> status() const;

 private:
  using Steady = std::chrono::steady_clock;

  std::shared_ptr<delivery::Outbox> make_outbox();
  std::shared_ptr<delivery::Outbox> outbox() const;
  void renew_outbox();
  base::Result<void> take_over();
  void commit(model::Changes changes, std::function<void(base::Result<void>)> done);
  void conclude(model::Changes changes, const model::Delivery& delivery, const delivery::Outcome& outcome,
                std::function<void(base::Result<void>)> done);
  void take_passed();
  bool take_some();

  const Parts parts_;
  const bool shared_;
  mutable std::mutex mutex_;
  model::Routing routing_;                                              ///< under mutex_
  std::map<std::string, std::shared_ptr<delivery::Channel>> channels_;  ///< under mutex_
  std::shared_ptr<delivery::Outbox> outbox_;                            ///< under mutex_
  std::atomic<bool> deciding_{false};
  std::atomic<Steady::duration::rep> sure_until_{0};
  std::atomic<bool> stopping_{false};
  std::thread passed_;  ///< takes what others passed on
};

}  // namespace tocsin::pipeline
