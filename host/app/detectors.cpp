#include "app/detectors.hpp"

#include <tuple>

#include "base/id.hpp"
#include "detection/query_rules.hpp"

namespace tocsin::app {

std::uint64_t script_hash(const std::string& file, const std::string& text) {
  return base::Fnv1a().add(file).add_byte(0).add(text).value();
}

base::Result<void> trial_compile(detection::Evaluator& evaluator, const model::Rule& rule) {
  std::uint32_t next = 0;
  tsn_inputs inputs{};
  inputs.size = sizeof inputs;
  inputs.ctx = &next;
  inputs.add = [](const tsn_inputs* self, const tsn_input*, std::uint32_t* column, tsn_err*) -> tsn_status {
    *column = (*static_cast<std::uint32_t*>(self->ctx))++;
    return TSN_OK;
  };
  TRY(void* program, evaluator.compile(rule, inputs));
  evaluator.release(program);
  return {};
}

Detectors::Detectors(InstanceFactory& factory, std::string data_dir, std::uint32_t shards, Configure configure,
                     const CrashBook* crashes)
    : factory_(factory),
      data_dir_(std::move(data_dir)),
      shards_(shards),
      configure_(std::move(configure)),
      crashes_(crashes) {}

Detectors::~Detectors() {
  stop();
}

void Detectors::stop() {
  std::lock_guard lock(mutex_);
  for (auto& [key, site] : sites_) site->instance->stop();
  for (auto& site : retired_) site->instance->stop();
}

std::map<std::string, std::string> Detectors::extensions() const {
  std::lock_guard lock(mutex_);
  std::map<std::string, std::string> by_extension;
  for (const auto& [id, file] : found_) {
    for (const auto& type : file.descriptor.types) {
      if (type.id == id && !type.extension.empty()) by_extension[type.extension] = id;
    }
  }
  return by_extension;
}

base::Result<Detectors::Site*> Detectors::site(const std::string& detector, std::uint32_t shard) {
  std::lock_guard lock(mutex_);
  auto& slot = sites_[{detector, shard}];
  if (slot) return slot.get();
  auto forget = [&](base::Error error) -> base::Result<Site*> {
    sites_.erase({detector, shard});
    return base::fail(std::move(error));
  };
  const auto file = found_.find(detector);
  if (file == found_.end()) {
    return forget({base::Fault::not_found, "there is no detector \"" + detector + "\" in the plugin directories"});
  }
  auto made = make_site(detector, file->second);
  if (!made) return forget(made.error());
  if (auto started = (*made)->instance->start({}); !started) return forget(started.error());
  slot = std::move(*made);
  return slot.get();
}

base::Result<std::unique_ptr<Detectors::Site>> Detectors::make_site(const std::string& detector,
                                                                    const plugin_host::Found& file) {
  TRY(auto configured, configure_(*plugin_host::type_of(file, detector)));
  plugin_host::InstanceSettings settings;
  settings.name = "detector." + detector;
  settings.type = detector;
  settings.config = std::move(configured.options);
  settings.data_dir = data_dir_ + "/plugins/detector." + detector;
  settings.identity = file.identity;
  auto made = std::make_unique<Site>();
  TRY(made->instance, factory_.make(file, std::move(settings), configured.isolation));
  made->identity = file.identity;
  made->adapter = std::make_unique<DetectorAdapter>(
      made->instance, [this, site = made.get()](const model::Rule& rule) { return script_of(*site, rule); });
  return made;
}

base::Result<std::vector<plugin_host::Instance::LoadedRule>> Detectors::read(Site& site, const Script& script) {
  TRY(auto rules, site.instance->load_script(script.file, script.text));
  for (const auto& rule : rules) {
    const auto* name = rule.table.find("name");
    if (name && name->string()) site.scripts[{script.hash, *name->string()}] = rule.script;
  }
  return rules;
}

base::Result<std::vector<base::Value>> Detectors::load(const Script& script) {
  TRY(Site * reader, site(script.detector, shards_));
  TRY(auto rules, read(*reader, script));
  {
    std::lock_guard lock(mutex_);
    scripts_[script.hash] = script;
  }
  std::vector<base::Value> tables;
  for (auto& rule : rules) tables.push_back(std::move(rule.table));
  return tables;
}

// On the shard's thread: the shard's own instance reads the script when the first of its rules is compiled.
void* Detectors::script_of(Site& site, const model::Rule& rule) {
  const auto known = site.scripts.find({rule.script, rule.name});
  if (known != site.scripts.end()) return known->second;
  Script script;
  {
    std::lock_guard lock(mutex_);
    const auto it = scripts_.find(rule.script);
    if (it == scripts_.end()) return nullptr;
    script = it->second;
  }
  if (!read(site, script)) return nullptr;
  const auto loaded = site.scripts.find({rule.script, rule.name});
  return loaded == site.scripts.end() ? nullptr : loaded->second;
}

base::Result<void> Detectors::try_compile(const model::Rule& rule) {
  TRY(Site * reader, site(rule.detector, shards_));
  if (rule.query_source.empty()) return trial_compile(*reader->adapter, rule);
  TRY(void* program, reader->adapter->compile(rule, detection::answer_inputs()));
  reader->adapter->release(program);
  return {};
}

detection::FindEvaluator Detectors::for_shard(std::uint32_t shard) {
  return [this, shard](const std::string& detector) -> base::Result<detection::Evaluator*> {
    TRY(Site * found, site(detector, shard));
    return found->adapter.get();
  };
}

std::vector<model::PluginStatus> Detectors::status() const {
  std::lock_guard lock(mutex_);
  std::map<std::string, model::PluginStatus> by_id;
  for (const auto& [key, site] : sites_) {
    auto& line = by_id[key.first];
    const auto& type = site->instance->type();
    line.id = type.id;
    line.version = type.version;
    line.kind = "detector";
    line.instance = site->instance->name();
    if (line.state != "quarantined") line.state = "running";
    show_health(site->instance.get(), crashes_, site->identity, line);
    line.usage.add(site->instance->usage());
    if (auto file = found_.find(key.first); file != found_.end()) line.path = file->second.path;
  }
  std::vector<model::PluginStatus> lines;
  for (auto& [id, line] : by_id) {
    if (const auto record = records_.find(id); record != records_.end()) {
      line.error = record->second.error;
      line.usage.add(record->second.ledger->usage(nullptr));
      std::tie(line.upgrades, line.upgrades_failed) = record->second.ledger->upgrades();
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace tocsin::app
