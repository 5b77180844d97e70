// One look at one target. On any thread; the thread is held until it is over.
#pragma once

#include <optional>
#include <string>

#include "line.hpp"
#include "target.hpp"

namespace tocsin_plugins::probing {

struct Outcome {
  bool up = false;
  std::string why;                   ///< it is down: one clean line, for logs only
  bool stopped = false;              ///< the plugin stops: nothing was found out
  double seconds = 0;                ///< the whole check
  std::optional<double> first_byte;  ///< http: seconds until the answer began
  std::optional<long> status;        ///< http
  std::optional<Expiry> expiry;      ///< tls, also when the target is down for its certificate
  std::optional<double> lag;         ///< postgres, redis: seconds behind the primary, or of its furthest replica
};

/// Never throws. `now` is the agent's time, by which certificates are judged.
Outcome check(const Target& target, tsn::Time now, const Limits& limits);

// What check() is made of. Each fills what it found out and throws tsn::Failure when the target is down.
void check_http(const Target& target, const Limits& limits, Outcome& out);
void check_line(const Target& target, tsn::Time now, const Limits& limits, Outcome& out);
void check_dns(const Target& target, const Limits& limits);
void check_postgres(const Target& target, const Limits& limits, Outcome& out);
void check_redis(const Target& target, tsn::Time now, const Limits& limits, Outcome& out);

/// Throws when `replica` is not what the target's role asks for.
void check_role(const Target& target, bool replica);

}  // namespace tocsin_plugins::probing
