// Queries of rules in the database: users' own, of which nobody knows what they say, so they may read and nothing else.
// Calls block and may come from any thread; one runs at a time, on a connection that decisions do not wait for.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/rule_row.hpp"

namespace tocsin::storage {

class RuleQueries {
 public:
  virtual ~RuleQueries() = default;

  /// Runs one query, which can change nothing. `value`, or else the first column of numbers, is the number; the others
  /// are labels. Fault::deadline after `timeout`, Fault::exhausted beyond `most_rows`. On PostgreSQL as the role
  /// `tocsin_rules` where that is there.
  virtual base::Result<model::RuleAnswer> ask(const std::string& query, base::Duration timeout,
                                              std::size_t most_rows) = 0;
};

}  // namespace tocsin::storage
