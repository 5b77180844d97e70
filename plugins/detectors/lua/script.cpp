#include "script.hpp"

#include <algorithm>

namespace tocsin_plugins {
namespace {

// Tables may hold one table or text many times: what they say is then far more than what they are.
constexpr std::size_t most_values = 10'000, most_text = 1u << 20;

struct Reading {
  std::string file;
  std::vector<std::unique_ptr<ScriptRule>> rules;
};

/// Where a state keeps what is being read: a script may hold on to `rule` and call it later.
Reading*& reading_slot(lua_State* lua) {
  return *static_cast<Reading**>(lua_getextraspace(lua));
}
Reading& reading_of(lua_State* lua) {
  if (!reading_slot(lua)) luaL_error(lua, "rule: rules are defined while their file is read, not by a rule");
  return *reading_slot(lua);
}

/// How much of a rule's table was copied.
struct Copied {
  std::size_t values = 0, text = 0;
};

tsn::Value to_value(lua_State* lua, int index, const char* key, int depth, Copied& copied) {
  if (depth > 8) luaL_error(lua, "%s: tables are nested too deeply", key);
  luaL_checkstack(lua, 8, key);
  index = lua_absindex(lua, index);
  copied.text += lua_type(lua, index) == LUA_TSTRING ? lua_rawlen(lua, index) : 0;
  if (++copied.values > most_values || copied.text > most_text)
    luaL_error(lua, "%s: a rule has at most 10000 values and 1 MiB of text", key);
  switch (lua_type(lua, index)) {
    case LUA_TBOOLEAN:
      return tsn::Value(lua_toboolean(lua, index) != 0);
    case LUA_TNUMBER:
      return lua_isinteger(lua, index) ? tsn::Value(static_cast<std::int64_t>(lua_tointeger(lua, index)))
                                       : tsn::Value(static_cast<double>(lua_tonumber(lua, index)));
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(lua, index, &size);
      return tsn::Value(std::string(text, size));
    }
    case LUA_TTABLE:
      break;
    default:
      luaL_error(lua, "%s: expected text, a number, true, false or a table, got %s", key, luaL_typename(lua, index));
  }
  if (const auto n = static_cast<lua_Integer>(lua_rawlen(lua, index)); n > 0) {
    auto list = tsn::Value::array();
    for (lua_Integer i = 1; i <= n; ++i) {
      lua_rawgeti(lua, index, i);
      list.push(to_value(lua, -1, key, depth + 1, copied));
      lua_pop(lua, 1);
    }
    return list;
  }
  std::map<std::string, tsn::Value> members;  // sorted: pairs() has no order of its own
  lua_pushnil(lua);
  while (lua_next(lua, index)) {
    if (lua_type(lua, -2) != LUA_TSTRING)
      luaL_error(lua, "%s: expected text as key, got %s", key, luaL_typename(lua, -2));
    copied.text += lua_rawlen(lua, -2);
    members.emplace(lua_tostring(lua, -2), to_value(lua, -1, lua_tostring(lua, -2), depth + 1, copied));
    lua_pop(lua, 1);
  }
  auto table = tsn::Value::table();
  for (auto& [name, value] : members) table.set(name, std::move(value));
  return table;
}

void read_signals(lua_State* lua, int index, ScriptRule& rule) {
  lua_getfield(lua, index, "signals");
  if (lua_isnil(lua, -1)) {
    lua_pop(lua, 1);
    lua_getfield(lua, index, "signal");
    if (lua_type(lua, -1) != LUA_TSTRING)
      luaL_error(lua, "rule \"%s\": expected `signals = { name = \"selector\" }`", rule.name.c_str());
    rule.signals.emplace_back("value", lua_tostring(lua, -1));
    lua_pop(lua, 1);
    return;
  }
  if (!lua_istable(lua, -1))
    luaL_error(lua, "rule \"%s\": `signals`: expected a table { name = \"selector\" }, got %s", rule.name.c_str(),
               luaL_typename(lua, -1));
  lua_pushnil(lua);
  while (lua_next(lua, -2)) {
    if (lua_type(lua, -2) != LUA_TSTRING || lua_type(lua, -1) != LUA_TSTRING) {
      luaL_error(lua, "rule \"%s\": `signals`: expected { name = \"selector\" }", rule.name.c_str());
    }
    rule.signals.emplace_back(lua_tostring(lua, -2), lua_tostring(lua, -1));
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  std::sort(rule.signals.begin(), rule.signals.end());
  for (const auto& signal : rule.signals) {
    const auto& name = signal.first;
    if (name == "labels" || name == "now")
      luaL_error(lua, "rule \"%s\": `signals`: \"%s\" is taken; choose another name", rule.name.c_str(), name.c_str());
  }
}

/// The function that `rule "name"` returns: takes the table.
int define_rule(lua_State* lua) {
  auto& reading = reading_of(lua);
  luaL_checktype(lua, 1, LUA_TTABLE);
  auto rule = std::make_unique<ScriptRule>();
  rule->name = lua_tostring(lua, lua_upvalueindex(1));
  rule->file = reading.file;
  lua_getfield(lua, 1, "check");
  if (!lua_isfunction(lua, -1)) {
    return luaL_error(lua, "rule \"%s\": `check`: expected a function, got %s", rule->name.c_str(),
                      luaL_typename(lua, -1));
  }
  rule->check = luaL_ref(lua, LUA_REGISTRYINDEX);
  read_signals(lua, 1, *rule);
  lua_getfield(lua, 1, "every");
  rule->timed = !lua_isnil(lua, -1);
  lua_pop(lua, 1);
  lua_pushnil(lua);
  lua_setfield(lua, 1, "check");
  Copied copied;
  rule->table = to_value(lua, 1, rule->name.c_str(), 0, copied);
  if (rule->table.type() != TSN_TABLE) rule->table = tsn::Value::table();
  rule->table.set("name", rule->name);
  rule->table.at_line(static_cast<std::uint32_t>(lua_tointeger(lua, lua_upvalueindex(2))));
  reading.rules.push_back(std::move(rule));
  return 0;
}

/// `rule "name"`.
int begin_rule(lua_State* lua) {
  std::size_t size = 0;
  luaL_checklstring(lua, 1, &size);
  if (size == 0) return luaL_error(lua, "rule: expected a name");
  lua_Debug caller{};
  int line = 0;
  if (lua_getstack(lua, 1, &caller) && lua_getinfo(lua, "l", &caller)) line = caller.currentline;
  lua_pushvalue(lua, 1);
  lua_pushinteger(lua, line);
  lua_pushcclosure(lua, define_rule, 2);
  return 1;
}

/// A chunk's globals cannot change once it has run: a rule keeps no state between calls.
int refuse_global(lua_State* lua) {
  return luaL_error(lua, "global \"%s\": rules keep no state between calls; use a local",
                    luaL_tolstring(lua, 2, nullptr));
}

void freeze_environment(lua_State* lua, int function) {
  lua_getupvalue(lua, function, 1);  // the environment: its members move behind a table that refuses writes
  lua_newtable(lua);
  lua_pushnil(lua);
  while (lua_next(lua, -3)) {
    lua_pushvalue(lua, -2);
    lua_insert(lua, -2);
    lua_rawset(lua, -4);
  }
  const int environment = lua_gettop(lua) - 1, members = lua_gettop(lua);
  lua_pushnil(lua);
  while (lua_next(lua, members)) {
    lua_pop(lua, 1);
    lua_pushvalue(lua, -1);
    lua_pushnil(lua);
    lua_rawset(lua, environment);
  }
  lua_newtable(lua);  // members fall back to the shared globals
  lua_getmetatable(lua, environment);
  lua_getfield(lua, -1, "__index");
  lua_setfield(lua, -3, "__index");
  lua_pop(lua, 1);
  lua_setmetatable(lua, members);
  lua_newtable(lua);
  lua_pushvalue(lua, members);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_global);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, environment);
}

}  // namespace

std::vector<std::unique_ptr<ScriptRule>> read_script(LuaSandbox& sandbox, std::string_view file,
                                                     std::string_view text) {
  Reading reading{std::string(file), {}};
  reading_slot(sandbox.state()) = &reading;
  const auto error = sandbox.protect([&](lua_State* lua) {
    sandbox.push_globals();
    lua_pushcfunction(lua, begin_rule);
    lua_setfield(lua, -2, "rule");
    lua_pop(lua, 1);
    if (!sandbox.compile(file, text)) lua_error(lua);
    lua_pushvalue(lua, -1);
    lua_call(lua, 0, 0);
    freeze_environment(lua, lua_gettop(lua));
  });
  reading_slot(sandbox.state()) = nullptr;
  sandbox.protect([&](lua_State* lua) {
    sandbox.push_globals();
    lua_pushnil(lua);
    lua_setfield(lua, -2, "rule");
  });
  if (!error.empty()) {
    for (const auto& rule : reading.rules) luaL_unref(sandbox.state(), LUA_REGISTRYINDEX, rule->check);
    throw tsn::Failure(tsn::invalid(error));
  }
  return std::move(reading.rules);
}

}  // namespace tocsin_plugins
