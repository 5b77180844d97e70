#include "incidents/received.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace tocsin::incidents {
namespace {

using base::no_time;
using base::Time;
using model::Alert;
using model::AlertState;

/// What tells one alert of a name from another, for its title: the labels that usually do, else the first few.
model::Labels telling_labels(const model::Labels& labels) {
  constexpr std::size_t most = 3;
  model::Labels out;
  for (std::string_view name : {"service", "loader", "namespace", "pod", "instance", "node", "host", "device",
                                "mountpoint", "container", "job"}) {
    if (out.size() < most && labels.has(name)) out.set(name, labels.get(name));
  }
  if (!out.empty()) return out;
  for (const auto& [name, value] : labels) {
    if (out.size() < most && name != "alertname" && name != "severity" && name != "category") out.set(name, value);
  }
  return out;
}

bool is_link(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

void set_state(Alert& alert, Time now) {
  const bool over = alert.ends_at <= now;
  alert.state = over ? AlertState::resolved : AlertState::firing;
  alert.resolved_at = over ? alert.ends_at : no_time;
  alert.fired_at = std::min(alert.starts_at, now);
}

/// As an occurrence of its own that begins with it.
Alert made_of(model::ReceivedAlert&& sent, const model::Routing& routing, Time now) {
  Alert alert;
  alert.received = true;
  alert.rule = std::string(sent.labels.get("alertname"));
  if (alert.rule.empty()) alert.rule = "unnamed";
  alert.labels = std::move(sent.labels);
  alert.annotations = std::move(sent.annotations);
  alert.generator_url = std::move(sent.generator_url);
  alert.fingerprint = alert.labels.fingerprint();
  alert.severity = routing.severity.of(alert.labels.get("severity"));
  if (auto category = model::parse_category(alert.labels.get("category"))) alert.category = *category;
  alert.group = telling_labels(alert.labels);
  alert.title = model::alert_title(alert.rule, alert.group);
  if (is_link(alert.generator_url)) alert.links.push_back({"Source", alert.generator_url});
  alert.starts_at = sent.starts_at;
  alert.ends_at = sent.ends_at;
  alert.active_at = alert.updated_at = now;
  return alert;
}

/// Missing times as Alertmanager fills them in; true: the end was missing.
bool fill_times(model::ReceivedAlert& sent, base::Duration resolve_timeout, Time now) {
  const bool end_assumed = sent.ends_at == no_time;
  if (sent.starts_at == no_time) sent.starts_at = end_assumed ? now : sent.ends_at;
  if (end_assumed) sent.ends_at = std::max(now, sent.starts_at) + resolve_timeout;
  return end_assumed;
}

/// The same stretch of activity: they overlap, begin together, or both go on.
bool one_occurrence(const Alert& known, const Alert& sent, Time now) {
  const bool overlap = sent.ends_at > known.starts_at && sent.starts_at < known.ends_at;
  const bool both_go_on = sent.ends_at > now && known.ends_at > now;
  return overlap || both_go_on || sent.starts_at == known.starts_at;
}

/// The earliest start, the newest text, the end by Alertmanager's rules: of two that are over the later one; else the
/// end that was sent last, unless the one before was said outright and is later.
void merge(Alert& sent, const Alert& known, Time now) {
  sent.id = known.id;
  sent.active_at = known.active_at;
  sent.starts_at = std::min(sent.starts_at, known.starts_at);
  const bool over = sent.ends_at <= now, known_over = known.ends_at <= now;
  if (known.ends_at <= sent.ends_at || over != known_over || (!over && known.end_assumed)) return;
  sent.ends_at = known.ends_at;
  sent.end_assumed = known.end_assumed;
}

/// Nobody is told of more than a moved end.
bool is_news(const Alert& alert, const Alert& known) {
  if (alert.state != known.state || alert.starts_at != known.starts_at) return true;
  if (alert.state == AlertState::resolved && alert.ends_at != known.ends_at) return true;
  return alert.severity != known.severity || alert.category != known.category ||
         alert.generator_url != known.generator_url || alert.annotations != known.annotations;
}

}  // namespace

void Received::restore(const std::vector<Alert>& alerts, Time now, base::Duration grace) {
  for (const Alert& alert : alerts) {
    if (!alert.received) continue;
    const bool firing = alert.state == AlertState::firing;
    if (!firing && alert.ends_at + kept <= now) continue;
    Entry& entry = by_fingerprint_[alert.fingerprint];
    if (entry.alert && entry.alert->updated_at > alert.updated_at) continue;
    auto known = std::make_shared<Alert>(alert);
    if (firing && known->ends_at < now + grace) {
      known->ends_at = now + grace;
      known->end_assumed = true;
    }
    put(entry, std::move(known));
  }
}

std::vector<Received::Change> Received::take(std::vector<model::ReceivedAlert> alerts, const model::Routing& routing,
                                             Time now) {
  std::vector<Change> out;
  out.reserve(alerts.size());
  for (model::ReceivedAlert& sent : alerts) {
    if (auto change = take_one(std::move(sent), routing, now)) out.push_back(std::move(*change));
  }
  return out;
}

std::optional<Received::Change> Received::take_one(model::ReceivedAlert&& sent, const model::Routing& routing,
                                                   Time now) {
  const bool end_assumed = fill_times(sent, routing.resolve_timeout, now);
  auto alert = std::make_shared<Alert>(made_of(std::move(sent), routing, now));
  alert->end_assumed = end_assumed;
  Entry& entry = by_fingerprint_[alert->fingerprint];
  const Shared known = entry.alert;
  const bool same = known && one_occurrence(*known, *alert, now);
  // What was over before the known one began says nothing of how it is now.
  if (known && !same && alert->starts_at < known->starts_at) return std::nullopt;
  if (same) merge(*alert, *known, now);
  // Later than anything known of it, even where the clock was set back.
  if (known) alert->updated_at = std::max(now, known->updated_at + base::Duration(1));
  if (alert->id.empty()) alert->id = model::alert_id(alert->rule, alert->labels, alert->starts_at);
  set_state(*alert, now);
  Change change{alert, !same || is_news(*alert, *known)};
  const bool unchanged = same && !change.news && alert->ends_at == known->ends_at;
  put(entry, std::move(alert));
  if (unchanged) return std::nullopt;
  return change;
}

/// `entry` is the alert's; a timer is set where none is early enough.
void Received::put(Entry& entry, Shared alert) {
  const Time due = alert->state == AlertState::firing ? alert->ends_at : alert->ends_at + kept;
  entry.alert = std::move(alert);
  if (entry.due != no_time && entry.due <= due) return;
  entry.due = due;
  timers_.push({due, entry.alert->fingerprint});
}

std::vector<Received::Change> Received::expire(Time now, base::Duration grace) {
  std::vector<Change> out;
  while (!timers_.empty() && timers_.top().first <= now) {
    const auto [due, fingerprint] = timers_.top();
    timers_.pop();
    auto found = by_fingerprint_.find(fingerprint);
    if (found == by_fingerprint_.end() || found->second.due != due) continue;
    Entry& entry = found->second;
    entry.due = no_time;
    const Alert& known = *entry.alert;
    if (known.state == AlertState::resolved && known.ends_at + kept <= now) {
      by_fingerprint_.erase(found);
    } else if (known.state == AlertState::resolved || known.ends_at > now) {
      put(entry, entry.alert);
    } else if (auto next = std::make_shared<Alert>(known); now - known.ends_at > held_up) {
      next->ends_at = now + grace;
      next->end_assumed = true;
      put(entry, std::move(next));
    } else {
      next->updated_at = std::max(now, known.updated_at + base::Duration(1));
      set_state(*next, now);
      out.push_back({next, true});
      put(entry, std::move(next));
    }
  }
  drop_stale();
  return out;
}

/// So that next_due() names an instant at which something is looked at.
void Received::drop_stale() {
  while (!timers_.empty()) {
    const auto found = by_fingerprint_.find(timers_.top().second);
    if (found != by_fingerprint_.end() && found->second.due == timers_.top().first) return;
    timers_.pop();
  }
}

std::optional<Time> Received::next_due() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.top().first;
}

Received::Shared Received::find(std::uint64_t fingerprint) const {
  const auto found = by_fingerprint_.find(fingerprint);
  return found == by_fingerprint_.end() ? nullptr : found->second.alert;
}

}  // namespace tocsin::incidents
