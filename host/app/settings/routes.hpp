// Routes, people and ladders, and the sections around them.
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

/// [severity] [route] [contact.*] [group.*] [rotation.*] [policy.*] [time_interval.*] [[inhibit_rules]] [silence.*].
/// Channels are left empty. `now` is for the warnings that an interval's dates end soon and that a rotation has not
/// begun; no_time: not asked.
model::Routing read_routing(const base::Value& root, const Agent& agent, config::Diagnostics& diagnostics,
                            base::Time now = base::no_time);

/// What needs routing and instances together: a root route once a notifier is configured, targets that lead to nobody.
/// `waiting`: a notifier's plugin is not there yet, so that a target may still come to lead somewhere.
void check_routes(const base::Value& root, const model::Routing& routing, const std::vector<Instance>& instances,
                  config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
