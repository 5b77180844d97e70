// What plugins use, as metrics.
#pragma once

#include <vector>

#include "model/plugin.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

/// tocsin_plugin_*, with the labels instance and plugin, and function where it is told apart. Of running instances and
/// of those that ran; what is gone from the configuration is gone from here.
std::vector<telemetry::Metrics::Measured> plugin_metrics(const std::vector<model::PluginStatus>& plugins);

}  // namespace tocsin::app
