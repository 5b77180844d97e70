// Flap damping: the last of the holds before the cooldown. It holds back what is told, never state. M of N holds an
// alert that too few reports said to fire; flap detection holds one that changes too often, which is told once, as is
// its state once it has settled. Reports are kept for each alert on each route that damps, in rows "PATH\nFINGERPRINT".
#include <algorithm>
#include <charconv>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;

std::string key_of(const std::string& path, std::uint64_t fingerprint) {
  return path + "\n" + base::hex16(fingerprint);
}

std::string path_of(const std::string& key) {
  return key.substr(0, key.find('\n'));
}

std::uint64_t fingerprint_of(const std::string& key) {
  const std::string_view hex = std::string_view(key).substr(key.find('\n') + 1);
  std::uint64_t out = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), out, 16);
  return out;
}

std::string percent_text(double percent) {
  return std::to_string(static_cast<int>(percent)) + " %";
}

/// When it has settled or may be forgotten, if nothing changes; no_time: it fires on.
base::Time next_look(const Reports& reports, const model::FlapDamping& damping) {
  if (reports.flapping) return reports.settles(damping.low);
  return reports.firing() ? base::no_time : reports.blank_at();
}

/// The route still damps as it did when the reports were taken.
bool still_damps(const Node* node, const Reports& reports) {
  if (!node || !node->route->flaps.on() || node->route->flaps.every != reports.every()) return false;
  return !reports.flapping || node->route->flaps.high > 0;
}

/// It has no date: every change puts the end off.
Held held_by_flapping() {
  return {model::VerdictKind::flapping, "flap_detection", base::no_time};
}

}  // namespace

/// What is heard of an alert, before it is acted on. True: it begins to flap.
bool Desk::Impl::report(const Alert& alert, const Nodes& nodes, base::Time now) {
  const bool firing = alert.state == AlertState::firing;
  const bool flapped = std::ranges::any_of(nodes, [&](const Node* node) {
    const Reports* reports = reports_of(*node, alert.fingerprint);
    return reports && reports->flapping;
  });
  bool flaps = false;
  for (const Node* node : nodes) {
    const model::FlapDamping& damping = node->route->flaps;
    if (!damping.on()) continue;
    const std::string key = key_of(node->route->path, alert.fingerprint);
    auto found = reports_.find(key);
    if (found == reports_.end() && !firing) continue;
    if (found == reports_.end()) found = reports_.emplace(key, Reports(damping.every, now)).first;
    Reports& reports = found->second;
    if (!reports.learn(firing, now)) continue;
    if (damping.high > 0 && reports.percent() >= damping.high) reports.flapping = true;
    flaps = flaps || reports.flapping;
    keep(key, reports, damping);
  }
  return flaps && !flapped;
}

/// Its row, and when it is looked at: has it settled, may it be forgotten.
void Desk::Impl::keep(const std::string& key, Reports& reports, const model::FlapDamping& damping) {
  model::GroupState row;
  row.key = key;
  row.reports = reports.to_row();
  out_.groups.push_back(std::move(row));
  auto [due, fresh] = reports_due_.try_emplace(key);
  if (!fresh) due_.erase({due->second, "f" + key});
  due->second = next_look(reports, damping);
  if (due->second != base::no_time) due_.insert({due->second, "f" + key});
}

void Desk::Impl::look_at_flaps(const std::string& key, base::Time at) {
  Reports& reports = reports_.at(key);
  const Node* node = tree_->find(path_of(key));
  reports.look(at);
  const bool undamped = !still_damps(node, reports);
  const bool over = reports.flapping && (undamped || reports.percent() < node->route->flaps.low);
  const std::uint64_t fingerprint = fingerprint_of(key);
  if (over) reports.flapping = false;
  if (undamped || reports.blank())
    forget_reports(std::string(key));
  else
    keep(key, reports, node->route->flaps);
  if (over) settled(fingerprint, at);
}

void Desk::Impl::forget_reports(const std::string& key) {
  if (const auto due = reports_due_.find(key); due != reports_due_.end()) {
    due_.erase({due->second, "f" + key});
    reports_due_.erase(due);
  }
  reports_.erase(key);
  model::GroupState row;
  row.key = key;
  row.gone = true;
  out_.groups.push_back(std::move(row));
}

/// At a start. What has settled meanwhile, or is of a route that damps no more, is looked at at once.
void Desk::Impl::learn_reports(const model::GroupState& row, base::Time now) {
  auto reports = Reports::from_row(row.reports);
  if (!reports) return;
  const Node* node = tree_->find(path_of(row.key));
  base::Time due = still_damps(node, *reports) ? next_look(*reports, node->route->flaps) : now;
  if (due != base::no_time) due_.insert({due = std::max(due, now), "f" + row.key});
  reports_due_[row.key] = due;
  reports_.emplace(row.key, *reports);
}

/// After a reload.
void Desk::Impl::forget_undamped(base::Time now) {
  for (auto it = reports_.begin(); it != reports_.end();) {
    const auto& [key, reports] = *it++;
    if (!still_damps(tree_->find(path_of(key)), reports)) look_at_flaps(std::string(key), now);
  }
}

const Reports* Desk::Impl::reports_of(const Node& node, std::uint64_t fingerprint) const {
  if (reports_.empty() || !node.route->flaps.on()) return nullptr;
  const auto found = reports_.find(key_of(node.route->path, fingerprint));
  return found == reports_.end() ? nullptr : &found->second;
}

