// A rule that stands in the database (table incident_detection_rules), what its query answered, and what an evaluation
// leaves there.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/labels.hpp"
#include "model/rule.hpp"

namespace tocsin::model {

struct RuleRow {
  std::int64_t id = 0;
  std::string name, description;
  Category category = Category::none;  ///< rule_type
  std::string query;                   ///< metric_query
  std::string query_type;              ///< SQL, PROMETHEUS, ELASTICSEARCH
  std::string op;                      ///< threshold_operator: GT GTE LT LTE EQ NEQ EXISTS ABSENT
  double threshold = std::numeric_limits<double>::quiet_NaN();
  Severity severity = Severity::none;
  std::string message, suggestion;  ///< templates
  bool enabled = true;
  base::Duration every{}, cooldown{};
  base::Time updated_at{}, last_triggered_at{};
  std::uint64_t trigger_count = 0;
};

/// A query's rows, each with the number that is compared and its other columns as labels.
struct RuleAnswer {
  struct Row {
    double value = std::numeric_limits<double>::quiet_NaN();  ///< NaN: NULL, or the query has no number
    Labels labels;
    base::Time at{};  ///< of the value; 0: the instant of the question
  };
  std::vector<Row> rows;
};

/// A row of alert_evaluations, and what the rule's own row is told.
struct RuleEvaluation {
  std::int64_t rule_id = 0;
  std::string rule;
  base::Time at{};
  double value = std::numeric_limits<double>::quiet_NaN();  ///< the one that says most: the worst of those that fired
  double threshold = std::numeric_limits<double>::quiet_NaN();
  bool fired = false;
  std::string error;
  std::uint64_t triggered = 0;  ///< alerts that began to fire by it; added to trigger_count
};

}  // namespace tocsin::model
