// Alerts that came in from outside: which occurrence one belongs to, when it began, when it is over. Alertmanager's
// rules (its api and its provider), and a grace after the agent was down. No I/O; what changed is returned.
//
// What a sender repeats every minute must cost little: only the end of such an alert moves, and its timer is looked at
// when it was due, not each time it moves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/alert.hpp"
#include "model/received_alert.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

class Received {
 public:
  /// How long one that is over is remembered, so that what is sent late still belongs to it.
  static constexpr base::Duration kept = std::chrono::minutes(15);
  /// An end that is noticed later than this passed while the agent was stopped or suspended, and so were the messages
  /// that would have moved it.
  static constexpr base::Duration held_up = std::chrono::minutes(1);

  using Shared = std::shared_ptr<const model::Alert>;
  struct Change {
    Shared alert;
    bool news = true;  ///< false: its end moved, which is to be kept and concerns nobody
  };

  /// What the store knew. Those that fire get one `grace` to be sent again, whenever they would have ended.
  void restore(const std::vector<model::Alert>& alerts, base::Time now, base::Duration grace);
  /// In the order they were sent. Call expire() first, so that what is over does not go on.
  std::vector<Change> take(std::vector<model::ReceivedAlert> alerts, const model::Routing& routing, base::Time now);
  /// Those whose end has come by `now`; forgets those that were over long ago.
  std::vector<Change> expire(base::Time now, base::Duration grace);
  std::optional<base::Time> next_due() const;

  /// Of this fingerprint as known now; null: none.
  Shared find(std::uint64_t fingerprint) const;
  /// Those that fire and whose end has not passed.
  template <class Visit>
  void each_active(base::Time now, Visit visit) const {
    for (const auto& [fingerprint, entry] : by_fingerprint_) {
      if (entry.alert->state == model::AlertState::firing && entry.alert->ends_at >= now) visit(entry.alert);
    }
  }
  std::size_t size() const { return by_fingerprint_.size(); }

 private:
  struct Entry {
    Shared alert;
    base::Time due{};  ///< when the timers look at it next; no_time: they do not
  };
  using Timer = std::pair<base::Time, std::uint64_t>;

  std::optional<Change> take_one(model::ReceivedAlert&& sent, const model::Routing& routing, base::Time now);
  void put(Entry& entry, Shared alert);
  void drop_stale();

  std::unordered_map<std::uint64_t, Entry> by_fingerprint_;
  /// At least one entry not later than each alert's end; those that are no alert's `due` are stale.
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
};

}  // namespace tocsin::incidents
