// Rules in Lua: one state per instance, and the host makes one instance per shard, so a rule is judged without a lock.
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lua_sandbox/sandbox.hpp"
#include "script.hpp"
#include "tocsin/plugin.hpp"
#include "window_object.hpp"

namespace tocsin_plugins {
namespace {

// What `check` may return beside tables and booleans; addresses are their identity.
char no_data_mark, keep_mark;

tsn_severity severity_of(std::string_view word) {
  for (const auto& [name, severity] : {std::pair<std::string_view, tsn_severity>{"CRITICAL", TSN_SEV_CRITICAL},
                                       {"HIGH", TSN_SEV_HIGH},
                                       {"MEDIUM", TSN_SEV_MEDIUM},
                                       {"LOW", TSN_SEV_LOW}}) {
    if (name == word) return severity;
  }
  return TSN_SEV_NONE;
}

}  // namespace

/// A rule as one shard judges it.
struct Program {
  ~Program() {
    if (view.seat) *view.seat = nullptr;
    luaL_unref(lua, LUA_REGISTRYINDEX, check);
    luaL_unref(lua, LUA_REGISTRYINDEX, subject);
  }
  std::shared_ptr<LuaSandbox> sandbox;
  lua_State* lua = nullptr;
  std::string name;
  int check = LUA_NOREF, subject = LUA_NOREF;
  RowView view;
};

class Lua {
 public:
  static constexpr auto id = "lua", version = "1.0.0", doc = "Rules written in Lua, hot-reloaded and sandboxed";
  static constexpr auto extension = ".lua";
  static constexpr tsn::Option options[] = {
      {.key = "max_instructions",
       .type = tsn::integer,
       .fallback = "1000000",
       .min = "1000",
       .max = "1000000000",
       .doc = "Budget of one call of a rule"},
      {.key = "max_memory",
       .type = tsn::size,
       .fallback = "\"16MiB\"",
       .min = "\"256KiB\"",
       .max = "\"1GiB\"",
       .doc = "Budget of all rules of one shard"},
  };

  Lua() : sandbox_(std::make_shared<LuaSandbox>(budgets(ctx_.config()))) {
    const auto error = sandbox_->protect([this](lua_State* lua) {
      open_window_objects(lua);
      sandbox_->push_globals();
      lua_pushlightuserdata(lua, &no_data_mark);
      lua_setfield(lua, -2, "NO_DATA");
      lua_pushlightuserdata(lua, &keep_mark);
      lua_setfield(lua, -2, "KEEP");
      for (std::size_t i = 0; i < keys_.size(); ++i) {
        lua_pushstring(lua, key_names[i]);
        keys_[i] = luaL_ref(lua, LUA_REGISTRYINDEX);
      }
    });
    if (!error.empty()) throw tsn::Failure("lua: " + error);
  }

  /// A file read again makes a new generation; what is compiled keeps the functions it has.
  void load(std::string_view file, std::string_view text, tsn::RuleSink& sink) {
    auto rules = read_script(*sandbox_, file, text);
    if (rules.empty())
      throw tsn::Failure(tsn::invalid(std::string(file) + ": expected at least one rule \"name\" { … }"));
    auto& kept = scripts_[std::string(file)];
    for (auto& rule : rules) {
      auto* script = rule.get();
      kept.push_back(std::move(rule));
      sink.add(script->table, script);
    }
  }

  void unload(std::string_view file) {
    const auto it = scripts_.find(file);
    if (it == scripts_.end()) return;
    for (const auto& rule : it->second) luaL_unref(sandbox_->state(), LUA_REGISTRYINDEX, rule->check);
    scripts_.erase(it);
  }

