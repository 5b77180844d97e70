#include "app/instance_factory.hpp"

#include <filesystem>
#include <utility>

namespace tocsin::app {
namespace {

/// tocsin-runner lies beside the agent's own program.
std::string runner_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "tocsin-runner").string();
}

}  // namespace

InstanceFactory::InstanceFactory(Parts parts)
    : parts_(std::move(parts)), runners_({runner_program(), {}}, *parts_.port, parts_.listeners) {}

base::Result<std::shared_ptr<plugin_host::Instance>> InstanceFactory::make(const plugin_host::Found& file,
                                                                           plugin_host::InstanceSettings settings,
                                                                           const settings::Isolation& isolation) {
  using enum settings::Isolation::Mode;
  const bool isolated =
      isolation.mode == process || (isolation.mode == by_default && !file.bundled) ||
      (parts_.crashes != nullptr && parts_.crashes->isolates(settings.name, settings.type, file.identity));
  if (isolated)
    return runners_.create(file, std::move(settings),
                           {isolation.group, isolation.needs, isolation.standby, isolation.memory_bytes});
  TRY(auto library, plugin_host::load_library(file));
  return plugin_host::Instance::create(std::move(library), std::move(settings), *parts_.port);
}

}  // namespace tocsin::app
