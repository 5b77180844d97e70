// The ladders of a configuration as a person reads them: who is told how long after the beginning, if nobody answers.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

struct PlannedTelling {
  base::Duration after{};        ///< the incident opened
  std::string step;              ///< "ladder step 1", "ladder step 1, by preference", "ladder exhausted"
  std::string target;            ///< as written
  std::vector<std::string> who;  ///< names; of a rotation all it may name
  std::string by;                ///< instance; empty: several
};

struct LadderPlan {
  std::string name;  ///< of the policy, or "tier HIGH"
  int repeat = 0;    ///< what follows is of the first round
  base::Duration round{};
  std::vector<PlannedTelling> tellings;  ///< by time
};

/// Of every policy, and of the tiers where a route uses them.
std::vector<LadderPlan> plan_ladders(const model::Routing& routing);

}  // namespace tocsin::incidents
