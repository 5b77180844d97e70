#include "detection/own_alerts.hpp"

#include <algorithm>
#include <array>

#include "detection/rule_run.hpp"

namespace tocsin::detection {
namespace {

model::Rule rule_of(const char* name, std::vector<std::string> by, const char* message, const char* suggestion) {
  model::Rule out;
  out.name = name;
  out.category = model::Category::infrastructure;
  out.severity = model::Severity::high;
  out.by = std::move(by);
  out.message = message;
  out.suggestion = suggestion;
  return out;
}

}  // namespace

const model::Rule& own_rule(OwnAlert what) {
  static const std::array<model::Rule, 5> rules{
      rule_of("SourceDown", {"source"}, "Source {{source}} is down; rules on its signals have no data",
              "`tocsin plugin list` has its last error"),
      rule_of("PluginCrashed", {"instance", "plugin"}, "Plugin {{plugin}} crashed while {{instance}} ran",
              "`tocsin plugin list` has the signal and the time; exchange the plugin's file for a mended one"),
      rule_of("PluginQuarantined", {"instance", "plugin"}, "{{instance}} (plugin {{plugin}}) hangs and gets no calls",
              "`tocsin reload` begins it anew; `tocsin plugin list` has the call that hangs"),
      rule_of("WatchdogFailing", {}, "The path from detection to delivery is not proven; [watchdog] url gets no pings",
              "Look at `tocsin status`, /readyz and the agent's log: the store, the shards or the outbox stand still"),
      rule_of("AgentDown", {"agent"}, "Agent {{agent}} has not been heard of for 30 s",
              "See whether its machine is up and reaches the database; its incidents go on when it is back"),
  };
  return rules[static_cast<std::size_t>(what)];
}

void OwnAlerts::judge(OwnAlert what, const model::Labels& group, bool firing, std::string_view message, base::Time now,
                      std::vector<model::Alert>& out) {
  const model::Rule& rule = own_rule(what);
  const std::string text = group.text();
  if (!owns(settings_, rule.name, text)) return;
  auto at = kept_.find({what, text});
  if (at == kept_.end()) {
    if (!firing) return;
    at = kept_.try_emplace({what, text}).first;
  }
  Kept& kept = at->second;
  kept.judged_at = std::max(kept.judged_at, base::to_ns(now));
  Judgement judgement;
  judgement.firing = firing;
  judgement.message = message;
  kept.life.judge({rule, group, settings_.cooldown}, kept.judged_at, judgement, [] { return model::Origin{}; }, out);
}

bool OwnAlerts::restore(const model::Alert& alert) {
  for (OwnAlert what :
       {OwnAlert::plugin_crashed, OwnAlert::plugin_quarantined, OwnAlert::watchdog_failing, OwnAlert::agent_down}) {
    if (alert.rule != own_rule(what).name) continue;
    const std::string text = alert.group.text();
    if (owns(settings_, alert.rule, text)) kept_[{what, text}].life.restore(alert);
    return true;
  }
  return false;
}

void OwnAlerts::active(std::vector<model::Alert>& out) const {
  for (const auto& [key, kept] : kept_)
    if (kept.life.active()) out.push_back(kept.life.alert());
}

}  // namespace tocsin::detection
