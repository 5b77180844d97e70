// What a runner may do: decided from what its plugins declare (tsn_type.needs) and the configuration adds, and put into
// force by seccomp and Landlock before any code of a plugin runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace tocsin::plugin_host::runner {

/// Declared nothing: reading /proc, /sys, /usr, /lib and the public parts of /etc; nothing else.
struct Permissions {
  bool network = false;            ///< "network": sockets of IPv4, IPv6 and Unix
  bool processes = false;          ///< "processes": fork and exec
  std::vector<std::string> files;  ///< "files:DIR": reading and writing beneath DIR
  bool operator==(const Permissions&) const = default;
};

/// Fault::invalid names the word that is none of "network", "processes", "files:/ABSOLUTE".
base::Result<Permissions> permissions_of(const std::vector<std::string>& needs);

struct SandboxSettings {
  Permissions allowed;
  std::uint64_t memory_bytes = 0;  ///< of private memory (RLIMIT_DATA); 0: no limit
};

/// Confines the calling process, for good; before any other thread is made. What the kernel does not have is left out
/// and named in the result, which is empty where all is in force; an error where something that is there failed.
base::Result<std::string> confine(const SandboxSettings& settings);

}  // namespace tocsin::plugin_host::runner
