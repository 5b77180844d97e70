#include "phone/adapter_script.hpp"

#include <algorithm>
#include <cmath>

#include "message_text/mask.hpp"
#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t longest_chunk_name = 50;  ///< LUA_IDSIZE is 60
constexpr std::size_t longest_error = 400;

std::string chunk_name(const std::string& file) {
  if (file.size() <= longest_chunk_name) return file;
  const auto slash = file.rfind('/');
  const auto name = slash == file.npos ? file : file.substr(slash + 1);
  return name.size() <= longest_chunk_name ? name : name.substr(name.size() - longest_chunk_name);
}

/// A member of the table at `index` as text; empty: it has none. Members are read raw: no function of the script runs.
std::string text_member(lua_State* lua, int index, const char* key) {
  lua_pushstring(lua, key);
  lua_rawget(lua, index);
  std::size_t size = 0;
  const char* text = lua_isstring(lua, -1) ? lua_tolstring(lua, -1, &size) : nullptr;
  std::string out = text ? std::string(text, size) : std::string();
  lua_pop(lua, 1);
  return out;
}

bool true_member(lua_State* lua, int index, const char* key) {
  lua_pushstring(lua, key);
  lua_rawget(lua, index);
  const bool out = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  return out;
}

std::chrono::milliseconds seconds_member(lua_State* lua, int index, const char* key) {
  lua_pushstring(lua, key);
  lua_rawget(lua, index);
  const double seconds = lua_isnumber(lua, -1) ? lua_tonumber(lua, -1) : 0;
  lua_pop(lua, 1);
  const bool sound = std::isfinite(seconds) && seconds > 0;
  return std::chrono::milliseconds(sound ? static_cast<std::int64_t>(std::min(seconds, 86'400.0) * 1000) : 0);
}

}  // namespace

AdapterScript::AdapterScript(const tsn::Context& ctx, const AdapterSettings& settings, HttpClient* client)
    : ctx_(ctx),
      client_(client),
      secrets_(settings.secrets),
      file_(settings.file),
      chunk_(chunk_name(settings.file)),
      lua_(settings.budgets) {
  *static_cast<AdapterScript**>(lua_getextraspace(lua_.state())) = this;
  const auto error = lua_.protect([&](lua_State* lua) {
    add_adapter_functions(lua, lua_);
    if (!lua_.compile(chunk_, settings.text)) lua_error(lua);
    lua_getupvalue(lua, -1, 1);
    environment_ = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_call(lua, 0, 0);
  });
  if (!error.empty()) throw tsn::Failure(tsn::invalid(masked(named(error))));
}

AdapterScript& AdapterScript::of(lua_State* lua) {
  return **static_cast<AdapterScript**>(lua_getextraspace(lua));
}

void AdapterScript::push_function(lua_State* lua, const char* name) const {
  lua_rawgeti(lua, LUA_REGISTRYINDEX, environment_);
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
}

bool AdapterScript::has(const char* function) {
  bool there = false;
  const auto error = lua_.protect([&](lua_State* lua) {
    push_function(lua, function);
    there = lua_isfunction(lua, -1);
  });
  return error.empty() && there;
}

tsn::Status AdapterScript::call(const char* function, const std::function<int(lua_State*)>& push,
                                const std::function<tsn::Status(lua_State*)>& take, tsn::Deadline deadline) {
  deadline_ = deadline, requests_ = 0, running_ = true;
  tsn::Status status = tsn::ok;
  const auto error = lua_.protect([&](lua_State* lua) {
    push_function(lua, function);
    const int arguments = push(lua);
    status = lua_pcall(lua, arguments, 2, 0) == LUA_OK ? take(lua) : raised(lua);
  });
  running_ = false;
  if (!error.empty()) status = tsn::fail(error);
  if (status) return status;
  return tsn::Status(status.value(), cut(masked(named(status.text())), longest_error), status.code(),
                     status.retry_after_ms());
}

tsn::Status AdapterScript::raised(lua_State* lua) {
  const int top = lua_gettop(lua);
  if (lua_type(lua, top) == LUA_TSTRING) return tsn::fail(lua_.take_error());
  if (lua_type(lua, top) != LUA_TTABLE)
    return tsn::fail(file_ + ": raised a " + luaL_typename(lua, top) + "; expected a text or a table with message");
  auto message = text_member(lua, top, "message");
  if (message.empty()) message = "raised an error without a message";
  message = file_ + ": " + message;
  if (true_member(lua, top, "permanent")) return tsn::invalid(std::move(message));
  if (true_member(lua, top, "unknown")) return tsn::unknown(std::move(message));
  if (const auto wait = seconds_member(lua, top, "retry_after"); wait.count() > 0)
    return tsn::retry_later(std::move(message), wait);
  return tsn::fail(std::move(message));
}

/// Lua's errors begin with the chunk's name.
std::string AdapterScript::named(std::string error) const {
  if (error.starts_with(file_ + ":")) return error;
  return error.starts_with(chunk_ + ":") ? file_ + error.substr(chunk_.size()) : file_ + ": " + error;
}

std::string AdapterScript::masked(std::string text) const {
  for (const auto& [name, secret] : secrets_)
    if (secret.size() >= 4) mask_secret(text, secret);  // a shorter one would hide everything
  return text;
}

}  // namespace tocsin_plugins
