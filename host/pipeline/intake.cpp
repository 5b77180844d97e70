#include "pipeline/intake.hpp"

#include <utility>

namespace tocsin::pipeline {

Intake::Intake(storage::Journal& journal, std::function<bool()> room, std::function<void(model::SharedBatch)> hand_on)
    : journal_(journal), room_(std::move(room)), hand_on_(std::move(hand_on)) {}

base::Result<std::uint64_t> Intake::take(std::shared_ptr<model::SignalBatch> batch) {
  if (!room_()) return base::fail(base::Fault::exhausted, "the intake is full; submit the same batch again later");
  TRY(const std::uint64_t position, journal_.append(*batch));
  std::lock_guard lock(mutex_);
  early_.emplace(position, std::move(batch));
  for (auto it = early_.begin(); it != early_.end() && it->first == next_; it = early_.erase(it), ++next_) {
    hand_on_(std::move(it->second));
  }
  return position;
}

}  // namespace tocsin::pipeline
