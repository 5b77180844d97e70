// What an adapter may call. No file, no process, no sleep: the only way out is http.request, which ends by the call's
// deadline.
#include <ctime>
#include <map>
#include <string>

#include "message_text/text.hpp"
#include "phone/adapter_script.hpp"
#include "phone/digest.hpp"
#include "phone/fill.hpp"
#include "phone/lua_json.hpp"
#include "phone/verdict.hpp"

namespace tocsin_plugins {
namespace {

std::string_view text_argument(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  LuaSandbox::of(lua).spend(size / 16 + 1);
  return {text, size};
}

void push_text(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

/// The text or number `key` of the table at 1.
std::string member_of(lua_State* lua, const char* key) {
  lua_getfield(lua, 1, key);
  std::string out;
  if (lua_isstring(lua, -1)) {
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, -1, &size);
    out.assign(text, size);
  } else if (!lua_isnil(lua, -1)) {
    luaL_error(lua, "http.request: %s is a %s; expected a text", key, luaL_typename(lua, -1));
  }
  lua_pop(lua, 1);
  return out;
}

void read_request_headers(lua_State* lua, HttpRequest& request) {
  lua_getfield(lua, 1, "headers");
  if (lua_isnil(lua, -1)) return lua_pop(lua, 1);
  if (!lua_istable(lua, -1)) luaL_error(lua, "http.request: headers is a table of NAME = value");
  const int table = lua_gettop(lua);
  lua_pushnil(lua);
  while (lua_next(lua, table)) {
    if (lua_type(lua, -2) != LUA_TSTRING || !lua_isstring(lua, -1))
      luaL_error(lua, "http.request: headers is a table of NAME = value");
    lua_pushvalue(lua, -1);  // a number becomes a text in its copy
    const std::string name = lua_tostring(lua, -3), value = lua_tostring(lua, -1);
    if (name.empty() || (name + value).find_first_of("\r\n") != name.npos || name.find_first_of(": ") != name.npos)
      luaL_error(lua, "http.request: a header's name or value has a character that it must not have");
    request.headers.push_back(name + ": " + value);
    lua_pop(lua, 2);
  }
  lua_pop(lua, 1);
}

HttpRequest read_request(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  HttpRequest request;
  request.url = member_of(lua, "url");
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://"))
    luaL_error(lua, "http.request: url begins with https:// or http://");
  request.body = member_of(lua, "body");
  request.method = member_of(lua, "method");
  if (request.method.empty()) request.method = request.body.empty() ? "GET" : "POST";
  for (const char c : request.method)
    if (c < 'A' || c > 'Z') luaL_error(lua, "http.request: method is in capitals, such as \"POST\"");
  request.once = request.method != "GET" && request.method != "HEAD";
  read_request_headers(lua, request);
  return request;
}

tsn::Deadline deadline_of(lua_State* lua, const AdapterScript& script) {
  auto deadline = script.deadline();
  lua_getfield(lua, 1, "timeout");
  if (lua_isnumber(lua, -1)) {
    const double seconds = lua_tonumber(lua, -1);
    if (!(seconds > 0 && seconds <= 3600)) luaL_error(lua, "http.request: timeout is in seconds, more than 0");
    deadline.at = std::min(deadline.at, tsn::now() + static_cast<tsn::Time>(seconds * 1e9));
  } else if (!lua_isnil(lua, -1)) {
    luaL_error(lua, "http.request: timeout is a number of seconds");
  }
  lua_pop(lua, 1);
  return deadline;
}

int raise(lua_State* lua, const std::string& message, bool unknown) {
  lua_createtable(lua, 0, 2);
  push_text(lua, message);
  lua_setfield(lua, -2, "message");
  lua_pushboolean(lua, unknown);
  lua_setfield(lua, -2, "unknown");
  return lua_error(lua);
}

int http_request(lua_State* lua) {
  auto& script = AdapterScript::of(lua);
  if (!script.client()) return luaL_error(lua, "http.request: only within send and status");
  const HttpRequest request = read_request(lua);
  const auto deadline = deadline_of(lua, script);
  if (!script.one_more_request())
    return luaL_error(lua, "http.request: more than %d requests in one call", AdapterScript::most_requests);
  HttpAnswer answer;
  if (deadline.expired()) return raise(lua, request.method + " " + host_of(request.url) + ": no time is left", false);
  if (const auto status = script.client()->perform(request, deadline, answer); !status)
    return raise(lua, status.text(), status.value() != TSN_FAILED);
  lua_createtable(lua, 0, 3);
  lua_pushinteger(lua, answer.status);
  lua_setfield(lua, -2, "status");
  LuaSandbox::of(lua).spend(answer.body.size() / 64);
  push_text(lua, answer.body);
  lua_setfield(lua, -2, "body");
  lua_newtable(lua);
  for (const auto& [name, value] : answer.headers) {
    push_text(lua, value);
    lua_setfield(lua, -2, name.c_str());
  }
  lua_setfield(lua, -2, "headers");
  return 1;
}

int secret(lua_State* lua) {
  const std::string name(text_argument(lua, 1));
  const auto& script = AdapterScript::of(lua);
  for (const auto& [key, value] : script.secrets())
    if (key == name) return push_text(lua, value), 1;
  return luaL_error(lua, "secret \"%s\" is not there: add it to [notifier.%s.secrets]", name.c_str(),
                    script.ctx().name().c_str());
}

int log_with(lua_State* lua, tsn_log_level level) {
  const auto& script = AdapterScript::of(lua);
  script.ctx().log(level, cut(one_line(script.masked(luaL_tolstring(lua, 1, nullptr))), 500));
  return 0;
}
int log_info(lua_State* lua) {
  return log_with(lua, TSN_LOG_INFO);
}
int log_warn(lua_State* lua) {
  return log_with(lua, TSN_LOG_WARN);
}

std::string bytes_of_hex(std::string_view hex) {
  std::string out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}
std::string hex_of_bytes(std::string_view bytes) {
  std::string out;
  for (const unsigned char c : bytes) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

/// hmac_sha256(key, text) in hex; a third argument "raw": 32 bytes.
int hmac_sha256(lua_State* lua) {
  const auto key = text_argument(lua, 1), text = text_argument(lua, 2);
  const auto hex = hmac_sha256_hex(key, text);
  const bool raw = std::string_view(luaL_optstring(lua, 3, "")) == "raw";
  return push_text(lua, raw ? bytes_of_hex(hex) : hex), 1;
}
int sha256_hex(lua_State* lua) {
  return push_text(lua, hex_of_bytes(sha256(text_argument(lua, 1)))), 1;
}
int base64(lua_State* lua) {
  return push_text(lua, base64_of(text_argument(lua, 1))), 1;
}
int url_encode(lua_State* lua) {
  return push_text(lua, escaped(text_argument(lua, 1), Place::url)), 1;
}

/// form.encode{NAME = value}: in the order of the names, so that the same table gives the same body.
int form_encode(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  std::map<std::string, std::string> fields;
  lua_pushnil(lua);
  while (lua_next(lua, 1)) {
    if (lua_type(lua, -2) != LUA_TSTRING) return luaL_error(lua, "form.encode: the names of fields are strings");
    std::size_t key_size = 0, size = 0;
    const char* key = lua_tolstring(lua, -2, &key_size);
    const char* value = luaL_tolstring(lua, -1, &size);
    LuaSandbox::of(lua).spend((key_size + size) / 16 + 1);
    fields[std::string(key, key_size)] = std::string(value, size);
    lua_pop(lua, 2);
  }
  std::string out;
  for (const auto& [key, value] : fields)
    out += (out.empty() ? "" : "&") + escaped(key, Place::url) + "=" + escaped(value, Place::url);
  return push_text(lua, out), 1;
}
int form_decode(lua_State* lua) {
  const auto fields = form_fields(text_argument(lua, 1));
  lua_newtable(lua);
  for (const auto& [key, value] : fields) {
    push_text(lua, key);
    push_text(lua, value);
    lua_rawset(lua, -3);
  }
  return 1;
}

/// Seconds since 1970, by the agent's clock.
int now(lua_State* lua) {
  lua_pushinteger(lua, AdapterScript::of(lua).ctx().now() / 1'000'000'000);
  return 1;
}
/// utc(seconds): "2026-11-20T10:00:00Z".
int utc(lua_State* lua) {
  const auto at = static_cast<std::time_t>(luaL_checkinteger(lua, 1));
  std::tm parts{};
  char text[40];
  if (!gmtime_r(&at, &parts) || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
    return luaL_error(lua, "utc: no such time");
  return push_text(lua, text), 1;
}

void add_library(lua_State* lua, int globals, const char* name, const luaL_Reg* functions) {
  lua_newtable(lua);
  luaL_setfuncs(lua, functions, 0);
  lua_setfield(lua, globals, name);
}

}  // namespace

void add_adapter_functions(lua_State* lua, LuaSandbox& sandbox) {
  sandbox.push_globals();
  const int globals = lua_gettop(lua);
  constexpr luaL_Reg http[] = {{"request", http_request}, {nullptr, nullptr}};
  constexpr luaL_Reg form[] = {{"encode", form_encode}, {"decode", form_decode}, {nullptr, nullptr}};
  constexpr luaL_Reg log[] = {{"info", log_info}, {"warn", log_warn}, {nullptr, nullptr}};
  constexpr luaL_Reg alone[] = {{"secret", secret},
                                {"hmac_sha256", hmac_sha256},
                                {"sha256", sha256_hex},
                                {"base64", base64},
                                {"url_encode", url_encode},
                                {"now", now},
                                {"utc", utc},
                                {nullptr, nullptr}};
  add_library(lua, globals, "http", http);
  add_library(lua, globals, "form", form);
  add_library(lua, globals, "log", log);
  push_json_library(lua);
  lua_setfield(lua, globals, "json");
  luaL_setfuncs(lua, alone, 0);
}

}  // namespace tocsin_plugins
