// The paths an instance serves: a plugin's type declares them, or the configuration key that holds one (abi.h
// tsn_route, "{callback.path}").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settings/instances.hpp"

namespace tocsin::settings {

/// `declared` with each "{key.in.tables}" replaced by the path that `config` has there; a route whose key is not given
/// is left out.
std::vector<model::RouteDoc> routes_of(const std::vector<model::RouteDoc>& declared, const base::Value& config);

/// Why instance `index` of `all` cannot serve a path that its configuration names: not a path of its own, the agent's,
/// or served by another instance named before it. An error at the key; nothing where all is well.
std::optional<config::Diagnostic> route_fault(const std::vector<Instance>& all, std::size_t index,
                                              std::span<const KnownPlugin> known);

}  // namespace tocsin::settings
