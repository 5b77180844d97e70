// What an attempt leaves in the store: the delivery's new state, a row of the notification log, and what follows.
#pragma once

#include <string>

#include "delivery/outbox.hpp"
#include "model/changes.hpp"

namespace tocsin::delivery {

/// A finished attempt, or none (shadow, given up before the first).
struct Finished {
  base::Time began{}, ended{};
  bool attempted = true;
  std::string type;  ///< of the channel
};

/// Sets state, error and next attempt of the delivery by what came of it. True: it ended.
bool settle(model::Delivery& delivery, const Outcome& outcome, const OutboxSettings& settings, base::Time now,
            base::Time give_up_at, double random);

/// The rows to keep for a delivery that settle() has judged.
model::Changes record(const model::Delivery& delivery, const Outcome& outcome, const Finished& finished);

/// That the recipient has had as many messages as the channel's limits allow, and when the next one may leave.
model::Verdict held_by_limits(const model::Delivery& delivery, const std::vector<model::Limit>& limits,
                              const std::string& type, base::Time free, base::Time now);

}  // namespace tocsin::delivery