  std::unique_ptr<Program> compile(const tsn::Rule& rule, tsn::Inputs& inputs) {
    const auto* script = rule.script<ScriptRule>();
    if (!script)
      throw tsn::Failure(
          tsn::invalid("rule \"" + std::string(rule.name()) + "\": detector \"lua\" takes rules of .lua files only"));
    auto program = std::make_unique<Program>();
    program->sandbox = sandbox_;
    program->lua = sandbox_->state();
    program->name = script->name;
    for (const auto& by : rule.by()) program->view.by.emplace_back(by);
    std::vector<std::string> names;
    for (const auto& [name, selector] : script->signals) {
      names.push_back(name);
      program->view.selectors.push_back(selector);
    }
    const auto error = sandbox_->protect([&](lua_State* lua) {
      lua_rawgeti(lua, LUA_REGISTRYINDEX, script->check);
      program->check = luaL_ref(lua, LUA_REGISTRYINDEX);
      push_subject(lua, program->view, names);
      program->subject = luaL_ref(lua, LUA_REGISTRYINDEX);
    });
    if (!error.empty()) throw tsn::Failure(tsn::invalid(error));
    probe(*program, inputs);
    return program;
  }

  void evaluate(Program& program, const tsn::Rows& rows, tsn::Verdicts& verdicts) {
    auto& view = program.view;
    const auto inputs = rows.inputs();
    view.inputs = &inputs;
    view.rows = &rows;
    view.cell_count = rows.columns();
    std::string failed;
    Round round{program, rows, verdicts};
    for (; round.row < rows.size(); ++round.row) judge_on(round, failed);
    view.cells = nullptr;
    view.rows = nullptr;
    view.inputs = nullptr;
    if (!failed.empty()) throw tsn::Failure(failed);
  }

 private:
  static LuaBudgets budgets(const tsn::Config& config) {
    LuaBudgets budgets;
    budgets.instructions = static_cast<std::uint32_t>(config.integer("max_instructions", budgets.instructions));
    budgets.memory = config.size("max_memory", budgets.memory);
    return budgets;
  }

  /// Calls `check` with made-up numbers to learn which aggregates it asks for. Its errors mean nothing here: the
  /// numbers may lead where real ones never would.
  void probe(Program& program, tsn::Inputs& inputs) {
    auto& view = program.view;
    view.inputs = &inputs;
    for (const double number : {1.0, 0.0, 1e9, std::nan("")}) {
      view.probe = number;
      push_call(program);
      sandbox_->call(1, 0);
      lua_settop(program.lua, 0);
    }
    view.inputs = nullptr;
    // A rule that asks for nothing before it knows more still belongs to the groups of its signals.
    if (view.columns.empty()) {
      for (std::uint32_t i = 0; i < view.selectors.size(); ++i) {
        const auto column = inputs.add({.aggregate = TSN_AGG_LAST, .selector = view.selectors[i]});
        view.columns.push_back({i, TSN_AGG_LAST, 0, 0, column});
      }
    }
  }

  static void push_call(Program& program) {
    lua_rawgeti(program.lua, LUA_REGISTRYINDEX, program.check);
    lua_rawgeti(program.lua, LUA_REGISTRYINDEX, program.subject);
  }

  /// Rows that one protected call judges, one after another.
  struct Round {
    Program& program;
    const tsn::Rows& rows;
    tsn::Verdicts& verdicts;
    std::uint32_t row = 0;  ///< at hand
  };

  /// Judges rows from the one at hand on, in Lua's protection, until one says more than yes or no or raises: that one
  /// is then the row at hand, and what it said is returned. Each call has a budget of its own. Nothing here throws.
  static int judge_rows(lua_State* lua) {
    auto& round = *static_cast<Round*>(lua_touserdata(lua, 1));
    auto& program = round.program;
    auto& view = program.view;
    push_call(program);
    for (; round.row < round.rows.size(); ++round.row) {
      view.row = round.row;
      view.cells = round.rows.cells(round.row);
      view.declared = false;
      program.sandbox->begin_call();
      lua_pushvalue(lua, 2);
      lua_pushvalue(lua, 3);
      lua_call(lua, 1, 1);
      const int type = lua_type(lua, -1);
      if (type != LUA_TNIL && type != LUA_TBOOLEAN) return 1;
      if (lua_toboolean(lua, -1)) round.verdicts.firing(round.row);
      lua_pop(lua, 1);
    }
    return 0;
  }

