// Alerts of rules that no shard judges: heartbeats, rules in the database. Their lives are those of all alerts
// (life_cycle.hpp); what fires is said from outside. One keeper owns them: its name stands in each alert, so that a
// restart gives each back to its own. One thread at a time; the clock is a parameter.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "detection/life_cycle.hpp"
#include "model/alert.hpp"
#include "model/rule.hpp"

namespace tocsin::detection {

class OutsideAlerts {
 public:
  using Alerts = std::vector<model::Alert>;
  explicit OutsideAlerts(std::string keeper) : keeper_(std::move(keeper)) {}

  /// What was found of one label set. Appends each change that is to be known to `out`.
  void judge(const model::Rule& rule, const model::Labels& group, const Judgement& judgement, base::Time now,
             Alerts& out);
  /// Every label set of the rule that is not among `named` (texts of Labels) has stopped firing.
  void others_over(const model::Rule& rule, const std::set<std::string>& named, base::Time now, Alerts& out);
  /// The rule is gone: its alerts are over.
  void end(const std::string& rule, base::Time now, Alerts& out);
  /// Likewise those of one label set.
  void end(const std::string& rule, const model::Labels& group, base::Time now, Alerts& out);
  /// Continues an alert that was told before a restart, or by another agent; one of another keeper is passed over.
  void restore(const model::Alert& alert);
  /// Forgets everything and tells nobody: another agent judges from here on.
  void clear() { kept_.clear(); }

  bool firing(const std::string& rule, const model::Labels& group) const;
  std::size_t firing(const std::string& rule) const { return in_state(rule, model::AlertState::firing); }
  std::size_t pending(const std::string& rule) const { return in_state(rule, model::AlertState::pending); }
  /// Rules with something to remember.
  std::vector<std::string> rules() const;

 private:
  struct Kept {
    model::Labels group;
    Life life;
    std::int64_t judged_at = long_ago;
  };
  using Groups = std::map<std::string, Kept>;  ///< by the text of their labels
  std::size_t in_state(const std::string& rule, model::AlertState state) const;
  std::int64_t instant(Kept& kept, base::Time now) const;
  void sign(std::size_t from, Alerts& out) const;

  std::string keeper_;
  std::map<std::string, Groups> kept_;  ///< by rule
};

}  // namespace tocsin::detection
