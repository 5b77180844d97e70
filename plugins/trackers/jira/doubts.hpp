// What is remembered between attempts of a create whose outcome is not known.
//
// Jira's search lags behind what was created, so one empty search after a lost answer proves nothing. An issue counts
// as not created when two searches, at least `search_settle` apart and both begun after the outcome became doubtful,
// found nothing. The time of the first is kept in "tsn.kv/1" and so survives a restart; it is thrown away before each
// create, so that a lost second answer is doubted anew. The rejected alternatives: waiting inside the call would hold
// up every other incident of the instance; issue properties can only be set once the key is known.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "state.hpp"

namespace tocsin_plugins::jira {

/// `what` is created: an incident by its correlation id, or a collecting issue by its label.
class Doubts {
 public:
  Doubts(tsn::Context ctx, State& state) : ctx_(ctx), state_(state) {}

  /// A create may have happened.
  void raise(std::string_view what);
  /// raise() was called and neither settle() nor clear() since.
  bool any(std::string_view what) const;
  /// A search just found nothing. The time to wait before the next one counts; 0: it is proven that there is no issue.
  std::chrono::nanoseconds found_nothing(std::string_view what, std::chrono::nanoseconds settle);
  void clear(std::string_view what);

 private:
  std::string get(std::string_view what) const;
  void put(std::string_view what, std::string value);

  tsn::Context ctx_;
  State& state_;
};

}  // namespace tocsin_plugins::jira
