#include "lua_sandbox/sandbox.hpp"

#include <cstdlib>
#include <stdexcept>

#include "lua_sandbox/patterns.hpp"

namespace tocsin_plugins {
namespace {

constexpr char read_only_message[] = "shared tables are read-only; keep values in locals of the function";

int refuse_write(lua_State* lua) {
  return luaL_error(lua, read_only_message);
}

/// Replaces the table on top of the stack by a proxy that reads from it and refuses writes.
void make_read_only(lua_State* lua) {
  lua_newtable(lua);  // proxy
  lua_newtable(lua);  // its metatable
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_write);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
  lua_remove(lua, -2);
}

/// Calls the library's function in its upvalue, in its own frame, after its arguments were charged: what most of them
/// cost grows with those. A table of a million may be sorted in one instruction.
int charged(lua_State* lua) {
  std::uint64_t cost = 1;
  for (int i = lua_gettop(lua); i > 0; --i) {
    const int type = lua_type(lua, i);
    if (type == LUA_TSTRING) cost += lua_rawlen(lua, i) / 64;
    if (type == LUA_TTABLE) cost += lua_rawlen(lua, i);
  }
  LuaSandbox::of(lua).spend(cost);
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

/// The same for pcall and xpcall: an error that they catch is an exception, and costs as much as hundreds of
/// instructions.
int charged_call(lua_State* lua) {
  LuaSandbox::of(lua).spend(100);
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

/// string.rep with a bound: one instruction must not fill the memory budget over and over.
int bounded_rep(lua_State* lua) {
  std::size_t length = 0, separator = 0;
  const char* text = luaL_checklstring(lua, 1, &length);
  const lua_Integer n = luaL_checkinteger(lua, 2);
  const char* between = luaL_optlstring(lua, 3, "", &separator);
  const std::size_t each = length + separator;
  if (n <= 0 || each == 0) return lua_pushliteral(lua, ""), 1;  // nothing, however often, must not be a loop
  if (static_cast<std::size_t>(n) > (1u << 20) / each)
    return luaL_error(lua, "string.rep: the result is longer than 1 MiB");
  LuaSandbox::of(lua).spend(static_cast<std::size_t>(n) * each / 64 + static_cast<std::size_t>(n));
  luaL_Buffer buffer;
  luaL_buffinit(lua, &buffer);
  for (lua_Integer i = 0; i < n; ++i) {
    if (i) luaL_addlstring(&buffer, between, separator);
    luaL_addlstring(&buffer, text, length);
  }
  luaL_pushresult(&buffer);
  return 1;
}

/// table.move with a bound: it goes through its whole range in one instruction, whatever the tables hold.
int bounded_move(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const lua_Integer first = luaL_checkinteger(lua, 2), last = luaL_checkinteger(lua, 3), to = luaL_checkinteger(lua, 4);
  const int target = lua_isnoneornil(lua, 5) ? 1 : 5;
  luaL_checktype(lua, target, LUA_TTABLE);
  if (last >= first) {
    const lua_Unsigned more = static_cast<lua_Unsigned>(last) - static_cast<lua_Unsigned>(first);
    if (more >= (1u << 16)) return luaL_error(lua, "table.move: more than 65536 elements");
    const auto count = static_cast<lua_Integer>(more);
    LuaSandbox::of(lua).spend(more);
    if (to > LUA_MAXINTEGER - count) return luaL_error(lua, "table.move: the place is out of range");
    const bool forward = to > last || to <= first || target != 1;
    for (lua_Integer i = 0; i <= count; ++i) {
      const lua_Integer at = forward ? i : count - i;
      lua_geti(lua, 1, first + at);
      lua_seti(lua, target, to + at);
    }
  }
  lua_pushvalue(lua, target);
  return 1;
}

int pass_through(lua_State* lua) {
  auto* part = static_cast<const std::function<void(lua_State*)>*>(lua_touserdata(lua, 1));
  lua_settop(lua, 0);
  (*part)(lua);
  return 0;
}

}  // namespace

LuaSandbox::LuaSandbox(LuaBudgets budgets) : budgets_(budgets) {
  lua_ = lua_newstate(&LuaSandbox::allocate, this);
  if (!lua_) throw std::runtime_error("cannot make a Lua state: the memory budget is too small");
  *static_cast<void**>(lua_getextraspace(lua_)) = nullptr;  // its user's
  lua_gc(lua_, LUA_GCGEN, 0, 0);
  if (const auto error = protect([this](lua_State*) { open_libraries(); }); !error.empty()) {
    lua_close(lua_);
    throw std::runtime_error("cannot make a Lua state: " + error);
  }
}

LuaSandbox::~LuaSandbox() {
  lua_close(lua_);
}

void* LuaSandbox::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  auto& sandbox = *static_cast<LuaSandbox*>(self);
  if (!block) old_size = 0;  // then it is a type, not a size
  if (new_size == 0) {
    std::free(block);
    sandbox.used_ -= old_size;
    return nullptr;
  }
  if (new_size > old_size) {
    sandbox.spent_ += (new_size - old_size) / 256;  // texts are joined by an instruction, however long they are
    const bool spent = sandbox.spent_ > sandbox.budgets_.instructions;
    if (spent || sandbox.used_ + (new_size - old_size) > sandbox.budgets_.memory) return nullptr;
  }
  void* moved = std::realloc(block, new_size);
  if (moved) sandbox.used_ += new_size - old_size;
  return moved;
}

void LuaSandbox::out_of_instructions(lua_State* lua, lua_Debug*) {
  // From here on every instruction raises: a pcall in the script cannot swallow the end of the budget.
  lua_sethook(lua, &out_of_instructions, LUA_MASKCOUNT, 1);
  luaL_error(lua, "the budget of instructions of one call is used up; look for an endless loop");
}

void LuaSandbox::open_libraries() {
  const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},
                                {LUA_STRLIBNAME, luaopen_string},
                                {LUA_TABLIBNAME, luaopen_table},
                                {LUA_MATHLIBNAME, luaopen_math},
                                {LUA_UTF8LIBNAME, luaopen_utf8}};
  for (const auto& library : libraries) {
    luaL_requiref(lua_, library.name, library.func, 1);
    lua_pop(lua_, 1);
  }
  lua_newtable(lua_);  // the shared globals
  for (const char* name : {"assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawlen", "select",
                           "tonumber", "tostring", "type", "xpcall", "_VERSION"}) {
    lua_getglobal(lua_, name);
    if (std::string_view(name).ends_with("pcall")) lua_pushcclosure(lua_, charged_call, 1);
    lua_setfield(lua_, -2, name);
  }
  lua_getglobal(lua_, LUA_STRLIBNAME);
  charge_functions();
  set_pattern_functions(lua_);
  lua_pushcfunction(lua_, bounded_rep);
  lua_setfield(lua_, -2, "rep");
  lua_pushnil(lua_);
  lua_setfield(lua_, -2, "dump");
  // Methods of strings go through their metatable: it must lead to the read-only table as well.
  make_read_only(lua_);
  lua_pushliteral(lua_, "");
  lua_getmetatable(lua_, -1);
  lua_pushvalue(lua_, -3);
  lua_setfield(lua_, -2, "__index");
  lua_pushboolean(lua_, 0);
  lua_setfield(lua_, -2, "__metatable");
  lua_pop(lua_, 2);
  lua_setfield(lua_, -2, LUA_STRLIBNAME);
  for (const char* name : {LUA_TABLIBNAME, LUA_MATHLIBNAME, LUA_UTF8LIBNAME}) {
    lua_getglobal(lua_, name);
    if (std::string_view(name) != LUA_MATHLIBNAME) charge_functions();
    if (std::string_view(name) == LUA_MATHLIBNAME) {
      // The same signals give the same verdicts: no chance in a rule.
      for (const char* chance : {"random", "randomseed"}) {
        lua_pushnil(lua_);
        lua_setfield(lua_, -2, chance);
      }
    }
    if (std::string_view(name) == LUA_TABLIBNAME) {
      lua_pushcfunction(lua_, bounded_move);
      lua_setfield(lua_, -2, "move");
    }
    make_read_only(lua_);
    lua_setfield(lua_, -2, name);
  }
  globals_ = luaL_ref(lua_, LUA_REGISTRYINDEX);
}

