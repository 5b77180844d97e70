#include "plugin_host/runner/runners.hpp"

#include <utility>

#include "plugin_host/descriptor.hpp"
#include "plugin_host/verified.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

struct Runners::House {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Cell>> cells;

  /// Ends the cells in which nobody lives.
  void clear() {
    std::vector<std::shared_ptr<Cell>> gone;
    {
      std::lock_guard lock(mutex);
      for (auto it = cells.begin(); it != cells.end();) {
        const bool empty = it->second.use_count() == 1 && it->second->empty();
        if (empty) gone.push_back(std::move(it->second));
        it = empty ? cells.erase(it) : std::next(it);
      }
    }
  }
};

Runners::Runners(RunnersSettings settings, Port& port, Listeners listeners)
    : settings_(std::move(settings)),
      port_(port),
      listeners_(std::move(listeners)),
      house_(std::make_shared<House>()) {}

Runners::~Runners() {
  std::map<std::string, std::shared_ptr<Cell>> all;
  std::lock_guard lock(house_->mutex);
  all.swap(house_->cells);
  for (auto& [name, cell] : all) cell->stop();
}

Result<std::shared_ptr<Cell>> Runners::cell(const std::string& name, const SandboxSettings& sandbox,
                                            const Isolation& isolation) {
  std::lock_guard lock(house_->mutex);
  if (!isolation.group.empty()) {
    auto it = house_->cells.find(isolation.group);
    if (it != house_->cells.end()) {
      if (it->second->sandbox().allowed == sandbox.allowed) return it->second;
      return fail(Fault::conflict,
                  name + ": the runner of group \"" + isolation.group +
                      "\" has other permissions; give all of the group the same `needs`, or this one another group");
    }
  }
  CellSettings settings;
  settings.program = settings_.program;
  settings.name = isolation.group.empty() ? name : isolation.group;
  settings.sandbox = sandbox;
  settings.standby = isolation.standby;
  auto made = std::make_shared<Cell>(std::move(settings), port_, listeners_.died);
  // While an instance is exchanged there are two of its name, each in a runner of its own.
  static std::atomic<std::uint64_t> serial{0};
  const std::string key = isolation.group.empty() ? name + "#" + std::to_string(++serial) : isolation.group;
  house_->cells[key] = made;
  return made;
}

Result<std::shared_ptr<Instance>> Runners::create(const std::string& path, InstanceSettings settings,
                                                  const Isolation& isolation, const TrustPolicy& policy) {
  TRY(auto verified, open_verified(path, policy));
  const model::PluginType* type = nullptr;
  for (const auto& each : verified.descriptor.types) {
    if (each.id == settings.type) type = &each;
  }
  auto library = std::make_shared<const LibraryFile>(verified.fd.release(), path);
  if (type == nullptr)
    return fail(Fault::not_found, settings.name + ": " + path + " has no plugin type \"" + settings.type + "\"");
  std::vector<std::string> needs = type->needs;
  needs.insert(needs.end(), isolation.needs.begin(), isolation.needs.end());
  auto allowed = permissions_of(needs);
  if (!allowed) return fail(allowed.error().in(settings.name));
  TRY(auto cell, this->cell(settings.name, {*allowed, isolation.memory_bytes}, isolation));
  RemoteInstance::Parts parts{cell, library, *type, std::move(settings), &port_, settings_.limits, listeners_.poisoned};
  auto made = std::make_shared<RemoteInstance>(std::move(parts));
  cell.reset();
  auto done = made->create();
  Instance* face = made.get();
  std::shared_ptr<Instance> out(face, [made = std::move(made), house = house_](Instance*) mutable {
    made->shut_down();
    made.reset();
    house->clear();
  });
  if (!done) return fail(done.error());
  return out;
}

void Runners::collect() {
  std::vector<std::shared_ptr<Cell>> all;
  {
    std::lock_guard lock(house_->mutex);
    for (auto& [name, cell] : house_->cells) all.push_back(cell);
  }
  for (const auto& cell : all) {
    if (const auto process = cell->current()) process->collect(port_);
  }
}

}  // namespace tocsin::plugin_host::runner
