// One look at what changed in Jira since the last whole one.
//
// The cursor ("poll") is the instant, by our own clock, at which the last whole pass began. A pass asks for what
// changed in the time since then and the five minutes before: Jira's index lags behind its issues, and a distance from
// now needs neither its clock nor its time zone. The same event is met again on several passes and known by its id.
#pragma once

#include <map>
#include <string>

#include "incoming.hpp"

namespace tocsin_plugins::jira {

/// [seq]
class Poll {
 public:
  Poll(const Settings& settings, tsn::Context ctx, Api& api, Incoming& incoming, State& state)
      : settings_(settings), ctx_(ctx), api_(api), incoming_(incoming), state_(state) {}

  /// True: a whole pass. False: the deadline came first; the next pass goes on, what was read is not read again. Throws
  /// tsn::Failure where Jira cannot be asked, or the host cannot take more now; the cursor stays.
  bool run(tsn::Deadline deadline);

 private:
  tsn::Time cursor(tsn::Time now);
  bool read(const Changed& changed, std::chrono::nanoseconds window, tsn::Deadline deadline);
  void could_not(const Changed& changed, const tsn::Failure& why);

  const Settings& settings_;
  tsn::Context ctx_;
  Api& api_;
  Incoming& incoming_;
  State& state_;
  std::map<std::string, std::string> read_;  ///< key → `updated` when it was read
  std::map<std::string, int> failures_;      ///< key → passes on which it could not be read
};

}  // namespace tocsin_plugins::jira
