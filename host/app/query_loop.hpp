// Rules with a `query` at work: each source that is asked has a thread of its own, so that a slow one holds up no
// other; equal questions that are due together are asked once; and what detection says of the answers is one decision
// of the pipeline. Of agents that share the store, the holder of the lease asks.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/duty.hpp"
#include "app/questions.hpp"
#include "base/clock.hpp"
#include "detection/query_rules.hpp"
#include "pipeline/pipeline.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

class QueryLoop {
 public:
  QueryLoop(pipeline::Pipeline& pipeline, Questions& questions, detection::FindEvaluator find, const base::Clock& clock,
            telemetry::Metrics& metrics);
  ~QueryLoop() { stop(); }

  /// The rules in force; those without a `query` are passed over. Before start() too.
  std::vector<detection::RuleProblem> set(const std::vector<model::SharedRule>& rules);
  void start();
  /// Waits for questions under way.
  void stop();
  /// Any thread.
  std::vector<detection::RuleStatus> status() const;
  /// Runs `visit` while no answer is judged: a detector is exchanged.
  void visit(const std::function<void(detection::Exchangeable&)>& visit);

 private:
  using Dues = std::vector<detection::QueryRules::Due>;
  base::Duration round(const std::string& source);
  bool is_asking(base::Time now);
  void ask(const std::string& source, const Dues& same);
  void keep(std::vector<model::Alert> alerts);
  void begin(const std::string& source);

  pipeline::Pipeline& pipeline_;
  Questions& questions_;
  const base::Clock& clock_;
  telemetry::Counter& shared_;
  mutable std::mutex mutex_;
  detection::QueryRules rules_;  ///< under mutex_
  bool asking_ = false;          ///< likewise
  bool running_ = false;
  std::map<std::string, std::unique_ptr<Duty>> duties_;  ///< by source; never removed before stop()
};

}  // namespace tocsin::app