/// One of its alerts does, on a route it takes.
bool Desk::Impl::flaps(const Case& c) const {
  if (reports_.empty()) return false;
  return std::ranges::any_of(c.members, [&](const auto& member) {
    return std::ranges::any_of(tree_->match(member.second), [&](const Node* node) {
      const Reports* reports = reports_of(*node, member.first);
      return reports && reports->flapping;
    });
  });
}

/// Fewer than m of its last n reports said that it fires.
std::optional<Held> Desk::Impl::too_few(const Node& node, const Alert& alert, base::Time at) const {
  const model::FlapDamping& damping = node.route->flaps;
  const Reports* known =
      damping.m > 0 && alert.state == AlertState::firing ? reports_of(node, alert.fingerprint) : nullptr;
  if (!known) return std::nullopt;
  Reports reports = *known;
  reports.look(at);
  if (reports.fired(damping.n) >= damping.m) return std::nullopt;
  const std::string by = "m_of_n " + std::to_string(damping.m) + " of " + std::to_string(damping.n);
  return Held{model::VerdictKind::flapping, by, reports.fires_enough(damping.m, damping.n)};
}

std::optional<Held> Desk::Impl::damped(Group& group, const Node& node, const Record& record, const Alert& alert,
                                       base::Time at, bool& news) const {
  const std::uint64_t fingerprint = alert.fingerprint;
  const Reports* reports = reports_of(node, fingerprint);
  const bool flapping = reports && reports->flapping, said = record.flapping.contains(fingerprint);
  // It stays a member until what it has become is told.
  if (flapping && alert.state != AlertState::firing) group.waiting.insert(fingerprint);
  news = flapping != said;
  const std::optional<Held> held = damped(node, record, alert, at);
  if (held && held->until > at && (group.recount_at == base::no_time || held->until < group.recount_at))
    group.recount_at = held->until;
  return held;
}

std::optional<Held> Desk::Impl::damped(const Node& node, const Record& record, const Alert& alert,
                                       base::Time at) const {
  const std::uint64_t fingerprint = alert.fingerprint;
  const Reports* reports = reports_of(node, fingerprint);
  const bool flapping = reports && reports->flapping, said = record.flapping.contains(fingerprint);
  if (flapping && said) return held_by_flapping();
  if (flapping || said || record.firing.contains(fingerprint) || record.owed.contains(fingerprint)) return std::nullopt;
  return too_few(node, alert, at);
}

/// On a ladder: M of N before its first step, flapping once somebody was told.
std::optional<Held> Desk::Impl::damped(const Case& c, const Node& node, const Alert& alert, base::Time at) const {
  const Reports* reports = reports_of(node, alert.fingerprint);
  if (!reports) return std::nullopt;
  if (reports->flapping && !c.climb.told.empty()) return held_by_flapping();
  if (c.climb.row.next_step > 0 || c.climb.row.round > 0) return std::nullopt;
  return too_few(node, alert, at);
}

/// What a group's message says of the alerts that begin to flap: an annotation of each, and words for its text.
std::string Desk::Impl::mark_flapping(const Node& node, const Record& record, std::vector<Alert>& alerts) const {
  std::size_t begun = 0, over = 0;
  for (Alert& alert : alerts) {
    const Reports* reports = reports_of(node, alert.fingerprint);
    if (reports && reports->flapping) {
      alert.annotations.set(flapping_annotation, "changes too often (" + percent_text(reports->percent()) +
                                                     "): nothing more of it until it has settled");
      ++begun;
    } else if (record.flapping.contains(alert.fingerprint)) {
      ++over;
    }
  }
  std::string text;
  if (begun > 0) text += " (" + std::to_string(begun) + " flapping: nothing more until settled)";
  if (over > 0) text += " (" + std::to_string(over) + " settled)";
  return text;
}

/// An incident's people hear once that one of its alerts flaps.
void Desk::Impl::say_flapping(const Alert& alert, base::Time now) {
  const auto holder = by_fingerprint_.find(alert.fingerprint);
  if (holder == by_fingerprint_.end()) return;
  Case& c = cases_.at(holder->second);
  const std::string text = alert.title + " is flapping: nothing more of it is told until it has settled";
  log(c, now, "tocsin", "alert", "", "flapping", text);
  notice(c, "flapping", text, "", now);
}

/// Then they hear what it has become: by the step that waited, by the end that was owed, or by a notice.
void Desk::Impl::settled(std::uint64_t fingerprint, base::Time at) {
  const auto holder = by_fingerprint_.find(fingerprint);
  if (holder == by_fingerprint_.end()) return;
  Case& c = cases_.at(holder->second);
  if (flaps(c)) return;
  const Alert& alert = c.members.at(fingerprint);
  const std::string state(model::to_string(alert.state));
  log(c, at, "tocsin", "alert", "flapping", state, alert.title + " has settled");
  if (c.climb.owes_end) {
    c.climb.owes_end = false;
    touch_climb(c);
    tell_end(c, "", at);
  } else if (held_climbs_.contains(c.incident.correlation_id)) {
    look_again(c, at);
  } else if (c.live()) {
    notice(c, "settled", alert.title + " has settled: " + state, "", at);
  }
}

/// It ended by itself while it flapped.
void Desk::Impl::owe_end(Case& c, base::Time now) {
  if (c.climb.told.empty()) return;
  c.climb.owes_end = true;
  touch_climb(c);
  Said said{model::VerdictKind::flapping};
  said.by = held_by_flapping().by;
  said.text = "its end is told when it has settled";
  verdict(c, std::move(said), now);
}

}  // namespace tocsin::incidents
