// Rules that stand in the database (model::RuleRow): when each is asked, and what its answer means. It does no I/O:
// due() says whose query to run, answered() takes what came of it. One thread at a time; the clock is a parameter.
//
// Every row of an answer is one label set: its number is compared with the threshold, its other columns are labels.
// EXISTS fires for each row; ABSENT fires, without labels, while there is none. A label set that is no longer among the
// rows has stopped firing. A rule that fails keeps its state and raises RuleFailing{rule} at the third time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "detection/outside_alerts.hpp"
#include "detection/shard.hpp"
#include "model/rule_row.hpp"

namespace tocsin::detection {

class RowRules {
 public:
  static constexpr const char* keeper = "rule rows";
  struct Decided {
    std::vector<model::RuleEvaluation> evaluations;
    std::vector<model::Alert> alerts;
    bool empty() const { return evaluations.empty() && alerts.empty(); }
  };

  /// Why rows of a query_type are not asked; empty: they are. Without it SQL alone is.
  using Missing = std::function<std::string(const std::string& query_type)>;
  explicit RowRules(Missing missing = {}) : missing_(std::move(missing)) {}

  /// The table as it is now. A changed row is asked at once; alerts of one that is gone or switched off end.
  void set(const std::vector<model::RuleRow>& rows, base::Time now, Decided& out);
  /// This agent asks from here on; `alerts` are those that were told.
  void take_over(const std::vector<model::Alert>& alerts, base::Time now);
  void give_up();

  /// The rows to ask now; each is due again one interval later.
  std::vector<model::RuleRow> due(base::Time now);
  void answered(const model::RuleRow& row, const base::Result<model::RuleAnswer>& answer, base::Time now, Decided& out);

  /// Health "ok", "failing", "unknown", "waiting" (for a source that this version lacks), "disabled", or "elsewhere":
  /// another agent asks.
  struct Status {
    model::RuleRow row;
    RuleStatus status;
  };
  std::vector<Status> status() const;
  /// The table has no row.
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    model::RuleRow row;
    model::Rule rule;
    base::Time next{};
    RuleStatus status;
    std::uint32_t failures_in_a_row = 0;
  };
  std::string missing(const model::RuleRow& row) const;
  bool asked(const model::RuleRow& row) const;
  void fail(Entry& entry, const base::Error& error, base::Time now, Decided& out);
  void succeed(Entry& entry, base::Time now, Decided& out);

  const Missing missing_;
  std::map<std::int64_t, Entry> entries_;
  OutsideAlerts alerts_{keeper};
  bool asking_ = false;
};

/// What the rule's operator says of an answer: a judgement for each label set, or why it cannot be judged.
struct RowVerdict {
  model::Labels labels;
  Judgement judgement;
};
base::Result<std::vector<RowVerdict>> judge_answer(const model::RuleRow& row, const model::RuleAnswer& answer);

/// What stands in for a row where a model::Rule is asked for.
model::Rule rule_of(const model::RuleRow& row);

}  // namespace tocsin::detection
