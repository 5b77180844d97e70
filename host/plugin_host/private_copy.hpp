// A copy of a plugin's bytes that nobody can change, remove or exchange.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "plugin_host/owned_fd.hpp"

namespace tocsin::plugin_host {

/// A read-only descriptor of an unnamed file with these bytes, close-on-exec, to be opened by dlopen() as
/// /proc/self/fd/N, here or in a process that inherits it. Kept open as long as the library is mapped. `path` is for
/// messages.
///
/// Why a copy: what was verified must be what is loaded, whatever happens to the plugin's file in between and after.
/// And dlopen() recognises what it has already mapped by path and by (device, inode): a file exchanged by rename or
/// overwritten in place would give the old code again, and overwriting in place would even change the code that runs.
///
/// First a sealed memfd: no write, no resizing, no further seals, for everybody and for good, root and this process
/// included. Where memory may not be executed (vm.memfd_noexec, a security module; found out by mapping it), an
/// unnamed file in a directory of this process's own, mode 0700, made and removed for it: in $TMPDIR or /tmp, /var/tmp,
/// /dev/shm, or beside the plugin; places mounted noexec are passed over. Both need no cleaning up after kill -9.
///
/// Rejected: mapping the plugin's file through its own descriptor (overwriting in place changes running code); a file
/// first and memory last, as it was before signatures (what is on a disk can be opened for writing through /proc by any
/// process of the same user, and written to the disk beneath; the price is that the pages of loaded plugins, a few MiB,
/// can be swapped but not dropped); fs-verity (needs a file system that has it, and only some have).
base::Result<OwnedFd> private_copy(std::string_view bytes, const std::string& path);

/// The two ways, for tests: -1 with errno where there is none.
OwnedFd sealed_memory(std::string_view bytes);
OwnedFd private_file(std::string_view bytes, const std::string& directory);

}  // namespace tocsin::plugin_host
