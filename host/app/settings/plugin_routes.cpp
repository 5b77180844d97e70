#include "settings/plugin_routes.hpp"

#include <algorithm>
#include <array>

#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Value;

/// "callback.path" of "{callback.path}"; empty: the path stands as it is.
std::string_view key_of(const model::RouteDoc& route) {
  const std::string_view path = route.path;
  const bool named = path.starts_with('{') && path.ends_with('}');
  return named ? path.substr(1, path.size() - 2) : std::string_view();
}

const Value* value_at(const Value& table, std::string_view key) {
  const Value* at = &table;
  while (at && !key.empty()) {
    const std::size_t dot = std::min(key.find('.'), key.size());
    at = at->find(key.substr(0, dot));
    key.remove_prefix(std::min(dot + 1, key.size()));
  }
  return at;
}

/// What the instance's options are: checked where its plugin is there, else as written.
const Value& options_of(const Instance& instance) {
  return instance.config.is_null() ? instance.options : instance.config;
}

std::string fault_of_path(std::string_view path) {
  constexpr std::array<std::string_view, 4> taken = {"/", "/healthz", "/readyz", "/metrics"};
  if (!path.starts_with('/')) return "a path begins with \"/\"";
  const auto odd = [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '?' || c == '#' || c == '*'; };
  if (std::ranges::any_of(path, odd)) return "a path is exact: without spaces, \"?\", \"#\" and \"*\"";
  const auto under = [&](std::string_view top) { return path == top || path.starts_with(std::string(top) + "/"); };
  const bool api = (under("/api/v1") && !path.starts_with("/api/v1/integrations/")) || under("/api/v2");
  if (api || std::ranges::find(taken, path) != taken.end())
    return "is the agent's own; take another, or one under /api/v1/integrations/";
  return {};
}

/// The instance before `index` that serves what `route` says, or null.
const Instance* served_by(const std::vector<Instance>& all, std::size_t index, const model::RouteDoc& route,
                          std::span<const KnownPlugin> known) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const model::PluginType* type = all[i].enabled && all[i].kind != "plugin" ? find_type(known, all[i]) : nullptr;
    if (!type || i == index) continue;
    for (const model::RouteDoc& declared : type->routes) {
      // Of two that name the path the later one is at fault; a plugin's fixed path is not to be had at all.
      if (i > index && !key_of(declared).empty()) continue;
      for (const model::RouteDoc& other : routes_of({declared}, options_of(all[i])))
        if (other.method == route.method && other.path == route.path) return &all[i];
    }
  }
  return nullptr;
}

}  // namespace

std::vector<model::RouteDoc> routes_of(const std::vector<model::RouteDoc>& declared, const Value& config) {
  std::vector<model::RouteDoc> out;
  for (const model::RouteDoc& route : declared) {
    const std::string_view key = key_of(route);
    const Value* path = key.empty() ? nullptr : value_at(config, key);
    if (key.empty())
      out.push_back(route);
    else if (path && path->string() && !path->string()->empty())
      out.push_back({route.method, *path->string(), route.doc});
  }
  return out;
}

std::optional<config::Diagnostic> route_fault(const std::vector<Instance>& all, std::size_t index,
                                              std::span<const KnownPlugin> known) {
  const Instance& instance = all[index];
  const model::PluginType* type = find_type(known, instance);
  if (!type || !instance.enabled || instance.kind == "plugin") return std::nullopt;
  std::vector<std::string> seen;
  for (const model::RouteDoc& declared : type->routes) {
    if (key_of(declared).empty()) continue;
    const auto resolved = routes_of({declared}, options_of(instance));
    if (resolved.empty()) continue;
    const model::RouteDoc& route = resolved.front();
    std::string why = fault_of_path(route.path);
    if (why.empty()) {
      const std::string text = route.method + " " + route.path;
      if (const Instance* other = served_by(all, index, route, known))
        why = "[" + other->full_name() + "] serves it already; instances need paths of their own";
      else if (std::ranges::find(seen, text) != seen.end())
        why = "this section serves it already under another key; give each a path of its own";
      seen.push_back(text);
    }
    if (why.empty()) continue;
    config::Diagnostic found;
    found.place = value_at(options_of(instance), key_of(declared))->place;
    found.message =
        "[" + instance.full_name() + "] " + std::string(key_of(declared)) + ": \"" + route.path + "\" " + why;
    return found;
  }
  return std::nullopt;
}

}  // namespace tocsin::settings
