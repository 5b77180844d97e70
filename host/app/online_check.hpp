// `tocsin check --online`: each configured instance is made as the agent makes it, not started, and asked to look
// outside. Each in a process of its own, because a plugin that crashes or hangs must cost its own line only.
#pragma once

#include <string>
#include <vector>

namespace tocsin::app {

/// What one instance found.
struct OnlineFinding {
  std::string instance;            ///< "tracker.jira"
  bool asked = true;               ///< false: its type cannot look
  std::vector<std::string> lines;  ///< each begins with "error: ", "warning: " or "ok: "
  bool good() const;               ///< no line is an error
};

/// Of all instances, in the order of their names. The configuration must be without errors. Forks: the caller has one
/// thread, and nothing waits in its output streams.
std::vector<OnlineFinding> check_online(const std::string& config_file);

}  // namespace tocsin::app
