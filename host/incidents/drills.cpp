// Fire drills: an incident that nothing is behind, told on a real route to real people. Its messages say DRILL, no
// tracker hears of it unless asked to, and it ends by itself.
#include <algorithm>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::Route;

void collect(const Route& route, std::vector<const Route*>& out) {
  out.push_back(&route);
  for (const Route& child : route.routes) collect(child, out);
}

std::string quoted_name(const std::string& text) {
  return "\"" + text + "\"";
}

/// By name or path; an error names the nearest.
base::Result<const Route*> route_called(const model::Routing& routing, const std::string& name) {
  if (!routing.root) return base::fail(Fault::conflict, "no [route] is configured: there is nothing to drill");
  std::vector<const Route*> all;
  collect(*routing.root, all);
  std::vector<std::string> names;
  for (const Route* route : all) {
    if (route->path == name || route->name == name) return route;
    if (!route->name.empty()) names.push_back(route->name);
  }
  return base::fail(Fault::not_found, "there is no route " + quoted_name(name) + did_you_mean(name, names) +
                                          "; the routes are " + joined(names));
}

model::Incident incident_of(const Drill& wanted, const Route& route, base::Time now) {
  const std::string name = route.name.empty() ? route.path : route.name;
  model::Incident incident;
  incident.correlation_id = base::uuid_v7(now);
  incident.title = "DRILL: fire drill of route " + name;
  incident.description = "DRILL, started by " + somebody(wanted.by) +
                         ": nothing is broken. Acknowledge it as you would a real alert; it ends by itself at " +
                         base::format_rfc3339(std::chrono::floor<std::chrono::seconds>(now + wanted.lasts));
  incident.suggestion = "DRILL: acknowledge it, nothing else is to be done";
  incident.severity = wanted.severity;
  incident.labels = model::Labels{{"alertname", "FireDrill"}, {"drill", "true"}, {"route", name}};
  incident.tags = {"drill"};
  incident.route = route.path;
  incident.detected_at = incident.created_at = incident.updated_at = now;
  incident.group_key = "drill/" + incident.correlation_id + ":" + severity_text(wanted.severity);
  return incident;
}

}  // namespace

void Desk::Impl::arm_drill(Case& c, base::Time at) {
  const std::string key = "x" + c.incident.correlation_id;
  due_.erase({c.climb.drill_due, key});
  c.climb.drill_due = at;
  if (at != base::no_time) due_.insert({at, key});
}

void Desk::Impl::end_drill(Case& c, base::Time at) {
  arm_drill(c, base::no_time);
  if (!c.live()) return;
  const model::Incident& incident = c.incident;
  const bool answered = incident.acknowledged_at != base::no_time;
  const auto lasted = [&](base::Time until) {
    return base::format_duration(std::chrono::floor<std::chrono::seconds>(until - incident.created_at));
  };
  const std::string text = answered ? "the drill is over: acknowledged by " + somebody(incident.acknowledged_by) +
                                          " after " + lasted(incident.acknowledged_at)
                                    : "the drill is over: nobody acknowledged it within " + lasted(at);
  end(c, model::IncidentStatus::resolved, "tocsin", text, at);
}

/// `"ivr:contact.first" leads to nobody: …`; empty: it leads to somebody.
std::string Desk::Impl::nobody_behind(const std::string& target, base::Time now) const {
  const Found found = people_of(target, now);
  if (!found.recipients.empty()) return {};
  return quoted_name(target) + " leads to nobody" + (found.problems.empty() ? "" : ": " + joined(found.problems, "; "));
}

/// Whom the route tells of this severity: by `notify`, and by all steps of its ladder.
std::vector<std::string> Desk::Impl::drill_targets(const Node& node, model::Severity severity) const {
  std::vector<std::string> targets = node.route->notify;
  for (const auto& step : ladder_policy(routing_, {&node}, severity).steps)
    targets.insert(targets.end(), step.notify.begin(), step.notify.end());
  return targets;
}

/// The route it is held on, where it can be held.
base::Result<const Node*> Desk::Impl::drilled(const Drill& wanted, base::Time now) const {
  if (wanted.severity == model::Severity::none)
    return base::fail(Fault::invalid, "a drill needs a severity: CRITICAL, HIGH, MEDIUM or LOW");
  if (wanted.lasts < shortest_drill || wanted.lasts > longest_drill)
    return base::fail(Fault::invalid, "a drill waits between 1s and 24h, not " + base::format_duration(wanted.lasts));
  TRY(const Route* route, route_called(routing_, wanted.route));
  const std::string where = "route " + quoted_name(wanted.route);
  if (routing_.shadow || route->shadow)
    return base::fail(Fault::conflict, where + " is in shadow mode, so nothing would leave; end the shadow first");
  if (const auto pause = paused(wanted.severity, now))
    return base::fail(Fault::conflict, "notifications are " + text_of(*pause) + "; `tocsin notify resume` ends that");
  const Node* node = tree_->find(route->path);
  for (const std::string& target : wanted.to) {
    if (std::string nobody = nobody_behind(target, now); !nobody.empty())
      return base::fail(Fault::invalid, std::move(nobody));
  }
  if (!wanted.to.empty()) return node;
  std::string problems;
  for (const std::string& target : drill_targets(*node, wanted.severity)) {
    const std::string nobody = nobody_behind(target, now);
    if (nobody.empty()) return node;
    problems += "; " + nobody;
  }
  return base::fail(Fault::conflict, where + " tells nobody at " + severity_text(wanted.severity) + problems);
}

base::Result<model::Changes> Desk::drill(const Drill& wanted, base::Time now, std::string* made) {
  TRY(const Node* node, impl_->drilled(wanted, now));
  const Route& route = *node->route;
  model::Incident incident = incident_of(wanted, route, now);
  const std::string id = incident.correlation_id;
  Case& c = impl_->cases_[id];
  c.base = make_group_key(route.path, "drill/" + id, false);
  c.incident = std::move(incident);
  c.climb.drill = {now + wanted.lasts, wanted.tickets};
  impl_->arm_drill(c, c.climb.drill.until);
  impl_->index(c);
  impl_->touch(c);
  impl_->touch_climb(c);
  impl_->log(c, now, wanted.by, "opened", "", severity_text(wanted.severity), c.incident.title);
  Impl::Telling telling;
  telling.reason = "fire drill";
  telling.cause = "drill:" + std::to_string(base::to_ns(now));
  telling.at_once = true;
  telling.follows = true;
  impl_->tell(c, wanted.to.empty() ? route.notify : wanted.to, telling, now);
  if (wanted.to.empty()) impl_->start_climb(c, {node}, now, now);
  impl_->sync_tickets(c, TicketChange::opened, "", "", now);
  if (made) *made = id;
  return impl_->finish(now);
}

std::optional<base::Time> Desk::drill_end(const std::string& id) const {
  const Case* c = impl_->find(id);
  if (!c || c->climb.drill.until == base::no_time) return std::nullopt;
  return c->climb.drill.until;
}

}  // namespace tocsin::incidents
