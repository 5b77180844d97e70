#include "lua_sandbox/patterns.hpp"

#include <cctype>
#include <cstring>
#include <string>

#include "lua_sandbox/pattern_match.hpp"
#include "lua_sandbox/sandbox.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_result = 1u << 20;

std::string_view text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

/// The position that `init` means, from 0; beyond the text's end: none.
std::size_t start_at(lua_State* lua, int index, std::size_t size) {
  const lua_Integer init = luaL_optinteger(lua, index, 1);
  if (init > 0) return static_cast<std::size_t>(init) - 1;
  if (init == 0 || init < -static_cast<lua_Integer>(size)) return 0;
  return size - static_cast<std::size_t>(-init);
}

int find_plain(lua_State* lua, std::string_view text, std::string_view wanted, std::size_t from) {
  LuaSandbox::of(lua).spend((text.size() - from) / 64);
  const auto at = text.find(wanted, from);
  if (at == text.npos) return luaL_pushfail(lua), 1;
  lua_pushinteger(lua, static_cast<lua_Integer>(at) + 1);
  lua_pushinteger(lua, static_cast<lua_Integer>(at + wanted.size()));
  return 2;
}

int search(lua_State* lua, bool find) {
  const auto text = text_at(lua, 1);
  auto pattern = text_at(lua, 2);
  const std::size_t from = start_at(lua, 3, text.size());
  if (from > text.size()) return luaL_pushfail(lua), 1;
  if (find && (lua_toboolean(lua, 4) || pattern.find_first_of("^$*+?.([%-") == pattern.npos))
    return find_plain(lua, text, pattern, from);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  PatternMatch match(lua, LuaSandbox::of(lua), text, pattern);
  for (std::size_t at = from; at <= text.size(); ++at) {
    const char* begin = text.data() + at;
    if (const char* end = match.at(begin)) {
      if (!find) return match.push_all(begin, end, true);
      lua_pushinteger(lua, static_cast<lua_Integer>(at) + 1);
      lua_pushinteger(lua, end - text.data());
      return match.push_all(begin, end, false) + 2;
    }
    if (anchored) break;
  }
  return luaL_pushfail(lua), 1;
}

int string_find(lua_State* lua) {
  return search(lua, true);
}
int string_match(lua_State* lua) {
  return search(lua, false);
}

/// Upvalues: text, pattern, where to go on, the end of the last match (-1: none).
int next_match(lua_State* lua) {
  const auto text = text_at(lua, lua_upvalueindex(1)), pattern = text_at(lua, lua_upvalueindex(2));
  const lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));
  PatternMatch match(lua, LuaSandbox::of(lua), text, pattern);
  for (auto at = static_cast<std::size_t>(lua_tointeger(lua, lua_upvalueindex(3))); at <= text.size(); ++at) {
    const char* begin = text.data() + at;
    const char* end = match.at(begin);
    if (!end || end - text.data() == last) continue;
    lua_pushinteger(lua, end - text.data());
    lua_pushvalue(lua, -1);
    lua_replace(lua, lua_upvalueindex(3));
    lua_replace(lua, lua_upvalueindex(4));
    return match.push_all(begin, end, true);
  }
  return 0;
}

int string_gmatch(lua_State* lua) {
  const auto text = text_at(lua, 1);
  text_at(lua, 2);
  const std::size_t from = std::min(start_at(lua, 3, text.size()), text.size() + 1);
  lua_settop(lua, 2);
  lua_pushinteger(lua, static_cast<lua_Integer>(from));
  lua_pushinteger(lua, -1);
  lua_pushcclosure(lua, next_match, 4);
  return 1;
}

void append(lua_State* lua, std::string& out, std::string_view part) {
  LuaSandbox::of(lua).spend(part.size() / 64);
  if (part.size() > most_result - out.size()) luaL_error(lua, "string.gsub: the result is longer than 1 MiB");
  out += part;
}

/// The replacement as text: "%1" is a capture, "%0" the whole match, "%%" a percent sign.
void append_text(lua_State* lua, std::string& out, const PatternMatch& match, const char* begin, const char* end) {
  const auto text = text_at(lua, 3);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      append(lua, out, text.substr(i, 1));
      continue;
    }
    const char what = ++i < text.size() ? text[i] : '\0';
    if (what == '%') {
      append(lua, out, "%");
    } else if (what == '0') {
      append(lua, out, {begin, static_cast<std::size_t>(end - begin)});
    } else if (std::isdigit(static_cast<unsigned char>(what))) {
      match.push(what - '1', begin, end);
      append(lua, out, text_at(lua, -1));
      lua_pop(lua, 1);
    } else {
      luaL_error(lua, "invalid use of '%%' in replacement string");
    }
  }
}

void append_value(lua_State* lua, std::string& out, const PatternMatch& match, const char* begin, const char* end) {
  const int type = lua_type(lua, 3);
  if (type == LUA_TSTRING || type == LUA_TNUMBER) return append_text(lua, out, match, begin, end);
  if (type == LUA_TTABLE) {
    match.push(0, begin, end);
    lua_gettable(lua, 3);
  } else {
    lua_pushvalue(lua, 3);
    lua_call(lua, match.push_all(begin, end, true), 1);
  }
  if (!lua_toboolean(lua, -1))
    append(lua, out, {begin, static_cast<std::size_t>(end - begin)});
  else if (!lua_isstring(lua, -1))
    luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
  else
    append(lua, out, text_at(lua, -1));
  lua_pop(lua, 1);
}

int string_gsub(lua_State* lua) {
  const auto text = text_at(lua, 1);
  auto pattern = text_at(lua, 2);
  const int type = lua_type(lua, 3);
  luaL_argexpected(lua, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                   "string/function/table");
  const lua_Integer most = luaL_optinteger(lua, 4, static_cast<lua_Integer>(text.size()) + 1);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  PatternMatch match(lua, LuaSandbox::of(lua), text, pattern);
  std::string out;
  const char *at = text.data(), *last = nullptr, *const stop = text.data() + text.size();
  lua_Integer count = 0;
  while (count < most) {
    const char* end = match.at(at);
    if (end && end != last) {
      ++count;
      append_value(lua, out, match, at, end);
      at = last = end;
    } else if (at < stop) {
      append(lua, out, {at++, 1});
    } else {
      break;
    }
    if (anchored) break;
  }
  append(lua, out, {at, static_cast<std::size_t>(stop - at)});
  lua_pushlstring(lua, out.data(), out.size());
  lua_pushinteger(lua, count);
  return 2;
}

}  // namespace

void set_pattern_functions(lua_State* lua) {
  const luaL_Reg functions[] = {{"find", string_find},
                                {"match", string_match},
                                {"gmatch", string_gmatch},
                                {"gsub", string_gsub},
                                {nullptr, nullptr}};
  luaL_setfuncs(lua, functions, 0);
}

}  // namespace tocsin_plugins
