// Agents that share a store watch each other: each says every ten seconds that it is there; one that has been silent
// for thirty is missed, and of the others the one whose name comes first raises AgentDown{agent}. Who raised it stands
// in the store, so that another does not do it again.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/duty.hpp"
#include "base/clock.hpp"
#include "model/member.hpp"
#include "pipeline/pipeline.hpp"

namespace tocsin::app {

constexpr base::Duration meet_every = std::chrono::seconds(10);
constexpr base::Duration missed_after = std::chrono::seconds(30);

/// What `me` does about a member.
struct FellowVerdict {
  std::string name;
  bool down = false;   ///< AgentDown fires here; with `claim`: if the claim is granted
  bool claim = false;  ///< nobody has raised it, and it is this agent's turn
  bool clear = false;  ///< it is back, or who raised it is no member any more: nobody has raised it
  bool operator==(const FellowVerdict&) const = default;
};
std::vector<FellowVerdict> judge_fellows(const std::vector<model::Member>& members, const std::string& me);

class Fellows {
 public:
  struct Parts {
    pipeline::Pipeline* pipeline = nullptr;
    std::string name, address, version;
  };
  explicit Fellows(Parts parts);
  ~Fellows() { stop(); }

  /// Nothing where the store is not shared.
  void start();
  /// Nobody misses this agent from here on.
  void stop();

 private:
  base::Duration round();
  void judge(const std::vector<model::Member>& members);
  void tell(const std::string& name, bool down);
  void end_of_strangers(const std::set<std::string>& names);

  const Parts parts_;
  storage::SharedStore* const shared_;
  // Of the duty's thread.
  std::map<std::string, bool> told_;                    ///< what detection was told last
  std::chrono::steady_clock::time_point good_since_{};  ///< the store has answered every round since
  bool good_ = false, looked_back_ = false;
  Duty duty_;
};

}  // namespace tocsin::app
