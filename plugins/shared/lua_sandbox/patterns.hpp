// string.find, match, gmatch and gsub with a bound on their work. Lua's own run in one instruction whatever they need,
// and a pattern such as ".-.-.-.-x" needs exponential time: no budget of instructions would ever see its end.
//
// Patterns are those of Lua 5.4's manual, 6.4.1. Rejected: a limit on lengths or on repetitions, which refuses usual
// patterns long before it stops the bad ones; and RE2, which is another language than the one that Lua's users know.
#pragma once

#include <lua.hpp>

namespace tocsin_plugins {

/// Replaces the four functions in the table on top of the stack. The state must be a LuaSandbox's.
void set_pattern_functions(lua_State* lua);

}  // namespace tocsin_plugins
