// Basic trust in a plugin's file: nobody but its owner and group may exchange it. Signatures are another matter.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/result.hpp"

namespace tocsin::plugin_host {

/// Opens the file for reading without following a symlink in its last part, and refuses what is no regular file, what
/// anybody may write, and what lies in a directory that anybody may write. `status` receives the file's fstat. The
/// caller closes the descriptor. Any thread.
base::Result<int> open_trusted(const std::string& path, struct stat& status);

}  // namespace tocsin::plugin_host
