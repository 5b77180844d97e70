#include "app/fleet.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "app/fleet_member.hpp"
#include "plugin_host/response_box.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration exchange_patience = std::chrono::seconds(5);  ///< of a request, while a plugin is exchanged
constexpr const char* kept = "; the running one is kept";

std::string kinds_text(std::uint32_t kinds) {
  std::string text;
  for (const auto& [bit, name] : {std::pair<std::uint32_t, const char*>{model::kind_source, "source"},
                                  {model::kind_detector, "detector"},
                                  {model::kind_notifier, "notifier"},
                                  {model::kind_tracker, "tracker"}}) {
    if (kinds & bit) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text;
}

}  // namespace

const plugin_host::Found* find_type(const std::vector<plugin_host::Found>& found, const Wanted& wanted) {
  return plugin_host::find_type(found, wanted.plugin, settings::kinds_of(wanted.kind));
}

Fleet::Fleet(Parts parts) : parts_(std::move(parts)) {}
Fleet::~Fleet() {
  stop();
}

/// The file of a running instance, if what it was replaced by cannot be used: then the running one is kept, also where
/// an older version lies in another directory.
const plugin_host::Found* Fleet::broken_successor(const Member& member, const std::vector<plugin_host::Found>& found) {
  if (!member.instance) return nullptr;
  for (const auto& file : found)
    if (file.path == member.path && !file.error.empty()) return &file;
  return nullptr;
}

std::vector<std::string> Fleet::reconcile(const std::vector<Wanted>& wanted,
                                          const std::vector<plugin_host::Found>& found) {
  Lines lines;
  std::map<std::string, const Wanted*> by_name;
  for (const auto& each : wanted) by_name[each.full()] = &each;
  for (auto it = members_.begin(); it != members_.end();) {
    if (by_name.contains(it->first)) {
      ++it;
      continue;
    }
    end(*it->second);
    lines.push_back(it->first + ": stopped");
    std::lock_guard lock(mutex_);
    it = members_.erase(it);
  }
  for (const auto& [name, each] : by_name) {
    auto& member = member_for(*each);
    if (const auto* broken = broken_successor(member, found)) {
      if (std::exchange(member.refused_identity, broken->identity) != broken->identity) {
        member.ledger->upgraded(false);
        member.refused_config.clear();
        telemetry::log_error(name, broken->error + kept);
      }
      refuse(member, broken->error + kept, lines);
      continue;
    }
    const auto* file = find_type(found, *each);
    const auto* type = file && file->error.empty() ? plugin_host::type_of(*file, each->plugin) : nullptr;
    if (!type || !(type->kinds & settings::kinds_of(each->kind))) {
      if (member.instance) {
        end(member);
        lines.push_back(name + ": stopped, its plugin was removed");
      }
      refuse(member,
             type ? "plugin \"" + each->plugin + "\" is no " + each->kind : "waits for plugin \"" + each->plugin + "\"",
             lines);
      continue;
    }
    auto config = parts_.prepare(*each, *type);
    if (!config) {
      refuse(member, config.error().message() + (member.instance ? kept : ""), lines);
      continue;
    }
    bring_up(member, *file, *type, std::move(*config), lines);
  }
  std::vector<model::PluginStatus> available;
  for (const auto& file : found) {
    if (!file.error.empty()) available.push_back({"", "", "", "", file.path, "failed", file.error});
    for (const auto& type : file.descriptor.types)
      available.push_back({type.id, type.version, kinds_text(type.kinds), "", file.path, "available", ""});
  }
  {
    std::lock_guard lock(mutex_);
    available_ = std::move(available);
  }
  publish_routes();
  return lines;
}

// members_ is changed by reconcile() and end() alone, one call at a time; the lock is for those who read beside them.
Fleet::Member& Fleet::member_for(const Wanted& wanted) {
  std::lock_guard lock(mutex_);
  auto& slot = members_[wanted.full()];
  if (!slot) slot = std::make_unique<Member>(wanted.full());
  slot->wanted = wanted;
  slot->guard->set(wanted.auth);
  slot->error.clear();
  return *slot;
}

void Fleet::refuse(Member& member, std::string why, Lines& lines) {
  lines.push_back(member.wanted.full() + ": " + why);
  std::lock_guard lock(mutex_);
  member.error = std::move(why);
}

