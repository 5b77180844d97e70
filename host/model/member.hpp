// An agent among those that share a store.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace tocsin::model {

struct Member {
  std::string name, address, version;
  base::Time last_seen{};
  base::Duration silent_for{};  ///< since last_seen, by the store's clock
  std::string told_by;          ///< the agent that raised AgentDown for it; empty: nobody
};

}  // namespace tocsin::model
