// Makes each configured instance without starting it: only the plugin knows what its tables and scripts must hold.
#pragma once

#include <vector>

#include "app/configuration.hpp"
#include "app/instance_factory.hpp"
#include "config/document.hpp"
#include "plugin_host/directory.hpp"

namespace tocsin::app {

/// What the plugins of notifiers, trackers and sources refuse, each at its place in the configuration's files. For
/// `tocsin check`: create() opens and starts nothing. Blocks.
config::Diagnostics check_instances(const Configuration& configuration, InstanceFactory& factory,
                                    const std::vector<plugin_host::Found>& found);

/// Moves `finding` to the value in `section` that its message names: option "send.body" at line 7.
void place_at_option(config::Diagnostic& finding, const base::Value& section);

}  // namespace tocsin::app
