// What only a store that several agents share offers (PostgreSQL): who does what only one may do, and who is there. All
// calls block and may come from any thread. Times are by the store's clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/alert.hpp"
#include "model/member.hpp"
#include "storage/rule_queries.hpp"

namespace tocsin::storage {

/// Whoever holds it decides for all: routing, incidents, silences, sending. Changes marked `decided` are of its holder.
constexpr std::string_view deciding_lease = "decisions";

struct Holder {
  std::string agent, address;
};
/// An alert that an agent passed on to the one that decides.
struct PassedAlert {
  std::uint64_t id = 0;
  model::Alert alert;  ///< with its agent
};

class SharedStore : public RuleQueries {
 public:
  /// Takes or prolongs a lease; false: another agent has it. It ends after `lasts` for others; who held it keeps it
  /// until one takes it. `address`: where the holder is asked.
  virtual base::Result<bool> lease(std::string_view name, base::Duration lasts, std::string_view address = {}) = 0;
  /// Gives up what this agent holds, so that another need not wait.
  virtual base::Result<void> release(std::string_view name) = 0;
  /// Who has it now; nobody: none, or it is over.
  virtual base::Result<std::optional<Holder>> holder(std::string_view name) = 0;

  /// What waits to be decided, oldest first.
  virtual base::Result<std::vector<PassedAlert>> passed_alerts(std::size_t most) = 0;
  /// Returns when an agent passed something on since the last call, or after `most`. One thread.
  virtual base::Result<void> wait_for_passed(base::Duration most) = 0;

  /// Says that this agent is there, and returns all, this one included, by name.
  virtual base::Result<std::vector<model::Member>> meet(std::string_view address, std::string_view version) = 0;
  /// This agent stops in order: nobody is to miss it.
  virtual base::Result<void> leave() = 0;
  /// This agent raises AgentDown for `member`; false: another one has done so already.
  virtual base::Result<bool> claim(std::string_view member) = 0;
  /// `member` is back.
  virtual base::Result<void> disclaim(std::string_view member) = 0;
};

}  // namespace tocsin::storage
