// Decisions about an incident that the desk may have let go of: it keeps the newest thousand that ended.
#pragma once

#include <string>

#include "base/result.hpp"
#include "pipeline/pipeline.hpp"

namespace tocsin::app {

/// The incident as the store has it, for the desk to take back. Fault::not_found: there is none.
base::Result<incidents::Known> known_incident(storage::Store& store, const std::string& id);

/// Decides. One that the desk let go of is handed back in the decision's own call: what is decided meanwhile may let it
/// go again.
base::Result<void> decide_adopting(pipeline::Pipeline& pipeline, const std::string& id,
                                   const pipeline::Pipeline::Decide& decide);

}  // namespace tocsin::app
