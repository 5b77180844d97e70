// A maintenance pause: nobody is told, ladders stand still with the time they have left, and incidents go on. What was
// to be told waits as it would in a storm, for a digest that is due when the pause ends. Kept as a row of its own among
// those of the groups, so that it lasts over a restart and a change of the agent that decides.
#include <algorithm>

#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::Pause;

constexpr const char* pause_row = "pause";
constexpr std::size_t longest_reason = 500;

/// "alice: patching the core".
std::string pause_name(const Pause& pause) {
  return somebody(pause.by) + (pause.reason.empty() ? "" : ": " + pause.reason);
}

model::GroupState row_of(const std::optional<Pause>& pause) {
  model::GroupState row;
  row.key = pause_row;
  row.gone = !pause;
  if (!pause) return row;
  row.last_notified = pause->from;
  row.next_flush = pause->until;
  row.labels.set("by", pause->by);
  row.labels.set("reason", pause->reason);
  if (pause->except_critical) row.labels.set("except", "CRITICAL");
  return row;
}

}  // namespace

/// The one that holds what is of this severity then; null: nothing does.
const Pause* Desk::Impl::pause_of(model::Severity severity, base::Time at) const {
  if (!pause_ || !pause_->at(at) || exempt_from_pause(severity, at)) return nullptr;
  return &*pause_;
}

bool Desk::Impl::exempt_from_pause(model::Severity severity, base::Time at) const {
  return pause_ && pause_->at(at) && pause_->except_critical && severity == model::Severity::critical;
}

std::optional<Held> Desk::Impl::paused(model::Severity severity, base::Time at) const {
  const Pause* pause = pause_of(severity, at);
  if (!pause) return std::nullopt;
  return Held{model::VerdictKind::paused, pause_name(*pause), pause->until};
}

Said Desk::Impl::said_of_pause(const model::Delivery& message) const {
  Said said{model::VerdictKind::paused, message.target, message.recipient};
  said.by = pause_name(*pause_);
  said.until = message.next_attempt_at;
  said.text = message.reason + ": waits for the end of the pause";
  said.key = message.key;
  return said;
}

/// Until when the incident's timers stand still, by its snooze or the pause; `at`: they run.
base::Time Desk::Impl::stands_until(const Case& c, base::Time at) const {
  const Pause* pause = pause_of(c.incident.severity, at);
  return std::max({at, c.incident.snoozed_until, pause ? pause->until : at});
}

/// Its timers keep the time they had left when they stood until `stood`.
void Desk::Impl::shift(Case& c, base::Time stood, base::Time stands) {
  if (stood == stands) return;
  const auto moved = [&](base::Time due) { return stands + std::max(due - stood, base::Duration::zero()); };
  // At its end it waits for the hours of a route, which do not shift.
  if (c.climb.running() && !c.climb.spent()) schedule(c, moved(c.climb.row.next_at));
  if (c.climb.follow_ups.empty()) return;
  for (FollowUp& one : c.climb.follow_ups) one.at = moved(one.at);
  arm_follow_ups(c);
  touch_climb(c);
}

void Desk::Impl::set_pause(std::optional<Pause> to, base::Time now) {
  std::vector<std::pair<Case*, base::Time>> stood;
  for (auto& [id, c] : cases_) {
    if (c.climb.running() || !c.climb.follow_ups.empty()) stood.emplace_back(&c, stands_until(c, now));
  }
  const base::Time ended = pause_ ? pause_->until : base::no_time;
  due_.erase({ended, "p"});
  pause_ = std::move(to);
  if (pause_) due_.insert({pause_->until, "p"});
  for (const auto& [c, before] : stood) shift(*c, before, stands_until(*c, now));
  if (ended != base::no_time) shift_digests(ended, pause_ ? pause_->until : now);
  out_.groups.push_back(row_of(pause_));
}

/// Those that were to be told then.
void Desk::Impl::shift_digests(base::Time from, base::Time to) {
  std::vector<std::string> keys;
  for (const auto& [at, key] : due_) {
    if (at == from && key.front() == 'd') keys.push_back(key);
  }
  for (const std::string& key : keys) {
    due_.erase({from, key});
    due_.insert({to, key});
    storms_.move(key.substr(1), to);
  }
}

/// Ladders go on by their timers, digests leave by theirs; groups whose flush told nobody are flushed now.
void Desk::Impl::end_pause(const std::string& actor, base::Time at) {
  const Pause ended = *pause_;
  const std::string why = actor == "tocsin" ? "the pause is over" : "resumed by " + somebody(actor);
  for (const auto& [id, c] : cases_) {
    if (c.climb.running() && !c.climb.spent()) log(c, at, actor, "paused", until_text(ended.until), "", why);
  }
  set_pause(std::nullopt, at);
  for (auto& [key, group] : groups_) {
    if (group.last_flush == base::no_time || group.last_flush < ended.from) continue;
    schedule(group, at);
    touch(group);
  }
}

/// The step that is due waits for the end of the pause.
bool Desk::Impl::stand_still(Case& c, base::Time at) {
  const Pause* pause = pause_of(c.incident.severity, at);
  if (!pause) return false;
  schedule(c, pause->until);
  return true;
}

void Desk::Impl::learn_pause(const model::GroupState& row) {
  if (row.key != pause_row || row.gone) return;
  Pause pause;
  pause.from = row.last_notified;
  pause.until = row.next_flush;
  pause.by = row.labels.get("by");
  pause.reason = row.labels.get("reason");
  pause.except_critical = row.labels.get("except") == "CRITICAL";
  due_.insert({pause.until, "p"});
  pause_ = std::move(pause);
}

base::Result<model::Changes> Desk::pause(Pause wanted, base::Time now) {
  if (wanted.until <= now || wanted.until > now + model::longest_pause) {
    return base::fail(Fault::invalid, "a pause lasts up to 24h, and does not end at " +
                                          base::format_rfc3339(wanted.until) + "; pause again to go on longer");
  }
  wanted.reason = base::trim(wanted.reason);
  if (wanted.reason.size() > longest_reason) {
    return base::fail(Fault::invalid, "the reason of a pause has at most " + std::to_string(longest_reason) + " bytes");
  }
  const auto before = paused(now);
  wanted.from = before ? before->from : now;
  for (const auto& [id, c] : impl_->cases_) {
    if (!c.climb.running() || c.climb.spent()) continue;
    impl_->log(c, now, wanted.by, "paused", before ? until_text(before->until) : "", until_text(wanted.until),
               wanted.reason);
  }
  impl_->set_pause(std::move(wanted), now);
  for (const auto& [id, c] : impl_->cases_) {
    const auto held = impl_->paused(c.incident.severity, now);
    if (!held || !c.climb.running() || c.climb.spent()) continue;
    Said said{held->kind};
    said.by = held->by;
    said.until = held->until;
    said.text = "the ladder stands still";
    impl_->verdict(c, std::move(said), now);
  }
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::resume(const std::string& actor, base::Time now) {
  if (!paused(now)) return base::fail(Fault::conflict, "notifications are not paused");
  impl_->end_pause(actor, now);
  impl_->run_due(now);
  return impl_->finish(now);
}

base::Time Desk::paused_until(base::Time now) const {
  const auto& pause = impl_->pause_;
  return pause && pause->at(now) ? pause->until : base::no_time;
}

std::optional<Pause> Desk::paused(base::Time now) const {
  if (!impl_->pause_ || !impl_->pause_->at(now)) return std::nullopt;
  return impl_->pause_;
}

}  // namespace tocsin::incidents
