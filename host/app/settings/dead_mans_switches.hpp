// Dead man's switches both ways: [heartbeat.NAME], which somebody else sends, and [watchdog], which the agent sends.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/heartbeat.hpp"

namespace tocsin::settings {

std::span<const base::Option> heartbeat_options();
std::span<const base::Option> watchdog_options();

struct Watchdog {
  std::string url;  ///< secrets resolved: not for logs
  base::Duration every = std::chrono::seconds(60);
  base::Duration timeout = std::chrono::seconds(10);
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers;  ///< likewise
  bool operator==(const Watchdog&) const = default;
};

std::vector<model::Heartbeat> read_heartbeats(const base::Value& root, config::Diagnostics& diagnostics);
/// Nothing where there is no [watchdog].
std::optional<Watchdog> read_watchdog(const base::Value& root, const config::Environment& environment,
                                      config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
