// Rules in the database at work: the table is read every few seconds, due queries are run one after the other, and what
// detection says of the answers is one decision of the pipeline. Of agents that share the store, the holder of a lease
// asks.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/duty.hpp"
#include "app/questions.hpp"
#include "base/clock.hpp"
#include "detection/row_rules.hpp"
#include "pipeline/pipeline.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

class RowRuleLoop {
 public:
  RowRuleLoop(pipeline::Pipeline& pipeline, Questions& questions, const base::Clock& clock,
              telemetry::Metrics& metrics);
  ~RowRuleLoop() { stop(); }

  void start();
  void stop();
  /// Any thread.
  std::vector<detection::RowRules::Status> status() const;

 private:
  base::Duration round();
  void look_at_table(base::Time now);
  bool is_asking(base::Time now);
  void ask(const model::RuleRow& row);
  void keep(detection::RowRules::Decided decided);

  pipeline::Pipeline& pipeline_;
  Questions& questions_;
  const base::Clock& clock_;
  telemetry::Histogram& seconds_;
  mutable std::mutex mutex_;
  detection::RowRules rules_;  ///< under mutex_
  // Of the duty's thread.
  bool asking_ = false;
  base::Time next_look_{};
  std::string complaint_;
  Duty duty_;
};

}  // namespace tocsin::app
