// links: tocsin_lua_sandbox
// libFuzzer target for the sandbox's string.find, match, gmatch and gsub: they say what Lua's own say. Input: a line of
// pattern, a line of replacement, a text; short, because Lua's own may need exponential time.
#include "lua_sandbox/sandbox.hpp"
#include "target.hpp"

using namespace tocsin_plugins;

namespace {

constexpr char script[] = R"(
local text, pattern, replacement, init = ...
local function all(...)
  local t = table.pack(...)
  for i = 1, t.n do t[i] = type(t[i]) .. ":" .. tostring(t[i]) end
  return table.concat(t, ",")
end
local out = {}
for _, call in ipairs({
  function() return all(string.find(text, pattern, init)) end,
  function() return all(string.match(text, pattern, init)) end,
  function() return all(string.find(text, pattern, init, true)) end,
  function() return all(string.gsub(text, pattern, replacement)) end,
  function() return all(string.gsub(text, pattern, { a = 1, b = false, [text] = "x" }, 3)) end,
  function() return all(string.gsub(text, pattern, function(...) return select("#", ...) .. (...) end)) end,
  function() local s = "" for a, b in string.gmatch(text, pattern, init) do s = s .. tostring(a) .. tostring(b) end return s end,
}) do
  out[#out + 1] = tostring(select(2, pcall(call)))
end
return table.concat(out, "\n")
)";

/// The answer of the script whose function is on the stack.
std::string run(lua_State* lua, std::string_view text, std::string_view pattern, std::string_view replacement,
                int init) {
  lua_pushlstring(lua, text.data(), text.size());
  lua_pushlstring(lua, pattern.data(), pattern.size());
  lua_pushlstring(lua, replacement.data(), replacement.size());
  lua_pushinteger(lua, init);
  fuzz::require(lua_pcall(lua, 4, 1, 0) == LUA_OK, "the script ends");
  std::size_t size = 0;
  const char* said = lua_tolstring(lua, -1, &size);
  std::string out(said, size);
  lua_settop(lua, 0);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const int init = input.take<std::int8_t>();
  const std::string_view pattern = input.line().substr(0, 16), replacement = input.line().substr(0, 16),
                         text = input.rest().substr(0, 20);
  static lua_State* own = [] {
    lua_State* made = luaL_newstate();
    luaL_openlibs(made);
    return made;
  }();
  static LuaSandbox sandbox({16u << 20, 1'000'000'000});
  fuzz::require(luaL_loadbufferx(own, script, sizeof script - 1, "=script", "t") == LUA_OK, "the script is Lua");
  const std::string wanted = run(own, text, pattern, replacement, init);
  fuzz::require(sandbox.compile("script", script), "the script is Lua");
  const std::string got = run(sandbox.state(), text, pattern, replacement, init);
  // Errors name the function and the capture in other words.
  const auto is_error = [](std::string_view line) { return line.find("capture index") != line.npos; };
  if (is_error(wanted) && is_error(got)) return 0;
  if (wanted != got) std::fprintf(stderr, "Lua says:\n%s\nthe sandbox says:\n%s\n", wanted.c_str(), got.c_str());
  fuzz::require(wanted == got, "the sandbox's patterns say what Lua's say");
  return 0;
}
