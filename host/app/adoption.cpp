#include "app/adoption.hpp"

namespace tocsin::app {

base::Result<incidents::Known> known_incident(storage::Store& store, const std::string& id) {
  TRY(auto found, store.restore_incident(id));
  if (found.incidents.empty()) return base::fail(base::Fault::not_found, "there is no incident " + id);
  incidents::Known known;
  known.incidents = std::move(found.incidents);
  known.incident_alerts = std::move(found.incident_alerts);
  known.ladders = std::move(found.ladders);
  known.tickets = std::move(found.tickets);
  return known;
}

base::Result<void> decide_adopting(pipeline::Pipeline& pipeline, const std::string& id,
                                   const pipeline::Pipeline::Decide& decide) {
  auto decided = pipeline.decide(decide);
  if (decided || decided.error().fault() != base::Fault::not_found) return decided;
  TRY(const auto kept, known_incident(pipeline.store(), id));
  return pipeline.decide([kept, decide](incidents::Desk& desk, base::Time at) {
    desk.adopt(kept, at);
    return decide(desk, at);
  });
}

}  // namespace tocsin::app
