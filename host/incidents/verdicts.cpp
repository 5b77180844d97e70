// Why somebody was or was not told, said where it is decided. One row for each decision about one target, whatever the
// number of alerts it took together, and none where nothing has changed since the last one
// (docs/decisions/2026-11-26-verdicts.md).
#include <algorithm>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;
using model::Labels;
using model::Verdict;
using model::VerdictKind;

constexpr const char* nobody_named =
    "its route names nobody, and no notifier of the severity's tier has somebody to tell";

void name_alerts(Verdict& v, const About& about) {
  v.alerts = static_cast<std::uint32_t>(about.size());
  if (about.empty()) return;
  v.rule = about.front()->rule;
  v.labels = about.front()->labels;
  if (about.size() == 1) {
    v.fingerprint = about.front()->fingerprint;
    v.alert_id = about.front()->id;
    return;
  }
  std::vector<Labels::Pair> shared(v.labels.begin(), v.labels.end());
  v.fingerprints.reserve(about.size());
  for (const Alert* alert : about) {
    v.fingerprints.push_back(alert->fingerprint);
    if (alert->rule != v.rule) v.rule.clear();
    std::erase_if(shared, [&](const auto& pair) { return alert->labels.get(pair.first) != pair.second; });
  }
  std::ranges::sort(v.fingerprints);
  v.labels = Labels(std::move(shared));
}

std::uint64_t content_of(const About& about, const Said& said) {
  base::Fnv1a hash;
  hash.add(said.by).add(said.text).add(std::to_string(base::to_ns(said.until)));
  for (const Alert* alert : about) hash.add(alert->id);
  return hash.value();
}

About firing_of(const std::map<std::uint64_t, Alert>& members) {
  About out;
  for (const auto& [fingerprint, alert] : members) {
    if (alert.state == AlertState::firing) out.push_back(&alert);
  }
  return out;
}

About all_of(const std::vector<Alert>& alerts) {
  About out;
  for (const Alert& alert : alerts) out.push_back(&alert);
  return out;
}

}  // namespace

Verdict verdict_of(const model::Delivery& delivery, VerdictKind kind, std::string text, base::Time at) {
  Verdict v;
  v.at = at;
  v.kind = kind;
  v.target = delivery.target;
  v.who = delivery.recipient;
  v.text = std::move(text);
  v.delivery_key = delivery.key;
  name_alerts(v, all_of(delivery.alerts));
  v.correlation_id = delivery.correlation_id;
  v.route = delivery.incident.route.empty() ? delivery.receiver : delivery.incident.route;
  v.group_key = delivery.group_key;
  if (delivery.alerts.empty()) v.labels = delivery.incident.labels;
  return v;
}

Verdict& Desk::Impl::say(const About& about, Said said, base::Time at) {
  Verdict& v = out_.verdicts.emplace_back();
  v.at = at;
  v.kind = said.kind;
  v.target = std::move(said.target);
  v.who = std::move(said.who);
  v.by = std::move(said.by);
  v.until = said.until;
  v.text = std::move(said.text);
  v.delivery_key = std::move(said.key);
  name_alerts(v, about);
  return v;
}

void Desk::Impl::verdict(const Group& group, const About& about, Said said, base::Time at) {
  Verdict& v = say(about, std::move(said), at);
  v.route = group.path;
  v.group_key = group.group_key;
  if (about.empty()) v.labels = group.labels;
  for (const Alert* alert : about) {
    if (auto held = by_fingerprint_.find(alert->fingerprint); held != by_fingerprint_.end()) {
      v.correlation_id = held->second;
      return;
    }
  }
}

void Desk::Impl::verdict_of_target(Group& group, const About& about, Said said, base::Time at) {
  auto& last = group.records[said.target].said;
  const std::uint64_t content = content_of(about, said);
  auto same = std::ranges::find(last, said.kind, [](const auto& entry) { return entry.first; });
  if (same != last.end() && same->second == content) return;
  if (same != last.end())
    same->second = content;
  else
    last.emplace_back(said.kind, content);
  verdict(group, about, std::move(said), at);
}

void Desk::Impl::verdict(const Case& c, Said said, base::Time at) {
  About about = firing_of(c.members);
  if (about.empty()) {
    for (const auto& [fingerprint, alert] : c.members) about.push_back(&alert);
  }
  verdict(c, about, std::move(said), at);
}

void Desk::Impl::verdict(const Case& c, const About& about, Said said, base::Time at) {
  Verdict& v = say(about, std::move(said), at);
  const model::Incident& incident = c.incident;
  v.route = incident.route;
  v.group_key = incident.group_key.substr(0, incident.group_key.rfind(':'));
  v.correlation_id = incident.correlation_id;
  if (about.empty()) v.labels = incident.labels;
}

