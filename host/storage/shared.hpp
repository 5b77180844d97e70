// What only a store that several agents share offers (PostgreSQL): who does what only one may do, who is there, and
// questions of users' own. All calls block and may come from any thread. Times are by the store's clock.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/member.hpp"
#include "model/rule_row.hpp"

namespace tocsin::storage {

class SharedStore {
 public:
  virtual ~SharedStore() = default;

  /// Takes or prolongs a lease; false: another agent has it. It ends by itself after `lasts`.
  virtual base::Result<bool> lease(std::string_view name, base::Duration lasts) = 0;
  /// Gives up what this agent holds, so that another need not wait.
  virtual base::Result<void> release(std::string_view name) = 0;

  /// Says that this agent is there, and returns all, this one included, by name.
  virtual base::Result<std::vector<model::Member>> meet(std::string_view address, std::string_view version) = 0;
  /// This agent stops in order: nobody is to miss it.
  virtual base::Result<void> leave() = 0;
  /// This agent raises AgentDown for `member`; false: another one has done so already.
  virtual base::Result<bool> claim(std::string_view member) = 0;
  /// `member` is back.
  virtual base::Result<void> disclaim(std::string_view member) = 0;

  /// Runs the query of a rule in a read-only transaction that is rolled back, as the role `tocsin_rules` where that is
  /// there. `value`, or else the first column of a numeric type, is the number; the others are labels. Fault::exhausted
  /// beyond `most_rows`.
  virtual base::Result<model::RuleAnswer> ask(const std::string& query, base::Duration timeout,
                                              std::size_t most_rows) = 0;
};

}  // namespace tocsin::storage
