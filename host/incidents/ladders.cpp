// Escalation: step 0 at once, each wait runs to the next step, a step that can reach nobody passes on at once.
#include <algorithm>
#include <iterator>
#include <utility>

#include "incidents/decisions.hpp"
#include "incidents/reasons.hpp"

namespace tocsin::incidents {
namespace {

// Between two rounds of a ladder whose waits are zero.
constexpr base::Duration least_round = std::chrono::minutes(1);

// What is held back without a known end (inhibition) is looked at when that changes, and after this in any case.
constexpr base::Duration longest_hold = std::chrono::hours(1);

bool has_hours(const Node* node) {
  return !node->route->active_time_intervals.empty() || !node->route->mute_time_intervals.empty();
}

bool rounds_left(const model::Ladder& row) {
  return row.repeat < 0 || row.round < static_cast<std::uint32_t>(row.repeat);
}

/// It has told everybody it names.
bool spent(const model::Ladder& row) {
  return row.next_step >= row.steps.size() && !rounds_left(row) && row.on_exhausted.empty();
}

/// Whether the ladder is from the node's route.
bool from_route(const Climb& climb, const Node& node) {
  return std::ranges::find(climb.routes, node.route->path) != climb.routes.end();
}

}  // namespace

void Desk::Impl::schedule(Case& c, base::Time at) {
  const std::string key = "c" + c.incident.correlation_id;
  due_.erase({c.climb.due(), key});
  held_climbs_.erase(c.incident.correlation_id);
  c.climb.look_at = base::no_time;
  c.climb.row.next_at = at;
  if (at != base::no_time) due_.insert({at, key});
  touch_climb(c);
}

/// Of an incident's routes, those with a ladder.
Nodes Desk::Impl::ladder_nodes(const Nodes& nodes, model::Severity severity) const {
  Nodes out;
  std::ranges::copy_if(nodes, std::back_inserter(out),
                       [&](const Node* node) { return !ladder_policy(routing_, {node}, severity).steps.empty(); });
  return out;
}

/// Those whose hours allow it.
Nodes Desk::Impl::open_nodes(const Nodes& nodes, base::Time at) const {
  Nodes out;
  std::ranges::copy_if(nodes, std::back_inserter(out),
                       [&](const Node* node) { return !holds_->hours(*node->route, at); });
  return out;
}

/// The ladder of the routes that are open, or of all of them while none is: then it waits. `routes` gets the paths it
/// is from, where hours had a say.
model::Policy Desk::Impl::ladder_now(const Nodes& nodes, model::Severity severity, base::Time at,
                                     std::vector<std::string>* routes) const {
  if (!std::ranges::any_of(nodes, has_hours)) return ladder_policy(routing_, nodes, severity);
  const Nodes with_ladder = ladder_nodes(nodes, severity);
  const Nodes open = open_nodes(with_ladder, at);
  const Nodes& chosen = open.empty() ? with_ladder : open;
  if (routes) {
    for (const Node* node : chosen) routes->push_back(node->route->path);
  }
  return ladder_policy(routing_, chosen, severity);
}

void Desk::Impl::start_climb(Case& c, const Nodes& nodes, base::Time from, base::Time now) {
  std::vector<std::string> routes;
  model::Policy policy = ladder_now(nodes, c.incident.severity, std::max(from, now), &routes);
  if (policy.steps.empty()) return verdict_no_ladder(c, nodes, now);
  stop_climb(c);
  model::Ladder row;
  row.correlation_id = c.incident.correlation_id;
  for (model::PolicyStep& step : policy.steps) {
    row.steps.push_back(std::move(step.notify));
    row.waits.push_back(step.escalate_after);
  }
  row.repeat = policy.repeat;
  row.on_exhausted = std::move(policy.on_exhausted);
  c.climb.row = std::move(row);
  c.climb.routes = std::move(routes);
  c.climb.exists = true;
  c.climb.hopes.clear();
  from = std::max(from, c.incident.snoozed_until);
  if (from <= now) return take_steps(c, now);
  schedule(c, from);
  if (c.incident.snoozed_until == from) return;
  Said said{model::VerdictKind::cooldown};
  said.until = from;
  said.text = "a re-fire within the rule's cooldown: the ladder begins when it is over";
  verdict(c, std::move(said), now);
}

void Desk::Impl::stop_climb(Case& c) {
  if (!c.climb.running()) return;
  schedule(c, base::no_time);
  c.climb.hopes.clear();
}

/// What holds the step back that is due then, of each alert that fires on each route the ladder is from; nothing: it
/// is taken.
std::vector<StepHold> Desk::Impl::step_holds(const Case& c, const Nodes& all, base::Time at) const {
  Nodes nodes;
  std::ranges::copy_if(all, std::back_inserter(nodes),
                       [&](const Node* node) { return c.climb.routes.empty() || from_route(c.climb, *node); });
  std::vector<StepHold> holds;
  for (const Node* node : nodes.empty() ? all : nodes) {
    const std::optional<Held> hours = holds_->hours(*node->route, at);
    for (const auto& [fingerprint, alert] : c.members) {
      if (alert.state != model::AlertState::firing) continue;
      std::optional<Held> held = holds_->of(alert, hours, at);
      if (!held) held = damped(c, *node, alert, at);
      if (!held) return {};
      holds.push_back({node, &alert, std::move(*held)});
    }
  }
  return holds;
}

/// When the first of them ends; no_time: nobody knows.
base::Time first_end(const std::vector<StepHold>& holds, base::Time at) {
  base::Time until{};
  for (const StepHold& hold : holds) {
    if (hold.held.until > at) until = until == base::no_time ? hold.held.until : std::min(until, hold.held.until);
  }
  return until;
}

/// Holds the step that is due back while every alert that fires is held on every route the ladder is from. The chain
/// stays as it is; the step is taken when the hold ends, and its wait begins then.
bool Desk::Impl::hold_step(Case& c, base::Time at) {
  const Nodes all = nodes_of(c);
  if (hand_over(c, all, at)) return true;
  if (spent(c.climb.row)) return false;
  const std::vector<StepHold> holds = step_holds(c, all, at);
  if (holds.empty()) return c.climb.held.clear(), false;
  std::string news;
  for (const StepHold& hold : holds) {
    if (hold.node != holds.front().node) break;
    if (note_hold(c, *hold.node, *hold.alert, hold.held, at) && news.empty()) news = text_of(hold.held);
  }
  if (!news.empty()) {
    log(c, at, "tocsin", "escalated", "", "", "step " + std::to_string(c.climb.row.next_step + 1) + " waits: " + news);
  }
  schedule(c, at);
  const base::Time until = first_end(holds, at);
  look_again_at(c, until == base::no_time ? at + longest_hold : until);
  return true;
}

/// Whether the node's ladder leads to somebody who has not been told.
bool Desk::Impl::leads_further(const Case& c, const Node& node, base::Time at) const {
  const auto untold = [&](const Recipient& recipient) {
    return std::ranges::find(c.climb.told, recipient.exact) == c.climb.told.end();
  };
  for (const model::PolicyStep& step : ladder_policy(routing_, {&node}, c.incident.severity).steps) {
    for (const std::string& target : step.notify) {
      if (std::ranges::any_of(people_of(target, at).recipients, untold)) return true;
    }
  }
  return false;
}

/// Day and night as two routes: a ladder that waited for hours is that of the routes which open first; when the hours
/// of all routes it is from are over and another of the incident's routes is open, that one's ladder begins. One that
/// is at its end hands over only to people who have not been told: those who have been are not paged at each change.
bool Desk::Impl::hands_over(const Case& c, const Nodes& nodes, base::Time at) const {
  if (c.climb.routes.empty()) return false;
  const auto ours = [&](const Node* node) { return from_route(c.climb, *node); };
  const Nodes open = open_nodes(ladder_nodes(nodes, c.incident.severity), at);
  if (open.empty()) return false;
  const model::Ladder& row = c.climb.row;
  if (row.next_step == 0 && row.round == 0)
    return open.size() != c.climb.routes.size() || !std::ranges::all_of(open, ours);
  if (std::ranges::any_of(open, ours) || std::ranges::none_of(nodes, ours)) return false;
  return !spent(row) || std::ranges::any_of(open, [&](const Node* node) { return leads_further(c, *node, at); });
}

bool Desk::Impl::hand_over(Case& c, const Nodes& nodes, base::Time at) {
  if (!hands_over(c, nodes, at)) return false;
  if (c.climb.row.next_step > 0 || c.climb.row.round > 0) {
    const Nodes open = open_nodes(ladder_nodes(nodes, c.incident.severity), at);
    log(c, at, "tocsin", "escalated", "", "",
        "the hours of " + joined(c.climb.routes) + " are over: the ladder of " + open.front()->route->path + " begins");
  }
  start_climb(c, nodes, at, at);
  return true;
}

/// Of a ladder that is at its end: when the hours of its routes change next, if another one would lead further then.
base::Time Desk::Impl::next_hours(const Case& c, base::Time at) const {
  base::Time next{};
  if (c.climb.routes.empty()) return next;
  bool further = false;
  for (const Node* node : ladder_nodes(nodes_of(c), c.incident.severity)) {
    const base::Time change = holds_->hours_change(*node->route, at);
    const base::Time then = change == base::no_time ? at : change;
    further = further || (!from_route(c.climb, *node) && leads_further(c, *node, then));
    if (change != base::no_time) next = next == base::no_time ? change : std::min(next, change);
  }
  return further ? next : base::no_time;
}

/// The step that is due stays due and is looked at again then.
void Desk::Impl::look_again_at(Case& c, base::Time then) {
  const std::string& id = c.incident.correlation_id;
  due_.erase({c.climb.due(), "c" + id});
  c.climb.look_at = then;
  due_.insert({then, "c" + id});
  held_climbs_.insert(id);
}

void Desk::Impl::take_steps(Case& c, base::Time at, const std::string& actor) {
  if (actor == "tocsin" && hold_step(c, at)) return;
  model::Ladder& row = c.climb.row;
  for (;;) {
    if (row.next_step >= row.steps.size()) {
      if (!rounds_left(row)) return exhaust(c, at, actor);
      ++row.round;
      row.next_step = 0;
    }
    const std::uint32_t step = row.next_step++;
    Telling telling;
    telling.reason = std::string(ladder_step) + std::to_string(step + 1) +
                     (row.round > 0 ? ", round " + std::to_string(row.round + 1) : "");
    telling.cause =
        "s" + std::to_string(row.round) + "." + std::to_string(step) + ":" + std::to_string(base::to_ns(at));
    telling.first_step = step == 0 && row.round == 0;
    telling.at_once = actor != "tocsin";
    c.climb.hopes = tell(c, row.steps[step], telling, at);
    c.climb.reached = false;
    const bool silent = c.climb.hopes.empty();
    if (silent) verdict_step_to_nobody(c, row.steps[step], telling.reason, at);
    const bool forced = actor != "tocsin";
    if (step > 0 || row.round > 0 || silent || forced) {
      const std::uint32_t before = step > 0 ? step : row.round > 0 ? static_cast<std::uint32_t>(row.steps.size()) : 0;
      log(c, at, actor, "escalated", before == 0 ? "" : "step " + std::to_string(before), joined(row.steps[step]),
          telling.reason + (forced ? ", by hand" : "") + (silent ? ": leads to nobody, passed on" : ""));
    }
    const bool last = row.next_step >= row.steps.size();
    // Only the last step waits for the next round; a ladder that reaches nobody must not turn in circles.
    base::Duration wait = row.waits[step];
    if (last && rounds_left(row))
      wait = std::max(wait, least_round);
    else if (silent)
      wait = base::Duration::zero();
    if (wait > base::Duration::zero()) return schedule(c, at + wait);
  }
}

void Desk::Impl::exhaust(Case& c, base::Time at, const std::string& actor) {
  const std::vector<std::string> targets = std::exchange(c.climb.row.on_exhausted, {});
  if (!targets.empty()) {
    Telling telling;
    telling.reason = "ladder exhausted";
    telling.cause = "x:" + std::to_string(base::to_ns(at));
    log(c, at, actor, "escalated", "", joined(targets), "the ladder is exhausted and nobody has acknowledged");
    tell(c, targets, telling, at);
  }
  schedule(c, next_hours(c, at));
}

/// After an acknowledgement that expired: who was told was reminded, and has the last step's time again. A ladder that
/// was at its end begins anew.
void Desk::Impl::resume_climb(Case& c, base::Time at) {
  if (!c.climb.exists) return;
  const model::Ladder& row = c.climb.row;
  const base::Duration wait = row.next_step > 0 ? row.waits[row.next_step - 1] : base::Duration::zero();
  if (row.next_step < row.steps.size() || rounds_left(row)) return schedule(c, at + wait);
  start_climb(c, nodes_of(c), at + std::max(wait, least_round), at);
}

base::Result<void> Desk::Impl::force_step(Case& c, const std::string& actor, base::Time now) {
  const model::Ladder& row = c.climb.row;
  const auto refuse = [&](const std::string& why) {
    return base::fail(base::Fault::conflict, name_of(c.incident) + " " + why +
                                                 "; page somebody instead: `tocsin incident page " +
                                                 std::to_string(c.incident.number) + " --to TARGET`");
  };
  if (!c.climb.exists || row.steps.empty()) return refuse("has no ladder");
  if (spent(row)) return refuse("has climbed its ladder to the end");
  const bool open = c.incident.status == model::IncidentStatus::open;
  wake(c, actor, "escalated by hand", now);
  stop_climb(c);
  take_steps(c, now, actor);
  if (!open) stop_climb(c);
  return {};
}

void Desk::Impl::ladder_delivery_ended(Case& c, const model::Delivery& delivery, base::Time now) {
  Climb& climb = c.climb;
  if (!climb.hopes.contains(delivery.key)) return;
  if (delivery.state != model::DeliveryState::dead) {
    climb.reached = true;
    return;
  }
  climb.hopes.erase(delivery.key);
  if (climb.hopes.empty() && !climb.reached) pass_on(c, "could be sent", now);
}

/// What was sent stays among the hopes: with the last of them gone the step reached nobody after all.
void Desk::Impl::ladder_message_lost(Case& c, const std::string& key, base::Time now) {
  Climb& climb = c.climb;
  if (climb.hopes.erase(key) == 0 || !climb.hopes.empty()) return;
  climb.reached = false;
  pass_on(c, "arrived", now);
}

void Desk::Impl::pass_on(Case& c, const std::string& what, base::Time now) {
  if (!c.climb.running()) return;
  const model::Ladder& row = c.climb.row;
  const bool last = row.next_step >= row.steps.size();
  if (spent(row) || (last && rounds_left(row))) return;
  if (c.incident.snoozed_until != base::no_time) return schedule(c, c.incident.snoozed_until);
  log(c, now, "tocsin", "escalated", "", "",
      "no message of step " + std::to_string(row.next_step) + " " + what + ": passed on");
  take_steps(c, now);
}

}  // namespace tocsin::incidents
