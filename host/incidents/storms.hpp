// Storms: whom more messages were meant for than can be read, and the digests these are gathered into. A recipient's
// storm is over by itself, as soon as fewer are meant for it.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "model/delivery.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// One strand. A gathered message stays a pending delivery that names its digest and is due with it: a restart learns
/// all of it from those rows. How many messages came lately is not kept.
class Storms {
 public:
  using Messages = std::vector<model::Delivery>;

  void configure(const model::StormDigest& settings) { settings_ = settings; }
  const model::StormDigest& settings() const { return settings_; }

  /// Counts it for its recipient. True: it is gathered, and has got its digest's key and instant. `at_once`: it is
  /// counted only. While something is gathered what follows is too, so that nothing overtakes. `until`: gathered in any
  /// case, until then; no_time: not in any case.
  bool gather(model::Delivery& message, bool at_once, base::Time at, base::Time until = {});
  /// It still gathers.
  bool gathers(const std::string& digest) const;
  /// It is due then instead; what joins it is too.
  void move(const std::string& digest, base::Time to);
  /// The digest's messages; it is on its way from now on.
  const Messages& close(const std::string& digest);
  /// What a digest that has ended told; empty: it is none.
  Messages ended(const std::string& digest);
  /// At a start: a gathered message, and whether its digest is on its way. True: it is the first of its digest.
  bool learn(const model::Delivery& message, bool sent);

 private:
  model::StormDigest settings_;
  std::map<std::string, std::deque<base::Time>> lately_;  ///< by recipient: of the newest `after` messages
  std::map<std::string, std::string> open_;               ///< by recipient: the digest that is gathered
  std::map<std::string, Messages> gathered_;              ///< by digest, until it has ended
};

}  // namespace tocsin::incidents