/// Puts charged() before every function of the table on top.
void LuaSandbox::charge_functions() {
  lua_pushnil(lua_);
  while (lua_next(lua_, -2)) {
    if (!lua_iscfunction(lua_, -1)) {
      lua_pop(lua_, 1);
      continue;
    }
    lua_pushcclosure(lua_, charged, 1);
    lua_pushvalue(lua_, -2);
    lua_insert(lua_, -2);
    lua_rawset(lua_, -4);  // of a key that is there, which next() allows
  }
}

LuaSandbox& LuaSandbox::of(lua_State* lua) {
  void* sandbox = nullptr;
  lua_getallocf(lua, &sandbox);
  return *static_cast<LuaSandbox*>(sandbox);
}

void LuaSandbox::push_globals() {
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, globals_);
}

std::string LuaSandbox::protect(const std::function<void(lua_State*)>& protected_part) {
  lua_pushcfunction(lua_, pass_through);
  lua_pushlightuserdata(lua_, const_cast<std::function<void(lua_State*)>*>(&protected_part));
  begin_call();
  return lua_pcall(lua_, 1, 0, 0) == LUA_OK ? std::string() : take_error();
}

bool LuaSandbox::compile(std::string_view file, std::string_view text) {
  const std::string name = "@" + std::string(file);
  if (luaL_loadbufferx(lua_, text.data(), text.size(), name.c_str(), "t") != LUA_OK) return false;
  lua_newtable(lua_);  // the chunk's environment
  lua_newtable(lua_);
  push_globals();
  lua_setfield(lua_, -2, "__index");
  lua_pushboolean(lua_, 0);
  lua_setfield(lua_, -2, "__metatable");
  lua_setmetatable(lua_, -2);
  lua_setupvalue(lua_, -2, 1);
  return true;
}

std::string LuaSandbox::take_error() {
  // Only of text: turning a number into text allocates, and memory may be used up.
  std::size_t size = 0;
  const char* text = lua_type(lua_, -1) == LUA_TSTRING ? lua_tolstring(lua_, -1, &size) : nullptr;
  std::string error =
      text ? std::string(text, size) : std::string("an error that is not text (") + luaL_typename(lua_, -1) + ")";
  lua_pop(lua_, 1);
  if (error == "not enough memory" && spent_ > budgets_.instructions)
    error = "the budget of instructions of one call is used up by long texts and large tables";
  else if (error == "not enough memory")
    error = "the memory budget of " + std::to_string(budgets_.memory >> 20) + " MiB is used up";
  return error;
}

}  // namespace tocsin_plugins
