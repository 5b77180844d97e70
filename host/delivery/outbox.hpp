// The outbox sends what was committed, at least once, with the same idempotency key every time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/changes.hpp"
#include "model/limit.hpp"
#include "runtime/backoff.hpp"
#include "runtime/executor.hpp"

namespace tocsin::delivery {

/// What came of one attempt.
struct Outcome {
  bool ok = false;
  bool retry = true;             ///< a failure that a later attempt may mend
  bool unknown = false;          ///< it may have arrived
  base::Duration retry_after{};  ///< 0: our own backoff
  std::string provider_id;
  std::string error;
  int code = 0;             ///< HTTP status, SMTP reply
  model::TicketRef ticket;  ///< of a tracker
};

/// A notifier or tracker instance, as the outbox sees it. Declared here, the consumer; adapted in app.
class Channel {
 public:
  virtual ~Channel() = default;
  /// Sends on the calling pool thread or later; `done` is called exactly once, on any thread, by `deadline` + 1 s.
  virtual void send(const model::Delivery& delivery, const std::string& provider_id, base::Time deadline,
                    std::function<void(Outcome)> done) = 0;
  /// What kind of channel it is ("email"), for the notification log; empty: the instance's name stands for it.
  virtual std::string type() const { return {}; }
  /// The instance that takes over what this one gives up, or cannot take while its breaker is open; empty: none. No
  /// chain of them may lead back.
  virtual std::string fallback() const { return {}; }
  /// How long an attempt may take; zero: OutboxSettings::attempt_timeout.
  virtual base::Duration timeout() const { return {}; }
  /// How many attempts may be under way; zero: OutboxSettings::in_flight_per_instance.
  virtual std::size_t at_once() const { return 0; }
  /// How many messages one recipient gets from all channels of this type; empty: any number.
  virtual std::vector<model::Limit> limits() const { return {}; }
};

/// A message that reached its recipient before this outbox was made.
struct SentBefore {
  std::string type, recipient;
  base::Time at{};
};

struct OutboxSettings {
  base::Duration attempt_timeout = std::chrono::seconds(10);
  base::Duration give_up_after = std::chrono::hours(24);  ///< then it is a dead letter
  std::uint32_t max_attempts = 0;                         ///< 0: until give_up_after
  runtime::BackoffPolicy backoff;
  runtime::Breaker::Policy breaker;
  std::size_t in_flight_per_instance = 4;  ///< 1 for trackers
};

struct OutboxPorts {
  const base::Clock* clock = nullptr;
  runtime::Executor* pool = nullptr;  ///< for send(), which may block
  /// Runs a task at an instant of the clock (reactor live, manual in tests).
  std::function<void(base::Time, runtime::Task)> at;
  /// Keeps changes durably; called from the outbox's strand, answers there or on any thread.
  std::function<void(model::Changes, std::function<void(base::Result<void>)>)> commit;
  /// Keeps the end of a delivery together with what follows from it, in one transaction: a death between the two would
  /// tell people again of what they know. As commit(); null: commit() alone.
  std::function<void(model::Changes, const model::Delivery&, const Outcome&, std::function<void(base::Result<void>)>)>
      conclude;
  /// A delivery ended (sent, dead, shadow), after it was committed.
  std::function<void(const model::Delivery&, const Outcome&)> ended;
  std::function<double()> random;  ///< [0, 1)
  /// False: another agent sends just now, and everything but a proof waits. Null: always.
  std::function<bool()> may_send;
};

struct InstanceStatus {
  std::string instance;
  std::size_t queued = 0, in_flight = 0;
  std::uint64_t sent = 0, failed = 0, dead = 0, handed_over = 0, limited = 0;
  runtime::Breaker::State breaker = runtime::Breaker::State::closed;
};

/// Thread-safe: calls are posted to its own strand.
class Outbox {
 public:
  Outbox(OutboxSettings settings, OutboxPorts ports, runtime::Executor& strand_pool);
  ~Outbox();

  /// A channel came, changed or went (null). Deliveries to an instance that is not there wait.
  void set_channel(const std::string& instance, std::shared_ptr<Channel> channel);
  void set_provider_refs(std::vector<model::ProviderRef> refs);
  /// What is known of tickets, as it was committed: a change goes to the ticket that its incident has when it leaves.
  /// Of what a person unlinked (model::ticket_unlinked) nothing is sent any more.
  void set_tickets(std::vector<model::TicketRef> tickets);
  /// What counts towards the limits. Limits look back at most `longest_limit`.
  void set_sent(std::vector<SentBefore> sent);
  static constexpr base::Duration longest_limit = std::chrono::hours(24);
  /// Deliveries that were committed as pending; others, and keys already queued, are passed over. Order is kept per
  /// (instance, incident, recipient): a later message waits until the earlier one arrived or was given up. Recipients
  /// do not wait for each other, else one bad address would hold back everybody else on the ladder.
  void enqueue(std::vector<model::Delivery> deliveries);
  /// Somebody answered for the incident: what its ladder still has to say is not sent any more; what is on its way just
  /// now is not tried again if that fails. `why` is kept with it.
  void withdraw(const std::string& correlation_id, const std::string& why);
  /// Drains what is in flight, starts nothing new. Returns when idle or after `limit`.
  void stop(base::Duration limit);
  std::vector<InstanceStatus> status() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tocsin::delivery
