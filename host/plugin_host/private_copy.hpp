// A copy of a plugin's file that nobody else can change or remove.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tocsin::plugin_host {

/// A descriptor of an unnamed file with these bytes, to be opened by dlopen() as /proc/self/fd/N. The caller keeps it
/// open as long as the library is mapped and closes it after.
///
/// Why a copy: dlopen() recognises what it has already mapped by path and by (device, inode). A file exchanged by
/// rename or overwritten in place would give the old code again, and overwriting in place would even change the code
/// that runs. An unnamed file of its own has an inode of its own and needs no cleaning up, also after kill -9.
/// Rejected: mapping the plugin's file through its own descriptor (safe against rename only), and memfd first (memory
/// that cannot be reclaimed; it is the last resort here). Tried in order: the plugin's own directory, $TMPDIR or /tmp,
/// /var/tmp, memory; places mounted noexec are passed over.
base::Result<int> private_copy(std::string_view bytes, const std::string& path);

}  // namespace tocsin::plugin_host
