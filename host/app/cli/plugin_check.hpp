// `tocsin plugin check`: starts the suite, which is a program of its own.
#pragma once

#include <string>
#include <vector>

namespace tocsin::app {

struct PluginCheck {
  std::string file;    ///< the .so
  std::string config;  ///< a configuration whose instances give the options; empty: made up
  std::string glibc;   ///< newest symbol version allowed; empty: the suite's own
  bool json = false;
};

/// Becomes tocsin-check, found beside this program: its exit code is this one's (0 it holds, 1 it does not, 2 wrong
/// usage). Returns only by CommandEnd, when it cannot be started. Nothing of the plugin runs in this process.
[[noreturn]] void check_plugin(const PluginCheck& what);

}  // namespace tocsin::app
