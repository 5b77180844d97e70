// The life of one alert: inactive → pending → firing → resolved, as semantics has it ("Rule state", "cooldown"):
//   fires          when t - active_at >= for
//   kept firing    while t - keep_firing_since < keep_firing_for
//   cooldown       a re-fire within it continues the same alert (id, active_at) silently; a rise in severity is told.
//                  A silent episode does not prolong the cooldown, so that a flapping alert is told once per cooldown.
// Instants come in from outside and never go back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "detection/window.hpp"
#include "model/alert.hpp"
#include "model/rule.hpp"

namespace tocsin::detection {

/// What a detector said of one group at one instant.
struct Judgement {
  bool firing = false;
  model::Severity severity = model::Severity::none;  ///< none: the rule's
  double value = no_value;
  double threshold = no_value;
  std::string_view message;  ///< empty: the rule's template
};

/// Whose life it is.
struct Subject {
  const model::Rule& rule;
  const model::Labels& group;
  bool cooldown = true;
};

class Life {
 public:
  using Alerts = std::vector<model::Alert>;
  using OriginOf = std::function<model::Origin()>;

  /// Takes a judgement at instant `t`; appends each change that is to be known to `out`.
  void judge(const Subject& subject, std::int64_t t, const Judgement& judgement, const OriginOf& origin, Alerts& out);
  /// Ends it now, without `keep_firing_for`: the rule is gone.
  void end(const Subject& subject, std::int64_t t, Alerts& out);
  /// Continues what was told before a restart.
  void restore(const model::Alert& alert);
  /// Counts from a later instant: `for` after an outage.
  void delay_pending(base::Time active_at) { pending_since_ = base::to_ns(active_at); }

  /// When `for` or `keep_firing_for` ends; never: neither runs.
  std::int64_t due(const model::Rule& rule) const;
  model::AlertState state() const { return alert_.state; }
  const model::Alert& alert() const { return alert_; }
  bool active() const { return state() == model::AlertState::pending || state() == model::AlertState::firing; }
  /// Nothing is left to remember at `t`.
  bool over(std::int64_t t) const;

 private:
  void begin(const Subject& subject, std::int64_t t, const Judgement& judgement, const OriginOf& origin);
  void fire(const Subject& subject, std::int64_t t, Alerts& out);
  void hold(const Subject& subject, std::int64_t t, const Judgement& judgement, Alerts& out);
  void resolve(const Subject& subject, std::int64_t t, Alerts& out);
  void drop_pending(std::int64_t t, Alerts& out);
  void note(const Subject& subject, const Judgement& judgement);
  void tell(std::int64_t t, bool silent, Alerts& out);

  model::Alert alert_;
  std::unique_ptr<model::Alert> previous_;  ///< resolved, and within its cooldown when this one began
  std::int64_t pending_since_ = long_ago;   ///< what `for` counts from
  std::int64_t keep_since_ = long_ago;      ///< long_ago: `keep_firing_for` does not run
  std::int64_t told_at_ = long_ago;
  double told_value_ = no_value;
  bool quiet_ = false;  ///< this firing is a silent continuation
};

/// alertname, severity, category, the rule's labels and the by-values; on equal names the rule's labels win over the
/// by-values, and the engine's three over both.
model::Labels alert_labels(const model::Rule& rule, const model::Labels& group, model::Severity severity);
/// message, suggestion, runbook_url and links with `{{value}}`, `{{threshold}}`, `{{severity}}` and `{{label}}` filled
/// in.
void write_texts(const model::Rule& rule, std::string_view message, model::Alert& alert);

}  // namespace tocsin::detection
