// Where readings of one poll go: a signal's name, its value and its labels besides `host`.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using Sink = std::function<void(std::string_view name, double value, const std::vector<tsn::LabelView>& labels)>;

/// Differences of counters that may start anew (a replaced disk, a reloaded module, a control group made again).
inline double gained(std::uint64_t now, std::uint64_t before) {
  return now >= before ? static_cast<double>(now - before) : 0;
}

}  // namespace tocsin_plugins
