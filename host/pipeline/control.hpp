// The control strand: one thread on which the desk decides. It does no blocking work: what it decides goes to the
// committer, and what was committed goes to the outbox.
//
// Of agents that share a store one has a desk and decides for all; the others pass the alerts of their shards on. The
// order of one agent's alerts holds over a change of this: meanwhile they wait here until what was handed to the
// committer before is written, or refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "delivery/outbox.hpp"
#include "incidents/desk.hpp"
#include "pipeline/committer.hpp"
#include "pipeline/overlap.hpp"
#include "pipeline/shard_runner.hpp"
#include "runtime/channel.hpp"

namespace tocsin::pipeline {

class Control {
 public:
  using Decide = std::function<base::Result<model::Changes>(incidents::Desk&, base::Time now)>;
  struct Parts {
    Committer* committer = nullptr;
    const base::Clock* clock = nullptr;
    std::size_t shards = 1;
    std::string agent;  ///< of a fleet: stands in the alerts of its shards
    std::function<void(std::vector<model::Delivery>)> send;
    /// A decision was refused because another agent decides. Any thread; must not wait.
    std::function<void()> lost;
    /// An incident that somebody answered for, as it was committed. May be null.
    std::function<void(const model::Incident&)> answered = {};
    /// Mappings of incidents to tickets, as they were committed; before the deliveries of the same decision are sent.
    /// May be null.
    std::function<void(std::vector<model::TicketRef>)> tickets = {};
  };
  explicit Control(Parts parts);
  ~Control();

  /// With a desk it decides from the beginning.
  void start(std::uint64_t position, std::unique_ptr<incidents::Desk> desk);
  void stop();  ///< decides what is queued, then ends; idempotent

  // --- one of several; called by one thread, which waits ---
  /// Shards' alerts wait here from now on; returns when those before are in the store. An error: not in time, and it
  /// goes on as before.
  base::Result<void> hold(base::Duration limit);
  /// Decides with this desk, first about what this agent itself had passed on.
  void begin(std::unique_ptr<incidents::Desk> desk, Overlap overlap, std::vector<storage::PassedAlert> own);
  /// Without a desk: what the shards judge is passed on. Any thread; does not wait.
  void end();
  /// Decides about what others passed on; `done` when that is durable, or why it is not.
  void take_passed(std::vector<storage::PassedAlert> passed, std::function<void(base::Result<void>)> done);

  /// A shard's report. Any thread.
  void judged(Judged judged);
  /// Runs `decide` on the strand; `done` after its changes are durable, or at once with its error. Any thread.
  /// Fault::unavailable where this agent does not decide.
  void decide(Decide decide, std::function<void(base::Result<void>)> done) {
    conclude({}, std::move(decide), std::move(done));
  }
  /// The same, kept together with what the outbox has to keep. Of `with` nothing is sent: the outbox has it.
  void conclude(model::Changes with, Decide decide, std::function<void(base::Result<void>)> done);
  /// Runs on the strand without a decision: reload, look-ups. Null: this agent does not decide. Any thread. False:
  /// stopping, and it is dropped.
  bool post(std::function<void(incidents::Desk*)> task);
  /// While notifications are paused here: until when; no_time: they are not. Any thread.
  base::Time paused_until() const { return base::from_ns(paused_until_.load(std::memory_order_relaxed)); }
  /// Position through which consequences are durable: where a restart reads on. Any thread.
  std::uint64_t durable_position() const { return durable_position_.load(std::memory_order_relaxed); }

 private:
  using Report = std::shared_ptr<Judged>;
  enum class Mode { following, holding, deciding };

  void run();
  bool settled() const { return on_their_way_.load(std::memory_order_acquire) == 0; }
  void look_at_mode();
  void gather_refused();
  void process_waiting();
  void process(const Report& report, bool covered);
  model::Changes decide_about(const std::vector<model::Alert>& alerts);
  void take(const std::vector<storage::PassedAlert>& passed, std::function<void(base::Result<void>)> done);
  /// `covered`: with these the consequences are whole through the position. The first `out` deliveries are the
  /// outbox's.
  void keep(model::Changes changes, std::function<void(base::Result<void>)> done, Report report = {},
            bool covered = true, std::size_t out = 0);
  void committed(const storage::CommitResult& result, model::Changes& changes, std::size_t out = 0);
  void refused(const base::Error& error, const Report& report);
  void count_position(const Judged& judged);
  void learn_numbers();

  const Parts parts_;
  runtime::Channel<std::function<void()>> queue_{64 * 1024};
  std::thread thread_;
  // Of the strand.
  std::unique_ptr<incidents::Desk> desk_;
  Overlap overlap_;  ///< of a fleet's alerts
  Mode mode_ = Mode::following;
  bool unsure_ = false;                       ///< decided before, and some of it may yet be refused
  std::deque<Report> waiting_;                ///< while the mode changes
  std::shared_ptr<std::promise<void>> held_;  ///< hold() waits for it
  std::vector<std::uint64_t> judged_;         ///< per shard
  std::uint64_t position_ = 0;                ///< through which consequences are decided
  std::uint64_t kept_position_ = 0;           ///< the last one handed to the committer
  std::atomic<std::uint64_t> durable_position_{0};
  std::atomic<std::int64_t> paused_until_{0};
  std::atomic<std::size_t> on_their_way_{0};  ///< reports handed to the committer and not answered
  // What comes back beside the queue: the committer must never wait for this strand.
  std::mutex back_mutex_;
  std::map<std::string, std::uint64_t> numbers_;
  std::deque<Report> refused_;  ///< decided here, and refused: passed on instead
};

}  // namespace tocsin::pipeline
