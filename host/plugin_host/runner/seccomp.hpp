// Which system calls a process may make: a seccomp filter in classic BPF, written here because it is forty lines and
// libseccomp would be one more library in every runner.
#pragma once

#include "base/result.hpp"

namespace tocsin::plugin_host::runner {

struct CallRules {
  bool network = false;
  bool processes = false;
};

/// A deny list: what reaches beyond the process (tracing, mounting, modules, namespaces, keys, other processes' memory,
/// io_uring, which would pass by this filter) always answers EPERM; sockets and new processes do unless allowed. An
/// allow list was rejected: it would have to follow every glibc and every library a plugin links. Signals go only to
/// the process itself, with `processes` to any but the agent. Another architecture's calls (x32, i386) end the process.
/// Needs no_new_privs. False: the kernel has no seccomp filters, or the machine is neither x86_64 nor aarch64.
base::Result<bool> restrict_calls(const CallRules& rules);

}  // namespace tocsin::plugin_host::runner
