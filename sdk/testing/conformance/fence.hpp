// What a plugin may not do in the child, and how it is noticed: a seccomp filter that traps, and descriptors that must
// stay open.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <vector>

namespace tsn::conformance {

/// Written by the signal handler of the trap; lies in memory shared with the parent.
struct Fenced {
  std::atomic<bool> network{false}, processes{false};
  char network_where[128] = {}, processes_where[128] = {};
};

class Fence {
 public:
  /// From here on, for the whole process and for ever. `where` says which call runs. Where the kernel grants no filter,
  /// nothing is noticed.
  Fence(bool network, bool processes, Fenced* to, const char* where);
  /// A descriptor that was open before the plugin was loaded is not any more, or is another.
  bool broken() const;

 private:
  struct Guard {
    int fd;
    ino_t inode;
  };
  std::vector<Guard> guards_;
};

}  // namespace tsn::conformance
