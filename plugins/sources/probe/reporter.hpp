// What a check found out, as rows and as a line in the log when it is news. One thread at a time.
#pragma once

#include "check.hpp"
#include "target.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::probing {

class Reporter {
 public:
  Reporter(tsn::Context ctx, const Target& target) : ctx_(ctx), target_(target) {}

  void write(tsn::Batch& out, const Outcome& outcome, tsn::Time now);
  /// Says that the target went down, with the reason, or came back.
  void tell(const Outcome& outcome);

 private:
  /// A series that is made when it is first needed; a target has few of those that there are.
  struct Slot {
    const char* name;
    const char* certificate = nullptr;  ///< a further label
    tsn::Series series = {};
    bool refused = false;
  };
  void push(tsn::Batch& out, Slot& slot, double value, tsn::Time now);

  tsn::Context ctx_;
  const Target& target_;
  Slot up_{"probe.up"}, duration_{"probe.duration"}, status_{"probe.http.status"}, first_byte_{"probe.http.first_byte"},
      leaf_{"probe.tls.expiry_days", "leaf"}, chain_{"probe.tls.expiry_days", "chain"},
      lag_{"probe.replication.lag_seconds"};
  bool told_ = false, was_up_ = true;
};

}  // namespace tocsin_plugins::probing