  /// Judges rows as judge_rows(), and heeds what the row at hand said, if one is left.
  void judge_on(Round& round, std::string& failed) {
    auto& program = round.program;
    lua_State* lua = program.lua;
    lua_pushcfunction(lua, judge_rows);
    lua_pushlightuserdata(lua, &round);
    if (sandbox_->call(1, LUA_MULTRET) != LUA_OK) {
      if (program.view.declared) {
        round.verdicts.again(round.row);
      } else {
        round.verdicts.keep(round.row);
        if (failed.empty()) failed = sandbox_->take_error();
      }
    } else if (lua_gettop(lua) > 0) {
      answered(program, round.row, round.verdicts, failed);
    }
    lua_settop(lua, 0);
  }

  void answered(Program& program, std::uint32_t row, tsn::Verdicts& verdicts, std::string& failed) {
    lua_State* lua = program.lua;
    switch (lua_type(lua, -1)) {
      case LUA_TTABLE:
        firing(program, row, verdicts, failed);
        break;
      case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua, -1) == &no_data_mark) verdicts.no_data(row);
        if (lua_touserdata(lua, -1) == &keep_mark) verdicts.keep(row);
        break;
      default:
        verdicts.keep(row);
        if (failed.empty()) {
          failed = "rule \"" + program.name + "\": check returned a " + luaL_typename(lua, -1) +
                   "; expected nothing, true, false, a table, NO_DATA or KEEP";
        }
    }
  }

  /// The table on top: { value, threshold, severity, message }.
  void firing(Program& program, std::uint32_t row, tsn::Verdicts& verdicts, std::string& failed) {
    lua_State* lua = program.lua;
    const auto number = [&](Key key) {
      push_member(lua, key);
      const double value = lua_isnumber(lua, -1) ? lua_tonumber(lua, -1) : tsn::Verdicts::none;
      lua_pop(lua, 1);
      return value;
    };
    const double value = number(Key::value), threshold = number(Key::threshold);
    tsn_severity severity = TSN_SEV_NONE;
    push_member(lua, Key::severity);
    if (lua_type(lua, -1) == LUA_TSTRING) {
      severity = severity_of(lua_tostring(lua, -1));
      if (severity == TSN_SEV_NONE && failed.empty()) {
        failed = "rule \"" + program.name + "\": severity \"" + lua_tostring(lua, -1) +
                 "\": expected CRITICAL, HIGH, MEDIUM or LOW";
      }
    }
    lua_pop(lua, 1);
    verdicts.firing(row, value, threshold, severity);
    push_member(lua, Key::message);
    if (lua_type(lua, -1) == LUA_TSTRING) {
      std::size_t size = 0;
      const char* text = lua_tolstring(lua, -1, &size);
      verdicts.message(row, {text, size});
    }
    lua_pop(lua, 1);
  }

  /// The member of the table on top. Outside of a protected call nothing may allocate: a rule may have used up its
  /// memory, and Lua would end the process. So the names of members are made at the start.
  enum class Key : std::uint8_t { value, threshold, severity, message };
  static constexpr std::array key_names = {"value", "threshold", "severity", "message"};
  void push_member(lua_State* lua, Key key) const {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, keys_[static_cast<std::size_t>(key)]);
    lua_rawget(lua, -2);
  }

  tsn::Context ctx_;
  std::shared_ptr<LuaSandbox> sandbox_;
  std::array<int, 4> keys_{};
  std::map<std::string, std::vector<std::unique_ptr<ScriptRule>>, std::less<>> scripts_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Lua;
TOCSIN_PLUGIN(Lua)
