// Rules that ask a source (`query` of a [[rule]]): when each is asked, and what its answer means. It does no I/O: due()
// says what to ask, answered() takes what came of it. One thread at a time; the clock is a parameter.
//
// Every row of an answer is one label set, judged by the rule's detector as a group of signals is: the row's number is
// the detector's first input. With `by` those labels make the group and rows must differ in them; without it all labels
// do. A label set that is no longer among the rows has stopped firing, unless `no_data` says otherwise. ABSENT fires,
// without labels, while there is no row. A rule that fails keeps its state and raises RuleFailing{rule} at the third
// time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "detection/evaluator.hpp"
#include "detection/outside_alerts.hpp"
#include "detection/shard.hpp"
#include "model/rule_row.hpp"

namespace tocsin::detection {

class QueryRules final : public Exchangeable {
 public:
  static constexpr const char* keeper = "queries";
  explicit QueryRules(FindEvaluator find) : find_(std::move(find)) {}
  ~QueryRules() override;

  /// The rules with a `query`, of all that are in force. An unchanged one keeps its beat and its alerts; those of one
  /// that is gone end. A rule that does not compile is left out and reported.
  std::vector<RuleProblem> set(const std::vector<model::SharedRule>& rules, base::Time now,
                               std::vector<model::Alert>& out);
  /// This agent asks from here on; `alerts` are those that were told.
  void take_over(const std::vector<model::Alert>& alerts, base::Time now);
  void give_up();

  /// What to ask a source now, and when it was due. Rules of one interval are due together, so that equal questions can
  /// be asked once.
  struct Due {
    model::SharedRule rule;
    base::Time at{};
  };
  std::vector<Due> due(base::Time now, const std::string& source);
  /// When due() has something next; none: never.
  std::optional<base::Time> next_due(const std::string& source) const;
  /// `took`: a question that keeps its source busy for more than half of the rule's interval is asked less often.
  void answered(const Due& asked, const base::Result<model::RuleAnswer>& answer, base::Duration took, base::Time now,
                std::vector<model::Alert>& out);

  base::Result<void> exchange(Evaluator& from, Evaluator& to) override;
  std::vector<RuleStatus> status() const;
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    model::SharedRule rule;
    std::string signature;
    Evaluator* evaluator = nullptr;
    void* program = nullptr;
    base::Time next{};
    RuleStatus status;
    std::uint32_t failures_in_a_row = 0;
  };
  struct Row {
    model::Labels group;
    double value;
  };
  base::Result<void> compile(Entry& entry);
  void release(Entry& entry);
  base::Result<std::vector<Row>> rows_of(const model::Rule& rule, const model::RuleAnswer& answer) const;
  base::Result<void> judge(Entry& entry, const model::RuleAnswer& answer, base::Time now,
                           std::vector<model::Alert>& out);
  void apply(const Entry& entry, const Row& row, const tsn_verdict& verdict, base::Time now,
             std::vector<model::Alert>& out);
  void missing(const Entry& entry, const std::vector<Row>& rows, base::Time now, std::vector<model::Alert>& out);
  void fail(Entry& entry, const base::Error& error, base::Time now, std::vector<model::Alert>& out);
  void succeed(Entry& entry, base::Time now, std::vector<model::Alert>& out);

  const FindEvaluator find_;
  std::map<std::string, Entry> entries_;  ///< by rule
  OutsideAlerts alerts_{keeper};
  bool asking_ = false;
  std::vector<char> text_ = std::vector<char>(16 * 1024);
};

/// What a detector that judges answers may declare: the answer's number, and nothing else.
tsn_inputs answer_inputs();

}  // namespace tocsin::detection
