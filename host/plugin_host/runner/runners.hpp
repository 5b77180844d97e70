// Isolated instances: made in runner processes, one for each instance or one for each named group.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/plugin.hpp"
#include "plugin_host/runner/cell.hpp"
#include "plugin_host/runner/remote_instance.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::plugin_host::runner {

/// How an instance is isolated, as configured.
struct Isolation {
  std::string group;               ///< instances with the same word share a runner; empty: one of its own
  std::vector<std::string> needs;  ///< beyond what its type declares
  bool standby = false;
  std::uint64_t memory_bytes = 1ull << 30;  ///< 0: no limit
};

struct RunnersSettings {
  std::string program;  ///< absolute path of tocsin-runner
  Limits limits;
};

class Runners {
 public:
  /// Called on threads of their own; must not wait long.
  struct Listeners {
    std::function<void(const Death&)> died = [](const Death&) {};
    std::function<void(const Poison&)> poisoned = [](const Poison&) {};
  };
  Runners(RunnersSettings settings, Port& port, Listeners listeners);
  /// Instances must be gone.
  ~Runners();

  /// Like Instance::create, in a runner. A group whose runner is there is joined if it allows what this one needs;
  /// otherwise Fault::conflict says what to do. `policy` is that of the Found the path is from: what it does not trust
  /// is refused here, and the runner gets the bytes that were verified. Blocks; any thread.
  base::Result<std::shared_ptr<Instance>> create(const std::string& path, InstanceSettings settings,
                                                 const Isolation& isolation, const TrustPolicy& policy = {});
  /// The plugins' own metrics, as they are now, to the port.
  void collect();

 private:
  struct House;  // shared with the instances' ends, which may come after this object's
  base::Result<std::shared_ptr<Cell>> cell(const std::string& name, const SandboxSettings& sandbox,
                                           const Isolation& isolation);
  const RunnersSettings settings_;
  Port& port_;
  const Listeners listeners_;
  const std::shared_ptr<House> house_;
};

}  // namespace tocsin::plugin_host::runner
