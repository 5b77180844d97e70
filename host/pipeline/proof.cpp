#include "pipeline/proof.hpp"

#include <algorithm>
#include <iterator>

namespace tocsin::pipeline {

std::shared_ptr<model::SignalBatch> proof_batch(std::uint64_t number, const std::vector<std::string>& lanes,
                                                model::SeriesTable& series, base::Time now) {
  auto batch = std::make_shared<model::SignalBatch>();
  batch->instance = proof_name;
  batch->source = "tocsin";
  batch->first_seq = 1;
  batch->arrived = now;
  const auto value = static_cast<double>(number);
  for (const std::string& lane : lanes) {
    const auto id = series.intern({proof_name, {{"lane", lane}}});
    for (const auto& [at, v] : {std::pair{base::to_ns(now) - 1, -value}, {base::to_ns(now), value}}) {
      batch->ts.push_back(at);
      batch->value.push_back(v);
      batch->series.push_back(id);
    }
  }
  return batch;
}

std::vector<model::Alert> take_proofs(std::vector<model::Alert>& alerts) {
  std::vector<model::Alert> raised;
  const auto proofs = std::ranges::stable_partition(alerts, [](const auto& alert) { return alert.rule != proof_name; });
  for (auto& alert : proofs) {
    if (alert.state == model::AlertState::firing) raised.push_back(std::move(alert));
  }
  alerts.erase(proofs.begin(), proofs.end());
  return raised;
}

model::Delivery proof_delivery(const model::Alert& proof, base::Time now, base::Duration patience) {
  model::Delivery delivery;
  delivery.proof = true;
  delivery.recipient = std::string(proof.group.get("lane"));
  delivery.text = std::to_string(static_cast<std::uint64_t>(proof.value));
  delivery.key = std::string(proof_name) + "/" + delivery.recipient + "/" + delivery.text;
  delivery.instance = delivery.target = proof_name;
  delivery.kind = model::MessageKind::test;
  delivery.reason = "watchdog";
  delivery.created_at = delivery.next_attempt_at = now;
  delivery.deadline = now + patience;
  return delivery;
}

model::SharedBatch without_proof(model::SharedBatch batch) {
  if (batch->instance != proof_name) return batch;
  auto bare = std::make_shared<model::SignalBatch>();
  bare->position = batch->position;
  bare->arrived = batch->arrived;
  bare->instance = batch->instance;
  bare->source = batch->source;
  return bare;
}

}  // namespace tocsin::pipeline
