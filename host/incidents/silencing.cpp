// What people decide about silences, and what the desk tells them of the alerts.
#include <algorithm>
#include <tuple>

#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::Alert;
using model::AlertState;

}  // namespace

/// Each once, as it was heard of last; those of a closed incident that went on firing over a restart are not known
/// here.
FiringAlerts Desk::Impl::firing() const {
  std::unordered_map<std::uint64_t, const Alert*> newest;
  const auto look = [&](const std::map<std::uint64_t, Alert>& alerts) {
    for (const auto& [fingerprint, alert] : alerts) {
      const Alert*& kept = newest[fingerprint];
      if (!kept || event_time(alert) > event_time(*kept)) kept = &alert;
    }
  };
  for (const auto& [id, c] : cases_) look(c.members);
  for (const auto& [key, group] : groups_) look(group.members);
  for (const auto& [pool, alerts] : loose_) look(alerts);
  FiringAlerts out;
  for (const auto& [fingerprint, alert] : newest) {
    if (alert->state == AlertState::firing) out.push_back(alert);
  }
  return out;
}

/// Committed alerts count too: one may fire on without an incident or a group.
void Desk::Impl::learn_silences(std::vector<model::Silence> rows, const std::vector<Alert>& committed, base::Time now) {
  const bool waiting = std::ranges::any_of(rows, [](const model::Silence& s) { return s.until_resolved; });
  FiringAlerts known;
  if (waiting) {
    known = firing();
    for (const Alert& alert : committed) {
      if (alert.state == AlertState::firing) known.push_back(&alert);
    }
  }
  silences_.learn(std::move(rows), now, known);
}

/// An incident all of whose firing alerts are silent now says so in its timeline.
void Desk::Impl::log_silenced(const model::Silence& silence, base::Time now) {
  if (!Silences::phase(silence, now).holds) return;
  for (const auto& [id, c] : cases_) {
    if (!c.live()) continue;
    bool meant = false, all = true;
    for (const auto& [fingerprint, alert] : c.members) {
      if (alert.state != AlertState::firing) continue;
      meant = meant || silences_.means(silence, alert);
      all = all && silences_.of(alert, now).has_value();
    }
    if (!meant || !all) continue;
    const std::string who = silence.created_by.empty() ? "tocsin" : silence.created_by;
    log(c, now, who, "silenced", "", silence.id, "silenced by " + silence.id + ": " + silence.comment);
  }
}

base::Result<model::Changes> Desk::set_silence(model::Silence silence, base::Time now, std::string* id) {
  const std::string given = silence.id;
  const FiringAlerts firing = silence.until_resolved ? impl_->firing() : FiringAlerts();
  TRY(std::string kept, impl_->silences_.set(std::move(silence), now, firing, impl_->out_.silences));
  if (kept != given) impl_->log_silenced(*impl_->silences_.find(kept), now);
  if (id) *id = std::move(kept);
  impl_->look_again(now);  // an edit may have ended what held a ladder back
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::expire_silence(const std::string& id, const std::string& actor, base::Time now) {
  TRY_VOID(impl_->silences_.expire(id, actor, now, impl_->out_.silences));
  impl_->look_again(now);
  return impl_->finish(now);
}

void Desk::learn_silences(std::vector<model::Silence> rows, base::Time now) {
  impl_->learn_silences(std::move(rows), {}, now);
  impl_->look_again(now);
}

std::vector<model::Silence> Desk::silences(base::Time now, const model::Matchers& filter) const {
  return impl_->silences_.list(now, filter);
}

std::optional<model::Silence> Desk::find_silence(const std::string& id) const {
  const model::Silence* found = impl_->silences_.find(id);
  return found ? std::optional(*found) : std::nullopt;
}

std::vector<std::string> Desk::silenced_by(const Alert& alert, base::Time now) const {
  return impl_->silences_.silenced_by(alert, now);
}

SilencePreview Desk::preview_silence(const model::Silence& silence) const {
  SilencePreview out;
  const FiringAlerts firing = impl_->firing();
  out.firing = firing.size();
  for (const Alert* alert : firing) {
    if (impl_->silences_.means(silence, *alert)) out.alerts.push_back(*alert);
  }
  std::ranges::sort(out.alerts, {}, [](const Alert& a) { return std::tie(a.title, a.fingerprint); });
  out.warning = silence_warning(silence, out.alerts.size(), out.firing);
  return out;
}

}  // namespace tocsin::incidents
