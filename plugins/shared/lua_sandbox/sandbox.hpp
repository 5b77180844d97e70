// A Lua state that cannot reach outside of itself: no io, os, package, debug, dofile, load or bytecode; every call has
// a budget of instructions, the state one of memory. Shared tables (string, math, …) are read-only.
#pragma once

#include <lua.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tocsin_plugins {

struct LuaBudgets {
  std::uint64_t memory = 16u << 20;        ///< bytes of the whole state
  std::uint32_t instructions = 1'000'000;  ///< of one call; what functions in C do for it may cost as much again
};

class LuaSandbox {
 public:
  explicit LuaSandbox(LuaBudgets budgets);
  ~LuaSandbox();
  LuaSandbox(const LuaSandbox&) = delete;
  LuaSandbox& operator=(const LuaSandbox&) = delete;

  lua_State* state() const { return lua_; }
  std::uint64_t memory_used() const { return used_; }
  /// The sandbox of a state.
  static LuaSandbox& of(lua_State* lua);
  /// Counts work of a function in C against the call's budget, about as long as an instruction each. Raises a Lua error
  /// when it is used up.
  void spend(std::uint64_t steps) {
    if ((spent_ += steps) > budgets_.instructions) out_of_instructions(lua_, nullptr);
  }
  const LuaBudgets& budgets() const { return budgets_; }

  /// Runs `protected_part` under lua_pcall: Lua errors in it end it and come back as text ("file:line: …"); empty:
  /// done. For everything that touches the state and may raise.
  std::string protect(const std::function<void(lua_State*)>& protected_part);
  /// The budget of instructions is whole again: for a function in C that makes many calls in one protected call.
  void begin_call() {
    spent_ = 0;
    lua_sethook(lua_, &out_of_instructions, LUA_MASKCOUNT, static_cast<int>(budgets_.instructions));
  }
  /// lua_pcall with the budget of instructions; LUA_OK, or the error on the stack.
  int call(int arguments, int results) {
    begin_call();
    return lua_pcall(lua_, arguments, results, 0);
  }
  /// Compiles a text chunk named as `file` with an environment of its own (readable: the shared globals; what it
  /// defines stays there), leaves the function on the stack. False: the error's text is on the stack.
  bool compile(std::string_view file, std::string_view text);
  /// Pushes the table of shared globals; functions added to it are seen by every chunk.
  void push_globals();
  /// The error on top of the stack as text, popped.
  std::string take_error();

 private:
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);
  static void out_of_instructions(lua_State* lua, lua_Debug*);
  void open_libraries();
  void charge_functions();

  LuaBudgets budgets_;
  std::uint64_t used_ = 0, spent_ = 0;
  lua_State* lua_ = nullptr;
  int globals_ = LUA_NOREF;
};

}  // namespace tocsin_plugins