/// A delivery was given up.
void Desk::Impl::verdict_failed(const model::Delivery& delivery, base::Time now) {
  if (delivery.tracker || delivery.kind == model::MessageKind::test) return;
  out_.verdicts.push_back(verdict_of(delivery, VerdictKind::failed, delivery.last_error, now));
}

// --- groups ----------------------------------------------------------------------------------------------------------

/// A new alert waits for its group's next flush: said once for each flush, of the first that waits for it.
void Desk::Impl::verdict_waits(Group& group, const Node& node, const Alert& alert, base::Time now) {
  if (alert.state != AlertState::firing || group.next_flush <= now || group.wait_said == group.next_flush) return;
  if (node.route->notify.empty() && in_case(alert)) return;
  group.wait_said = group.next_flush;
  const bool first = group.last_flush == base::no_time;
  Said said{first ? VerdictKind::group_wait : VerdictKind::group_interval};
  said.until = group.next_flush;
  said.text = (first ? "group_wait " : "group_interval ") +
              base::format_duration(first ? node.route->group_wait : node.route->group_interval);
  verdict(group, {&alert}, std::move(said), now);
}

/// Nothing is to be told at this flush: because it was told already, or because it was over before the flush.
void Desk::Impl::verdict_quiet(Group& group, const Node& node, const std::string& target,
                               const std::vector<Alert>& alerts, base::Time at) {
  Record& record = group.records[target];
  About told, missed;
  for (const Alert& alert : alerts) {
    const bool known = record.firing.contains(alert.fingerprint) || record.resolved.contains(alert.fingerprint);
    if (alert.state == AlertState::firing)
      told.push_back(&alert);
    else if (!known && !group.passed.contains(alert.fingerprint))
      missed.push_back(&alert);
  }
  if (!missed.empty()) {
    Said said{group.last_flush == base::no_time ? VerdictKind::group_wait : VerdictKind::group_interval, target};
    said.text = "resolved before the flush that would have told it";
    verdict_of_target(group, missed, std::move(said), at);
  }
  if (told.empty() || record.quiet_said == record.notified) return;
  record.quiet_said = record.notified;
  Said said{VerdictKind::repeat_interval, target};
  said.until = record.notified + node.route->repeat_interval;
  said.text = "told already, nothing new; repeat_interval " + base::format_duration(node.route->repeat_interval);
  verdict(group, told, std::move(said), at);
}

void Desk::Impl::verdict_cooling(Group& group, const std::string& target, const About& cooling, base::Time at) {
  if (cooling.empty()) return;
  Said said{VerdictKind::cooldown, target};
  said.until = (*std::ranges::min_element(cooling, {}, &Alert::cooldown_until))->cooldown_until;
  said.text = "a re-fire within the rule's cooldown continues the alert without a new message";
  verdict_of_target(group, cooling, std::move(said), at);
}

void Desk::Impl::verdict_in_flight(Group& group, const std::string& target, const std::vector<Alert>& alerts,
                                   base::Time at) {
  About fresh;
  const Record& record = group.records[target];
  for (const Alert& alert : alerts) {
    if (alert.state == AlertState::firing && !record.firing.contains(alert.fingerprint)) fresh.push_back(&alert);
  }
  if (fresh.empty()) return;
  Said said{VerdictKind::in_flight, target};
  said.text = "the message before is still on its way; compared when it has ended";
  verdict(group, fresh, std::move(said), at);
}

void Desk::Impl::verdict_told(Group& group, const model::Delivery& delivery, base::Time at) {
  const auto firing = std::ranges::count(delivery.alerts, AlertState::firing, &Alert::state);
  const auto resolved = static_cast<std::ptrdiff_t>(delivery.alerts.size()) - firing;
  Said said{delivery.shadow ? VerdictKind::shadow : VerdictKind::told, delivery.target, delivery.recipient};
  said.text = "group flush: " + std::to_string(firing) + " firing";
  if (resolved > 0) said.text += ", " + std::to_string(resolved) + " resolved";
  said.key = delivery.key;
  group.records[delivery.target].said.clear();
  verdict(group, all_of(delivery.alerts), std::move(said), at);
}

void Desk::Impl::verdict_nobody(Group& group, const std::string& target, const std::vector<Alert>& alerts,
                                base::Time at) {
  Said said{VerdictKind::no_receiver, target};
  said.text = "the target leads to nobody" + problems_of({target}, at);
  verdict_of_target(group, all_of(alerts), std::move(said), at);
}

