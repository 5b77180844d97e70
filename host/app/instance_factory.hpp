// Where instances are made: in the agent, or isolated in a runner.
#pragma once

#include <memory>
#include <string>

#include "app/crash_book.hpp"
#include "base/result.hpp"
#include "plugin_host/directory.hpp"
#include "plugin_host/runner/runners.hpp"
#include "plugin_host/session.hpp"
#include "settings/instances.hpp"

namespace tocsin::app {

class InstanceFactory {
 public:
  struct Parts {
    plugin_host::Port* port = nullptr;
    const CrashBook* crashes = nullptr;  ///< files in it are isolated whatever is configured; may be null
    plugin_host::runner::Runners::Listeners listeners;
  };
  explicit InstanceFactory(Parts parts);

  /// Creates; does not start. Blocks; any thread.
  base::Result<std::shared_ptr<plugin_host::Instance>> make(const plugin_host::Found& file,
                                                            plugin_host::InstanceSettings settings,
                                                            const settings::Isolation& isolation);
  /// Metrics of isolated plugins, to the port; before an exposition.
  void collect() { runners_.collect(); }

 private:
  Parts parts_;
  plugin_host::runner::Runners runners_;
};

}  // namespace tocsin::app
