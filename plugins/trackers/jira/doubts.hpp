// What is remembered between attempts of a create whose outcome is not known.
//
// Jira's search lags behind what was created, so one empty search after a lost answer proves nothing. An issue counts
// as not created when two searches, at least `search_settle` apart and both begun after the outcome became doubtful,
// found nothing. The time of the first is kept in "tsn.kv/1" and so survives a restart; it is thrown away before each
// create, so that a lost second answer is doubted anew. The rejected alternatives: waiting inside the call would hold
// up every other incident of the instance; issue properties can only be set once the key is known.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "tocsin/context.hpp"

namespace tocsin_plugins::jira {

class Doubts {
 public:
  explicit Doubts(tsn::Context ctx) : ctx_(ctx) {}

  /// A create may have happened.
  void raise(std::string_view correlation_id);
  /// raise() was called and neither settle() nor clear() since.
  bool any(std::string_view correlation_id) const;
  /// A search just found nothing. The time to wait before the next one counts; 0: it is proven that there is no issue.
  std::chrono::nanoseconds found_nothing(std::string_view correlation_id, std::chrono::nanoseconds settle);
  void clear(std::string_view correlation_id);

 private:
  std::string get(std::string_view correlation_id) const;
  void put(std::string_view correlation_id, std::string value);

  tsn::Context ctx_;
  std::map<std::string, std::string> memory_;  ///< where the host keeps no state
};

}  // namespace tocsin_plugins::jira
