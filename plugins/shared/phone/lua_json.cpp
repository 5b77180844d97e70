#include "phone/lua_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "http_client/http_client.hpp"
#include "lua_sandbox/sandbox.hpp"

namespace tocsin_plugins {
namespace {

constexpr int deepest = 64;  ///< levels, both ways: what HTTP answers may have as well
char null_mark;              ///< its address is json.null
constexpr const char* array_type = "json.array";

void push_json(lua_State* lua, const nlohmann::json& value) {
  luaL_checkstack(lua, 4, "the JSON nests too deep");
  LuaSandbox::of(lua).spend(1);
  if (value.is_object()) {
    lua_newtable(lua);
    for (const auto& [key, member] : value.items()) {
      lua_pushlstring(lua, key.data(), key.size());
      push_json(lua, member);
      lua_rawset(lua, -3);
    }
  } else if (value.is_array()) {
    lua_newtable(lua);
    luaL_setmetatable(lua, array_type);  // so that an empty one is written as one again
    lua_Integer index = 0;
    for (const auto& item : value) {
      push_json(lua, item);
      lua_rawseti(lua, -2, ++index);
    }
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    lua_pushlstring(lua, text.data(), text.size());
  } else if (value.is_boolean()) {
    lua_pushboolean(lua, value.get<bool>());
  } else if (value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX)) {
    lua_pushinteger(lua, value.get<lua_Integer>());
  } else if (value.is_number()) {
    lua_pushnumber(lua, value.get<double>());
  } else {
    lua_pushlightuserdata(lua, &null_mark);
  }
}

int decode(lua_State* lua) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  LuaSandbox::of(lua).spend(size / 16);
  bool valid = false;
  if (!nests_deep({text, size})) {
    const auto root = nlohmann::json::parse(text, text + size, nullptr, false);
    if ((valid = !root.is_discarded())) push_json(lua, root);
  }
  if (!valid) return luaL_error(lua, "json.decode: not JSON, or nested deeper than %d levels", deepest);
  return 1;
}

/// Items, or none and marked as an array.
bool is_array(lua_State* lua, int index) {
  if (lua_rawlen(lua, index) > 0) return true;
  if (!lua_getmetatable(lua, index)) return false;
  luaL_getmetatable(lua, array_type);
  const bool marked = lua_rawequal(lua, -1, -2) != 0;
  lua_pop(lua, 2);
  return marked;
}

nlohmann::json json_of(lua_State* lua, int depth);

nlohmann::json array_from(lua_State* lua, int index, int depth) {
  auto out = nlohmann::json::array();
  const auto count = static_cast<lua_Integer>(lua_rawlen(lua, index));
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_rawgeti(lua, index, i);
    out.push_back(json_of(lua, depth + 1));
  }
  return out;
}

nlohmann::json object_from(lua_State* lua, int index, int depth) {
  auto out = nlohmann::json::object();
  lua_pushnil(lua);
  while (lua_next(lua, index)) {
    if (lua_type(lua, -2) != LUA_TSTRING) luaL_error(lua, "json.encode: the keys of an object are strings");
    std::size_t size = 0;
    const char* key = lua_tolstring(lua, -2, &size);
    out[std::string(key, size)] = json_of(lua, depth + 1);
  }
  return out;
}

/// The value on top, popped.
nlohmann::json json_of(lua_State* lua, int depth) {
  if (depth > deepest) luaL_error(lua, "json.encode: nested deeper than %d levels, or a table within itself", deepest);
  luaL_checkstack(lua, 6, "the value nests too deep");
  LuaSandbox::of(lua).spend(1);
  const int index = lua_gettop(lua);
  nlohmann::json out;
  switch (lua_type(lua, index)) {
    case LUA_TBOOLEAN:
      out = lua_toboolean(lua, index) != 0;
      break;
    case LUA_TNUMBER:
      if (lua_isinteger(lua, index))
        out = lua_tointeger(lua, index);
      else if (std::isfinite(lua_tonumber(lua, index)))
        out = lua_tonumber(lua, index);
      else
        luaL_error(lua, "json.encode: a number that is not finite");
      break;
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(lua, index, &size);
      LuaSandbox::of(lua).spend(size / 16);
      out = std::string(text, size);
      break;
    }
    case LUA_TTABLE:
      out = is_array(lua, index) ? array_from(lua, index, depth) : object_from(lua, index, depth);
      break;
    case LUA_TNIL:
      break;
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(lua, index) == &null_mark) break;
      [[fallthrough]];
    default:
      luaL_error(lua, "json.encode: a %s has no JSON", luaL_typename(lua, index));
  }
  lua_settop(lua, index - 1);
  return out;
}

int encode(lua_State* lua) {
  luaL_checkany(lua, 1);
  lua_settop(lua, 1);
  const auto text = json_of(lua, 1).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

int mark_array(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 1);
  luaL_setmetatable(lua, array_type);
  return 1;
}

}  // namespace

void push_json_library(lua_State* lua) {
  luaL_newmetatable(lua, array_type);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
  lua_newtable(lua);
  lua_pushcfunction(lua, decode);
  lua_setfield(lua, -2, "decode");
  lua_pushcfunction(lua, encode);
  lua_setfield(lua, -2, "encode");
  lua_pushcfunction(lua, mark_array);
  lua_setfield(lua, -2, "array");
  lua_pushlightuserdata(lua, &null_mark);
  lua_setfield(lua, -2, "null");
}

}  // namespace tocsin_plugins
