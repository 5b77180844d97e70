// Alerts of the agent's own: about its sources, plugins, path and fellows, not about signals. They live like those of
// rules, so that they open incidents, are told once per cooldown and go on after a restart.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detection/life_cycle.hpp"
#include "detection/shard.hpp"

namespace tocsin::detection {

/// What stands in for the rule of such an alert.
const model::Rule& own_rule(OwnAlert what);

/// Those that one shard owns, but for SourceDown, which belongs to the source's state.
class OwnAlerts {
 public:
  explicit OwnAlerts(const ShardSettings& settings) : settings_(settings) {}
  void judge(OwnAlert what, const model::Labels& group, bool firing, std::string_view message, base::Time now,
             std::vector<model::Alert>& out);
  /// False: it is none of these, whoever owns it.
  bool restore(const model::Alert& alert);
  void active(std::vector<model::Alert>& out) const;

 private:
  struct Kept {
    Life life;
    std::int64_t judged_at = long_ago;
  };
  const ShardSettings& settings_;
  std::map<std::pair<OwnAlert, std::string>, Kept> kept_;  ///< by what and the labels' text
};

}  // namespace tocsin::detection
