// Routes, people, ladders, and the sections around them that this version only checks.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/routing.hpp"
#include "settings/agent.hpp"
#include "settings/instances.hpp"

namespace tocsin::settings {

std::span<const base::Option> severity_options();
std::span<const base::Option> route_options();
std::span<const base::Option> contact_options();
std::span<const base::Option> group_options();
std::span<const base::Option> policy_options();

/// [severity] [route] [contact.*] [group.*] [rotation.*] [policy.*] and the sections of later versions, which are
/// checked and named as such in a warning: [time_interval.*] [silence.*]. Channels are left empty. Until rotations are
/// there, `x:rotation.N` tells all of the rotation's members.
model::Routing read_routing(const base::Value& root, const Agent& agent, config::Diagnostics& diagnostics);

/// What needs routing and instances together: a root route once a notifier is configured, targets that lead to nobody.
/// `waiting`: a notifier's plugin is not there yet, so that a target may still come to lead somewhere.
void check_routes(const base::Value& root, const model::Routing& routing, const std::vector<Instance>& instances,
                  config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
