// Trust in a plugin's file: who may exchange it, and who must have signed it.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/public_key.hpp"
#include "plugin_host/owned_fd.hpp"

namespace tocsin::plugin_host {

/// What [trust] asks for beyond owners and modes, which are always checked. The default demands no signature.
struct TrustPolicy {
  std::vector<model::PublicKey> keys;  ///< none: no signature is demanded
  bool allow_unsigned = false;         ///< unsigned = "warn": a plugin that none of `keys` signed loads with a warning
  bool verify_bundled = false;         ///< bundled = "verify": the bundled directory needs signatures too
  std::string bundled_dir;             ///< as Directory has it, without a slash at its end
  /// Whether the file at this path must be signed.
  bool demands_signature(const std::string& path) const;
  friend bool operator==(const TrustPolicy&, const TrustPolicy&) = default;
};

/// A file that was opened and passed. The descriptors are what was checked: read from them, not from a path.
struct TrustedFile {
  OwnedFd directory;  ///< O_PATH, of the directory that holds the file
  OwnedFd file;       ///< for reading
  std::string name;   ///< in `directory`
  struct stat status{};
};

/// Opens the file for reading if nobody untrusted can exchange it. Trusted are root, the user the agent runs as, and
/// who owns the agent's program and the directories above it (they could exchange the agent itself). The path is
/// walked from / one part at a time, and every part is checked through the descriptor that the next one is opened from,
/// so that what was checked is what is read, whatever is renamed meanwhile:
/// - the file and every directory belong to a trusted user;
/// - nobody else may write them: not anybody, and the group only if it is root's (0) or the owner's own (its id is the
///   owner's) and no access list names others; for directories above the agent's program the group is not asked about;
/// - a directory of root's with the sticky bit (/tmp) may be written by anybody, as nobody removes another's files
/// there;
/// - a symbolic link to a directory is followed if a trusted user made it, and what it leads through is checked too;
/// - the file itself is a regular file and no symbolic link.
/// The error names the part that is not trusted and the command that mends it. Any thread.
base::Result<TrustedFile> open_trusted(const std::string& path);

}  // namespace tocsin::plugin_host
