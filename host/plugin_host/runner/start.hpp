// How an agent starts a runner: descriptors and arguments, the same list for both.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "plugin_host/runner/sandbox.hpp"

namespace tocsin::plugin_host::runner {

constexpr int region_descriptor = 3, control_descriptor = 4;
constexpr int runner_failed = 70;  ///< exit code: the runner itself could not begin

struct Start {
  std::string name;  ///< for `ps`: the instance or the group
  pid_t agent = 0;
  SandboxSettings sandbox;
};

std::vector<std::string> start_arguments(const Start& start);
base::Result<Start> parse_start(const std::vector<std::string>& arguments);

}  // namespace tocsin::plugin_host::runner
