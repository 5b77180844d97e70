// Heartbeats: which are late, which failed. A small state machine over pings and the clock:
//   expected   `every` after the last run that ended (or after it was first watched), or when a run began, if earlier
//   missed     `grace` after that, until a success; but not before one grace of being watched by this process, so that
//   a
//              restart over the due instant is not the job's fault
//   failed     from a fail (or an exit status above 0) until a success
// It does no I/O: what is to be kept comes back as model::Beat and model::Alert. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "detection/outside_alerts.hpp"
#include "model/heartbeat.hpp"

namespace tocsin::detection {

class Heartbeats {
 public:
  /// The `keeper` of the alerts.
  static constexpr const char* keeper = "heartbeats";
  /// What a call decided; both are to be kept in one transaction.
  struct Decided {
    std::vector<model::Beat> beats;
    std::vector<model::Alert> alerts;
    bool empty() const { return beats.empty() && alerts.empty(); }
  };

  /// The configured ones. A new one is watched from `now`; alerts of one that is gone end.
  void set(const std::vector<model::Heartbeat>& wanted, base::Time now, Decided& out);
  /// What the store knows; also what other agents wrote there meanwhile.
  void learn(const std::vector<model::HeartbeatRecord>& records);
  /// Whether this agent is the one that judges. On taking over, `alerts` are those that were told, and whatever is not
  /// late yet has one grace; on giving up they are forgotten.
  void take_over(const std::vector<model::Alert>& alerts, base::Time now, Decided& out);
  void give_up();

  /// A ping. Fault::not_found for a name that is not configured, with the nearest that is.
  base::Result<void> ping(model::Beat beat, Decided& out);
  /// Judges what is due.
  void advance(base::Time now, Decided& out);
  /// When advance() has something to do by itself.
  std::optional<base::Time> next_due() const;
  std::vector<model::HeartbeatView> list(base::Time now) const;
  std::optional<model::HeartbeatView> find(const std::string& name, base::Time now) const;
  bool empty() const { return watched_.empty(); }

 private:
  struct Watched {
    model::Heartbeat heartbeat;
    model::HeartbeatRecord record;
    base::Time from{};  ///< this process watches it, or judges, since
    model::Labels group;
    model::Rule missed, failed;
  };
  static base::Time last_end(const Watched& each);
  static bool running(const Watched& each);
  static base::Time expected_at(const Watched& each);
  static base::Time late_at(const Watched& each);
  static bool failed(const Watched& each);
  bool is_missed(const Watched& each, base::Time now) const;
  void judge(const Watched& each, base::Time now, Decided& out);
  model::HeartbeatView view(const Watched& each, base::Time now) const;

  std::map<std::string, Watched> watched_;
  std::map<std::string, model::HeartbeatRecord> known_;  ///< rows of those that are not configured (any more)
  OutsideAlerts alerts_{keeper};
  bool judging_ = false;
};

}  // namespace tocsin::detection
