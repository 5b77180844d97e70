// An instance one of whose calls has gone over its deadline: refused, ended, told.
#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {
namespace {

/// Calls that the agent makes on its pool.
bool on_pool(EntryPoint entry) {
  switch (entry) {
    case EntryPoint::pull:
    case EntryPoint::deliver:
    case EntryPoint::upsert:
    case EntryPoint::callback:
      return true;
    default:
      return false;
  }
}

/// Calls made on a thread that has other work, and for which no other can do it.
bool on_path(EntryPoint entry) {
  switch (entry) {
    case EntryPoint::handle:
    case EntryPoint::load:
    case EntryPoint::unload:
    case EntryPoint::compile:
    case EntryPoint::release:
    case EntryPoint::evaluate:
      return true;
    default:
      return false;
  }
}

}  // namespace

InstanceCore::Within InstanceCore::until(EntryPoint entry, base::Time deadline) const {
  const auto left = std::max(deadline - port_.clock().now(), base::Duration(0));
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left + grace).count();
  return {entry, static_cast<std::uint32_t>(std::min<std::int64_t>(ms, 0xffffffff))};
}

std::optional<Quarantine> InstanceCore::quarantine() const {
  if (!quarantined()) return std::nullopt;
  std::lock_guard lock(quarantine_mutex_);
  return quarantine_;
}

bool InstanceCore::call_inside() const {
  std::lock_guard lock(quarantine_mutex_);
  return inside_ > 0;
}

tsn_status InstanceCore::refuse_quarantined(tsn_err& err) {
  const auto why = quarantine();
  return refuse(&err, TSN_RETRY,
                "the instance is quarantined: " + (why ? why->call : std::string("a call")) +
                    " went over its deadline; reload the configuration or exchange the plugin to begin anew");
}

Hang InstanceCore::hang_of(EntryPoint entry) const {
  return {settings_.name, type_.description.id, to_string(entry), settings_.identity, on_pool(entry), on_path(entry)};
}

void InstanceCore::hangs(EntryPoint entry) {
  {
    std::lock_guard lock(quarantine_mutex_);
    ++inside_;
    quarantine_.inside = true;
    if (!quarantined_.exchange(true)) quarantine_.call = to_string(entry), quarantine_.since = port_.clock().now();
    quarantine_changed_.notify_all();
  }
  seq_.refuse();
  port_.hangs(hang_of(entry));
  for (tsn_token token : tokens_.open_tokens()) {
    force(token, TSN_DEADLINE, std::string(to_string(entry)) + " hangs and the instance was quarantined");
  }
}

void InstanceCore::came_back(EntryPoint entry) {
  {
    std::lock_guard lock(quarantine_mutex_);
    quarantine_.inside = --inside_ > 0;
  }
  port_.came_back(hang_of(entry));
}

}  // namespace tocsin::plugin_host
