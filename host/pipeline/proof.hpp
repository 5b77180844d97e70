// A proof of the path: a signal of the agent's own that takes the way of all (intake, journal, shards, control, store,
// outbox) to a channel of the agent's own. It opens no incident, is in no history and in no log of what was sent; the
// journal position covers it as any batch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/alert.hpp"
#include "model/delivery.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"

namespace tocsin::pipeline {

/// Name of the signal, of the rule that judges it, of the batch's instance, and of the channel it comes out at.
constexpr const char* proof_name = "tocsin.watchdog";

/// One row pair for each lane: −number ends the alert of the proof before, number raises one. The delivery's `text` is
/// the number, its `recipient` the lane.
std::shared_ptr<model::SignalBatch> proof_batch(std::uint64_t number, const std::vector<std::string>& lanes,
                                                model::SeriesTable& series, base::Time now);

/// Takes the alerts of proofs out of a shard's report and returns those that were raised.
std::vector<model::Alert> take_proofs(std::vector<model::Alert>& alerts);
/// What is sent of one. It is given up after `patience`.
model::Delivery proof_delivery(const model::Alert& proof, base::Time now, base::Duration patience);

/// What history gets of a batch: of a proof its position alone.
model::SharedBatch without_proof(model::SharedBatch batch);

}  // namespace tocsin::pipeline
