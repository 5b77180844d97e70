// Which files a process may open: Landlock (Linux 5.13 and later), by the kernel's own interface; glibc has no
// wrappers.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace tocsin::plugin_host::runner {

struct PathRule {
  enum Access : unsigned { read = 1, write = 2, execute = 4 };
  std::string path;  ///< a directory (and all beneath it) or a file; one that is not there is passed over
  unsigned access = read;
};

/// From now on the calling thread, and threads and processes it makes, open only what the rules allow; and may not
/// trace processes outside (which also closes /proc/PID/environ and mem of others). False: the kernel has no Landlock.
base::Result<bool> restrict_files(const std::vector<PathRule>& rules);

}  // namespace tocsin::plugin_host::runner
