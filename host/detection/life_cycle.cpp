#include "detection/life_cycle.hpp"

#include <utility>

namespace tocsin::detection {
namespace {

using model::AlertState;

constexpr std::int64_t refresh_every = 60'000'000'000;

/// As Rule::effective_cooldown(), by the alert's own severity where tiers give it one.
std::int64_t cooldown_of(const model::Rule& rule, model::Severity severity) {
  if (rule.cooldown || severity == model::Severity::none) return rule.effective_cooldown().count();
  return severity == model::Severity::critical ? 0 : 300'000'000'000;
}

bool differs(double a, double b) {
  return !(a == b) && !(std::isnan(a) && std::isnan(b));
}

}  // namespace

void Life::judge(const Subject& subject, std::int64_t t, const Judgement& judgement, const OriginOf& origin,
                 Alerts& out) {
  const std::int64_t hold_for = subject.rule.for_.count();
  if (!judgement.firing) {
    if (state() == AlertState::pending) drop_pending(t, out);
    if (state() != AlertState::firing) return;
    if (keep_since_ == long_ago) keep_since_ = t;
    if (t - keep_since_ >= subject.rule.keep_firing_for.count()) resolve(subject, t, out);
    return;
  }
  if (state() == AlertState::firing) return hold(subject, t, judgement, out);
  const bool begins = state() != AlertState::pending;
  if (begins)
    begin(subject, t, judgement, origin);
  else
    note(subject, judgement);
  if (t - pending_since_ >= hold_for)
    fire(subject, t, out);
  else if (begins)
    tell(t, false, out);
}

void Life::begin(const Subject& subject, std::int64_t t, const Judgement& judgement, const OriginOf& origin) {
  if (state() == AlertState::resolved && subject.cooldown && t < base::to_ns(alert_.cooldown_until))
    previous_ = std::make_unique<model::Alert>(std::move(alert_));
  alert_ = model::Alert{};
  alert_.rule = subject.rule.name;
  alert_.category = subject.rule.category;
  alert_.group = subject.group;
  alert_.shadow = subject.rule.shadow;
  alert_.title = model::alert_title(subject.rule.name, subject.group);
  alert_.state = AlertState::pending;
  alert_.active_at = base::from_ns(t);
  alert_.origin = origin();
  // Without the severity: a tier that is reached later leaves the alert the same one.
  alert_.id = model::alert_id(subject.rule.name, alert_labels(subject.rule, subject.group, model::Severity::none),
                              alert_.active_at);
  pending_since_ = t;
  keep_since_ = long_ago;
  quiet_ = false;
  note(subject, judgement);
}

void Life::note(const Subject& subject, const Judgement& judgement) {
  alert_.severity = judgement.severity == model::Severity::none ? subject.rule.severity : judgement.severity;
  alert_.value = judgement.value;
  alert_.threshold = judgement.threshold;
  alert_.labels = alert_labels(subject.rule, subject.group, alert_.severity);
  alert_.fingerprint = alert_.labels.fingerprint();
  write_texts(subject.rule, judgement.message, alert_);
}

void Life::fire(const Subject& subject, std::int64_t t, Alerts& out) {
  if (previous_ && t < base::to_ns(previous_->cooldown_until)) {
    if (subject.rule.for_.count() > 0) {
      alert_.state = AlertState::inactive;  // the pending one is the old one again, under its old id
      tell(t, true, out);
    }
    quiet_ = alert_.severity <= previous_->severity;
    alert_.id = previous_->id;
    alert_.active_at = previous_->active_at;
    alert_.fired_at = previous_->fired_at;
    alert_.cooldown_until = previous_->cooldown_until;
  } else {
    alert_.fired_at = base::from_ns(t);
  }
  previous_.reset();
  alert_.state = AlertState::firing;
  tell(t, quiet_, out);
}

void Life::hold(const Subject& subject, std::int64_t t, const Judgement& judgement, Alerts& out) {
  keep_since_ = long_ago;
  const model::Severity before = alert_.severity;
  const model::Severity now = judgement.severity == model::Severity::none ? subject.rule.severity : judgement.severity;
  const bool refresh = t - told_at_ >= refresh_every && differs(judgement.value, told_value_);
  if (now == before && !refresh) {
    alert_.value = judgement.value;
    alert_.threshold = judgement.threshold;
    return;
  }
  note(subject, judgement);
  if (now > before) quiet_ = false;
  tell(t, quiet_ || now <= before, out);
}

void Life::resolve(const Subject& subject, std::int64_t t, Alerts& out) {
  alert_.state = AlertState::resolved;
  alert_.resolved_at = base::from_ns(t);
  if (!quiet_) alert_.cooldown_until = base::from_ns(t + cooldown_of(subject.rule, alert_.severity));
  keep_since_ = long_ago;
  tell(t, quiet_, out);
}

void Life::drop_pending(std::int64_t t, Alerts& out) {
  alert_.state = AlertState::inactive;
  tell(t, true, out);
  // What was resolved before and still cools down is remembered again.
  if (previous_) alert_ = std::move(*std::exchange(previous_, nullptr));
}

void Life::end(const Subject& subject, std::int64_t t, Alerts& out) {
  if (state() == AlertState::pending) drop_pending(t, out);
  if (state() == AlertState::firing) resolve(subject, t, out);
}

void Life::restore(const model::Alert& alert) {
  alert_ = alert;
  pending_since_ = base::to_ns(alert.active_at);
  told_at_ = base::to_ns(alert.updated_at);
  told_value_ = alert.value;
  quiet_ = alert.silent && alert.state == AlertState::firing && alert.cooldown_until != base::no_time;
}

void Life::tell(std::int64_t t, bool silent, Alerts& out) {
  alert_.updated_at = base::from_ns(t);
  alert_.silent = silent;
  told_at_ = t;
  told_value_ = alert_.value;
  out.push_back(alert_);
}

std::int64_t Life::due(const model::Rule& rule) const {
  if (state() == AlertState::pending) return pending_since_ + rule.for_.count();
  if (state() == AlertState::firing && keep_since_ != long_ago) return keep_since_ + rule.keep_firing_for.count();
  return never;
}

bool Life::over(std::int64_t t) const {
  return !active() && (state() != AlertState::resolved || t >= base::to_ns(alert_.cooldown_until));
}

}  // namespace tocsin::detection
