// A Lua rule per row, as the plugin judges it (sandbox, budgets, verdict), beside the bare call of a Lua function on a
// userdata with lua_pcall. ns per call, median of 9 rounds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <lua.hpp>
#include <vector>

#include "tocsin/testing/fake_host.hpp"

namespace {

constexpr std::uint32_t rows_per_call = 1024;
constexpr int calls = 400;

double median_ns(const std::function<void()>& round, double per_round) {
  std::vector<double> all;
  for (int i = 0; i < 9; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    round();
    all.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() /
                  per_round);
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

double bare() {
  lua_State* lua = luaL_newstate();
  luaL_openlibs(lua);
  luaL_newmetatable(lua, "w");
  lua_newtable(lua);
  lua_pushcfunction(lua, [](lua_State* l) -> int {
    lua_pushnumber(l, *static_cast<double*>(luaL_checkudata(l, 1, "w")));
    return 1;
  });
  lua_setfield(lua, -2, "value");
  lua_setfield(lua, -2, "__index");
  if (luaL_dostring(lua, "return function(w) return w:value() > 95 end")) return 0;
  const int function = luaL_ref(lua, LUA_REGISTRYINDEX);
  auto* value = static_cast<double*>(lua_newuserdatauv(lua, sizeof(double), 0));
  luaL_setmetatable(lua, "w");
  const int subject = luaL_ref(lua, LUA_REGISTRYINDEX);
  long hits = 0;
  const double ns = median_ns(
      [&] {
        for (int i = 0; i < calls * static_cast<int>(rows_per_call); ++i) {
          *value = i % 100;
          lua_rawgeti(lua, LUA_REGISTRYINDEX, function);
          lua_rawgeti(lua, LUA_REGISTRYINDEX, subject);
          lua_pcall(lua, 1, 1, 0);
          hits += lua_toboolean(lua, -1);
          lua_settop(lua, 0);
        }
      },
      static_cast<double>(calls) * rows_per_call);
  lua_close(lua);
  return hits > 0 ? ns : 0;
}

double plugin(const char* check) {
  tsn::testing::FakeHost host;
  auto detector = host.create();
  detector->start();
  std::vector<tsn::testing::FakeInstance::LoadedRule> rules;
  detector->load_script(
      "bench.lua",
      std::string("rule \"b\" { severity = 'HIGH', signals = { w = 'm' }, check = function(s) ") + check + " end }",
      rules);
  tsn::testing::RuleSample sample;
  sample.script = rules.at(0).script;
  auto program = detector->compile(sample);
  std::vector<double> cells(rows_per_call);
  for (std::uint32_t i = 0; i < rows_per_call; ++i) cells[i] = i % 100;
  std::vector<std::int64_t> at(rows_per_call, 1);
  std::vector<tsn_verdict> items(rows_per_call);
  char text[64];
  tsn_rows rows{};
  rows.size = sizeof rows;
  rows.rows = rows_per_call;
  rows.columns = 1;
  rows.cells = cells.data();
  rows.at = at.data();
  tsn_err err{};
  err.size = sizeof err;
  long hits = 0;
  const double ns = median_ns(
      [&] {
        for (int i = 0; i < calls; ++i) {
          std::fill(items.begin(), items.end(), tsn_verdict{});
          tsn_verdicts verdicts{sizeof verdicts, sizeof(tsn_verdict), items.data(), text, sizeof text, 0};
          detector->type().detector->evaluate(detector->self(), program->raw, &rows, &verdicts, &err);
          hits += items[96].state == TSN_VERDICT_FIRING;
        }
      },
      static_cast<double>(calls) * rows_per_call);
  detector->release(*program);
  return hits > 0 ? ns : 0;
}

}  // namespace

int main() {
  const double base = bare();
  std::printf("{\"test\":\"lua\",\"case\":\"baseline: bare userdata call under pcall\",\"ns\":%.1f}\n", base);
  for (const auto& [name, check] :
       {std::pair{"s.w:last() > 95", "return s.w:last() > 95"}, {"s.w:avg('5m') > 95", "return s.w:avg('5m') > 95"}}) {
    const double ns = plugin(check);
    std::printf("{\"test\":\"lua\",\"case\":\"rule %s\",\"ns\":%.1f,\"of_baseline\":%.2f}\n", name, ns,
                base > 0 ? ns / base : 0);
  }
}
