// Detectors exchanged for a newer version: all rules of a detector on all shards, or none.
//
// The successor proves itself on the instance that reads scripts: every script is read and every rule compiled there
// before a shard notices. Then each shard, on its own thread between two batches, passes the state on, compiles its
// rules on the successor and lets it judge from the next batch on. Windows, alerts and timers are the shard's own and
// are not touched. The predecessor judges until then and is not stopped before all shards have changed over, so that
// whatever fails leaves it as it was. Rejected: setting all rules again, as a reload does; a rule that no longer
// compiled lost its alerts.
#include <algorithm>
#include <utility>

#include "app/detectors.hpp"
#include "plugin_host/hand_over.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr const char* all_kept = "; the running one is kept for all of its rules";

/// What replaced the file of a running detector, if it cannot be used.
const plugin_host::Found* broken_at(const std::vector<plugin_host::Found>& found, const std::string& path) {
  for (const auto& file : found)
    if (file.path == path && !file.error.empty()) return &file;
  return nullptr;
}

}  // namespace

Detectors::Changed Detectors::set_found(const std::vector<plugin_host::Found>& found, const Running& running) {
  std::map<std::string, plugin_host::Found> now;
  for (const auto& file : found) {
    if (!file.error.empty()) continue;
    for (const auto& type : file.descriptor.types) {
      if (type.kinds & model::kind_detector) now[type.id] = file;
    }
  }
  Changed changed;
  const auto stays = [&](const std::string& id, const plugin_host::Found& what, const std::string& why) {
    auto& record = record_of(id);
    if (std::exchange(record.refused_identity, what.identity) != what.identity) {
      record.ledger->upgraded(false);
      telemetry::log_error("detector." + id, what.path + " does not take over: " + why + all_kept);
      changed.lines.push_back("detector." + id + ": " + why + all_kept);
    }
    std::lock_guard lock(mutex_);
    record.error = why + all_kept;
    now[id] = found_[id];
  };
  const auto different = differing(now);
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, record] : records_) {
      const bool same = std::ranges::find(different, id, &Differs::detector) == different.end();
      if (same) record.error.clear();
    }
  }
  for (const auto& [id, there] : different) {
    if (const auto* broken = broken_at(found, found_[id].path)) {
      stays(id, *broken, broken->error);
    } else if (!there) {
      remove(id);
      changed.rules = true;
    } else if (record_of(id).refused_identity == now[id].identity) {
      now[id] = found_[id];
    } else if (auto done = exchange(id, now[id], running); !done) {
      stays(id, now[id], done.error().message());
    } else {
      changed.rules = true;
      changed.lines.push_back("detector." + id + ": exchanged, now " + plugin_host::type_of(now[id], id)->version);
    }
  }
  std::lock_guard lock(mutex_);
  for (const auto& [id, file] : now) changed.rules |= !found_.contains(id);
  found_ = std::move(now);
  return changed;
}

Detectors::Record& Detectors::record_of(const std::string& detector) {
  std::lock_guard lock(mutex_);
  return records_[detector];
}

std::vector<Detectors::Differs> Detectors::differing(const std::map<std::string, plugin_host::Found>& now) const {
  std::lock_guard lock(mutex_);
  std::vector<Differs> out;
  for (const auto& [key, site] : sites_) {
    if (!out.empty() && out.back().detector == key.first) continue;
    const auto there = now.find(key.first);
    if (there != now.end() && there->second.identity == site->identity) continue;
    out.push_back({key.first, there != now.end()});
  }
  return out;
}

void Detectors::remove(const std::string& detector) {
  std::lock_guard lock(mutex_);
  for (auto it = sites_.begin(); it != sites_.end();) {
    if (it->first.first != detector) {
      ++it;
      continue;
    }
    retired_.push_back(std::move(it->second));
    it = sites_.erase(it);
  }
}

base::Result<Detectors::Sites> Detectors::successors(const std::string& detector, const plugin_host::Found& file) {
  std::vector<std::uint32_t> shards{shards_};
  {
    std::lock_guard lock(mutex_);
    for (const auto& [key, site] : sites_)
      if (key.first == detector && key.second != shards_) shards.push_back(key.second);
  }
  Sites fresh;
  for (const std::uint32_t shard : shards) {
    TRY(fresh[shard], make_site(detector, file));
  }
  return fresh;
}

base::Result<void> Detectors::try_rules(const std::string& detector, Site& reader, const Running& running) {
  TRY_VOID(reader.instance->start({}));
  std::vector<Script> scripts;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [hash, script] : scripts_)
      if (script.detector == detector) scripts.push_back(script);
  }
  for (const auto& rule : running.rules) {
    if (rule->detector != detector) continue;
    for (const auto& script : scripts) {  // only those in use: an older text of a file need not be readable any more
      if (script.hash == rule->script && !reader.scripts.contains({script.hash, rule->name})) {
        TRY_VOID(read(reader, script));
      }
    }
    if (auto compiled = trial_compile(*reader.adapter, *rule); !compiled)
      return base::fail(compiled.error().in("rule " + rule->name));
  }
  return {};
}

base::Result<void> Detectors::switch_shards(const std::string& detector, Sites& fresh, const Running& running) {
  std::vector<std::uint32_t> switched;
  base::Result<void> result;
  running.each_shard([&](std::uint32_t index, detection::Exchangeable& judge) {
    const auto next = fresh.find(index);
    if (!result || next == fresh.end()) return;
    Site& old = *sites_.find({detector, index})->second;  // changed by this thread's caller alone, which waits
    Site& site = *next->second;
    std::string remark;
    result = plugin_host::pass_state(*old.instance, *site.instance, remark);
    if (result) result = site.instance->start({});
    if (result) result = judge.exchange(*old.adapter, *site.adapter);
    if (!result) return;
    if (!remark.empty()) telemetry::log_warn("detector." + detector, "took over " + remark);
    switched.push_back(index);
  });
  if (result) return result;
  running.each_shard([&](std::uint32_t index, detection::Exchangeable& judge) {
    if (std::find(switched.begin(), switched.end(), index) == switched.end()) return;
    auto back = judge.exchange(*fresh[index]->adapter, *sites_.find({detector, index})->second->adapter);
    if (back) return;
    telemetry::log_error("detector." + detector, "cannot go back: " + back.error().message());
    std::lock_guard lock(mutex_);
    retired_.push_back(std::move(fresh[index]));  // its rules point into it until rules are set again
  });
  return result;
}

base::Result<void> Detectors::exchange(const std::string& detector, const plugin_host::Found& file,
                                       const Running& running) {
  TRY(auto fresh, successors(detector, file));
  TRY_VOID(try_rules(detector, *fresh[shards_], running));
  TRY_VOID(switch_shards(detector, fresh, running));
  auto& record = record_of(detector);
  std::vector<std::unique_ptr<Site>> old;
  {
    std::lock_guard lock(mutex_);
    for (auto& [shard, site] : fresh) {
      auto& slot = sites_[{detector, shard}];
      if (slot) {
        record.ledger->leaving(slot->instance);
        old.push_back(std::move(slot));
      }
      slot = std::move(site);
    }
    record.error.clear();
  }
  record.ledger->upgraded(true);
  for (auto& site : old) record.ledger->close(site->instance.get());
  return {};
}

}  // namespace tocsin::app
