// What a plugin says of itself in its ELF note, and how an instance fares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/option.hpp"
#include "model/usage.hpp"

namespace tocsin::model {

enum PluginKind : std::uint32_t { kind_source = 1, kind_detector = 2, kind_notifier = 4, kind_tracker = 8 };

/// Of source_features: it answers questions.
constexpr std::uint32_t source_queries = 2;
/// What it reads is gone on its other side.
constexpr std::uint32_t source_consumes = 4;

struct SignalDoc {
  std::string name, unit, labels, doc;
};

struct RouteDoc {
  std::string method, path, doc;
};

struct PluginType {
  std::string id, version, doc;
  std::uint32_t kinds = 0;
  std::vector<base::Option> options;
  std::vector<base::Option> rule_options;   ///< detector
  std::vector<base::Option> query_options;  ///< source that answers queries; the first is the question itself
  std::vector<SignalDoc> signals;
  std::vector<RouteDoc> routes;
  std::vector<std::string> needs;
  std::string address_field, extension;
  std::uint32_t source_features = 0, detector_features = 0, notifier_features = 0;
};

struct PluginDescriptor {
  std::uint32_t abi = 0;
  std::string path;
  std::vector<PluginType> types;
};

/// A line of `tocsin plugin list` and of GET /plugins.
struct PluginStatus {
  std::string id, version, kind, instance, path, state, error;  ///< state: starting, running, restarting, quarantined,
                                                                ///< waiting, failed, stopped, available
  Usage usage;                                                  ///< of this instance and those it took over from
  std::uint64_t queue_depth = 0;                                ///< deliveries waiting
  std::uint64_t dropped = 0;                                    ///< deliveries given up
  bool isolated = false;
  std::int64_t pid = 0;                             ///< isolated: of its runner; 0: it is being started again
  std::uint64_t restarts = 0;                       ///< isolated: of its runner
  std::uint64_t upgrades = 0, upgrades_failed = 0;  ///< exchanged while it ran; kept because the successor could not
};

}  // namespace tocsin::model