/// A group below open_after whose route names nobody.
void Desk::Impl::verdict_no_target(const Group& group, base::Time at) {
  Said said{VerdictKind::no_receiver};
  said.text = nobody_named;
  verdict(group, firing_of(group.members), std::move(said), at);
}

// --- incidents -------------------------------------------------------------------------------------------------------

void Desk::Impl::verdict_told(const Case& c, const model::Delivery& delivery, base::Time again_from, base::Time at) {
  const bool suppressed = delivery.state == model::DeliveryState::suppressed;
  Said said{VerdictKind::told, delivery.target, delivery.recipient};
  if (delivery.shadow) said.kind = VerdictKind::shadow;
  if (suppressed) said.kind = VerdictKind::deduplicated;
  said.text = suppressed ? delivery.reason + ": " + delivery.last_error : delivery.reason;
  said.until = again_from;
  said.key = delivery.key;
  verdict(c, std::move(said), at);
}

/// No ladder begins, and no group tells either.
void Desk::Impl::verdict_no_ladder(const Case& c, const Nodes& nodes, base::Time now) {
  const bool by_group =
      std::ranges::any_of(nodes, [](const Node* node) { return node->tells && !node->route->notify.empty(); });
  if (by_group) return;
  const bool routed = std::ranges::any_of(nodes, &Node::tells);
  Said said{VerdictKind::no_receiver};
  said.text = routed ? nobody_named : "no [route] is configured";
  verdict(c, std::move(said), now);
}

void Desk::Impl::verdict_step_to_nobody(const Case& c, const std::vector<std::string>& targets, const std::string& step,
                                        base::Time at) {
  Said said{VerdictKind::no_receiver};
  for (const std::string& target : targets) said.target += (said.target.empty() ? "" : ", ") + target;
  said.text = step + " leads to nobody, passed on" + problems_of(targets, at);
  verdict(c, std::move(said), at);
}

/// Somebody took the incident: what the ladder would have done next.
void Desk::Impl::verdict_acknowledged(const Case& c, const std::string& actor, std::string text, base::Time now) {
  if (c.climb.running() && c.climb.row.next_step < c.climb.row.steps.size())
    text += "; ladder step " + std::to_string(c.climb.row.next_step + 1) + " was due at " +
            base::format_rfc3339(c.climb.row.next_at);
  Said said{VerdictKind::acknowledged};
  said.by = actor;
  said.text = std::move(text);
  verdict(c, std::move(said), now);
}

void Desk::Impl::verdict_below_open_after(const Alert& alert, const Node& node, std::size_t together, base::Time now) {
  const model::OpenAfter& after = node.route->open_after;
  Said said{VerdictKind::below_open_after};
  said.text = std::to_string(together) + " of " + std::to_string(after.alerts) + " alerts";
  if (after.within > base::Duration::zero()) said.text += " within " + base::format_duration(after.within);
  Verdict& v = say({&alert}, std::move(said), now);
  v.route = node.route->path;
  v.group_key = group_key(node, group_labels(*node.route, alert.labels));
}

/// Alerts that joined an incident in this call: its ladder tells of the incident, not of each alert.
void Desk::Impl::verdicts_of_joined(base::Time now) {
  for (const auto& [id, fingerprints] : std::exchange(joined_, {})) {
    const auto found = cases_.find(id);
    if (found == cases_.end() || !found->second.climb.exists) continue;
    const Case& c = found->second;
    About loud, quiet;
    for (std::uint64_t fingerprint : fingerprints) {
      const auto member = c.members.find(fingerprint);
      if (member != c.members.end() && member->second.state == AlertState::firing)
        (member->second.silent ? quiet : loud).push_back(&member->second);
    }
    if (!quiet.empty()) {
      Said said{VerdictKind::cooldown};
      said.until = (*std::ranges::min_element(quiet, {}, &Alert::cooldown_until))->cooldown_until;
      said.text = "a re-fire within the rule's cooldown continues the incident without a new message";
      verdict(c, quiet, std::move(said), now);
    }
    if (loud.empty()) continue;
    const bool open = c.incident.status == model::IncidentStatus::open;
    Said said{open ? VerdictKind::repeat_interval : VerdictKind::acknowledged};
    said.until = c.climb.row.next_at;
    said.text = "joined an incident that " + std::string(open ? "was told of already" : "somebody works on");
    verdict(c, loud, std::move(said), now);
  }
}

/// ": there is no contact "x"; …", or nothing.
std::string Desk::Impl::problems_of(const std::vector<std::string>& targets, base::Time at) const {
  std::string out;
  for (const std::string& target : targets) {
    for (const std::string& problem : people_of(target, at).problems) out += (out.empty() ? ": " : "; ") + problem;
  }
  return out;
}

}  // namespace tocsin::incidents
