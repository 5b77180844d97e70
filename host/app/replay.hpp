// `tocsin replay`: log files through the same sources, rules, grouping and routes as live, on a virtual clock taken
// from the lines' timestamps. Nothing leaves and nothing is kept.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/alert.hpp"
#include "model/incident.hpp"

namespace tocsin::app {

struct ReplayRequest {
  std::string config_file;
  std::vector<std::string> files;
};

struct ReplayReport {
  std::vector<model::Alert> alerts;        ///< each time one began to fire, with the line that raised it
  std::vector<model::Incident> incidents;  ///< as they are at the end
  std::uint64_t signals = 0;
  std::vector<std::string> notes;  ///< warnings of the configuration, problems of rules
};

base::Result<ReplayReport> replay(const ReplayRequest& request);

}  // namespace tocsin::app