void Fleet::publish_routes() {
  std::vector<Route> routes;
  for (const auto& [name, member] : members_) {
    if (!member->instance) continue;
    for (const auto& route : member->routes) {
      const bool prefix = route.path.ends_with("/*");
      const std::string path = prefix ? route.path.substr(0, route.path.size() - 1) : route.path;
      routes.push_back({route.method, path, prefix, member->seat, member->guard});
    }
  }
  std::unique_lock lock(routes_mutex_);
  routes_.swap(routes);
}

std::pair<std::shared_ptr<Seat>, std::shared_ptr<RouteGuard>> Fleet::find_route(
    const plugin_host::Instance::Request& request) const {
  std::shared_lock lock(routes_mutex_);
  for (const auto& route : routes_) {
    if (route.method != request.method) continue;
    if (route.prefix ? request.path.starts_with(route.path) : request.path == route.path)
      return {route.seat, route.guard};
  }
  return {};
}

std::optional<plugin_host::Instance::Response> Fleet::refuse_head(const plugin_host::Instance::Request& request) {
  const auto [seat, guard] = find_route(request);
  return guard ? guard->refuse_head(request) : std::nullopt;
}

bool Fleet::handle(const plugin_host::Instance::Request& request,
                   std::function<void(plugin_host::Instance::Response)> done) {
  const auto [seat, guard] = find_route(request);
  if (!seat) return false;
  auto admitted = guard->admit(request);
  if (!admitted) {
    done(std::move(admitted.error()));
    return true;
  }
  auto guest = seat->enter(exchange_patience);
  if (!guest) {
    done(plugin_host::problem(TSN_RETRY, "the plugin that serves this path is being exchanged or stopped"));
    return true;
  }
  // The guest leaves when it has its answer, which may be before the call has returned: the instance stays for that.
  const auto target = guest->instance();
  const auto user = std::make_shared<const std::string>(std::move(*admitted));
  plugin_host::Instance::Request known = request;
  known.user = *user;
  target->handle(
      known, parts_.clock->now() + default_timeout,
      [user, guest = std::move(guest), done = std::move(done)](plugin_host::Instance::Response response) mutable {
        guest.reset();
        done(std::move(response));
      });
  return true;
}

void Fleet::stop_sources() {
  for (auto& [name, member] : members_) {
    if (member->wanted.kind == "source") end(*member);
  }
  publish_routes();
}

void Fleet::stop() {
  stop_sources();
  for (auto& [name, member] : members_) {
    end(*member);
    member->ledger->close_all();
  }
  std::unique_lock lock(routes_mutex_);
  routes_.clear();
}

std::vector<model::RouteDoc> Fleet::routes() const {
  std::lock_guard lock(mutex_);
  std::vector<model::RouteDoc> all;
  for (const auto& [name, member] : members_) {
    if (!member->instance) continue;
    all.insert(all.end(), member->routes.begin(), member->routes.end());
  }
  return all;
}

std::shared_ptr<plugin_host::Instance> Fleet::instance(const std::string& full) const {
  std::lock_guard lock(mutex_);
  const auto it = members_.find(full);
  return it == members_.end() ? nullptr : it->second->instance;
}

std::vector<model::PluginStatus> Fleet::status() const {
  std::lock_guard lock(mutex_);
  std::vector<model::PluginStatus> lines;
  for (const auto& [name, member] : members_) {
    model::PluginStatus line;
    line.id = member->wanted.plugin;
    line.version = member->version;
    line.kind = member->wanted.kind;
    line.instance = name;
    line.path = member->path;
    line.error = member->error;
    line.state = member->instance                     ? "running"
                 : member->error.starts_with("waits") ? "waiting"
                 : member->error.empty()              ? "starting"
                                                      : "failed";
    line.usage = member->ledger->usage(member->instance.get());
    std::tie(line.upgrades, line.upgrades_failed) = member->ledger->upgrades();
    show_health(member->instance.get(), parts_.crashes, member->identity, line);
    lines.push_back(std::move(line));
  }
  for (const auto& type : available_) {
    const bool used = std::any_of(lines.begin(), lines.end(),
                                  [&](const auto& line) { return line.id == type.id && !type.id.empty(); });
    if (!used) lines.push_back(type);
  }
  return lines;
}

}  // namespace tocsin::app
