// A plugin's bytes, verified: read once from a file that passed, checked against the signature policy, and from then on
// out of everybody's reach.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "model/plugin.hpp"
#include "plugin_host/owned_fd.hpp"
#include "plugin_host/trust.hpp"

namespace tocsin::plugin_host {

struct VerifiedBytes {
  std::string path;
  std::string bytes;  ///< the whole file
  model::PluginDescriptor descriptor;
  std::uint64_t content = 0;  ///< hash of `bytes`: tells contents apart, proves nothing
  std::string warning;        ///< what the policy lets pass; empty: nothing
};

/// What is read is what was checked: owner and modes on the way, signature and note over the same bytes. Runs no code
/// of the plugin. Any thread.
base::Result<VerifiedBytes> read_verified(const std::string& path, const TrustPolicy& policy);
base::Result<VerifiedBytes> read_verified(const TrustedFile& file, const std::string& path, const TrustPolicy& policy);

/// The bytes as a file of their own, see private_copy.hpp: what is to be loaded, here (/proc/self/fd/N) or in a process
/// that inherits `fd`.
struct VerifiedFile {
  OwnedFd fd;
  std::string path;
  model::PluginDescriptor descriptor;
  std::uint64_t content = 0;
};
base::Result<VerifiedFile> open_verified(const std::string& path, const TrustPolicy& policy);

}  // namespace tocsin::plugin_host
