// JSON for Lua scripts: `json.decode(text)`, `json.encode(value)`, `json.array(table)` and `json.null`.
#pragma once

#include <lua.hpp>

namespace tocsin_plugins {

/// Pushes the table `json`. Once per state, in a protected call.
void push_json_library(lua_State* lua);

}  // namespace tocsin_plugins
