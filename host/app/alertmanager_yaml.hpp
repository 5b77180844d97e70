// A routing as an alertmanager.yml: what amtool and dashboards want to read of an agent that has agent.toml.
#pragma once

#include <string>

#include "model/routing.hpp"

namespace tocsin::app {

/// Routes, their matchers and timers, names of receivers and inhibition rules. What has no place in Alertmanager's file
/// (ladders, time intervals of holidays, names it does not allow) is left out and named in a comment. No secrets: what
/// a receiver is made of is not told.
std::string alertmanager_yaml(const model::Routing& routing);

}  // namespace tocsin::app
