// Finds what is known about a question of `tocsin explain` and has it judged (explanation.hpp).
#pragma once

#include <vector>

#include "api/backend.hpp"
#include "model/routing.hpp"
#include "pipeline/pipeline.hpp"

namespace tocsin::app {

/// What is asked besides the store; read before, because the answers cost nothing.
struct ExplainSources {
  base::Time now{};
  pipeline::Pipeline* pipeline = nullptr;
  std::vector<api::RuleInfo> rules;
  model::Routing routing;
};

/// Fault::not_found for a rule, an incident or a person there is not. Blocks; any thread.
base::Result<api::Explanation> find_and_explain(const ExplainSources& sources, api::ExplainQuery query);

}  // namespace tocsin::app
