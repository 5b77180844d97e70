#include "window_object.hpp"

#include <cmath>
#include <cstring>

namespace tocsin_plugins {
namespace {

constexpr char window_type[] = "tocsin.window";
/// Raised to leave a row whose input was only just declared; never seen by a rule's author.
char declared_mark;

struct Window {
  RowView** seat;  ///< a userdata, kept by this one's user value
  std::uint32_t signal;
};

/// The first argument. The metatable is in the function's upvalue: luaL_checkudata would look for it by name.
Window& window_at_first(lua_State* lua) {
  void* const found = lua_touserdata(lua, 1);
  bool right = false;
  if (found && lua_getmetatable(lua, 1)) {
    right = lua_rawequal(lua, -1, lua_upvalueindex(1)) != 0;
    lua_pop(lua, 1);
  }
  return *static_cast<Window*>(right ? found : luaL_checkudata(lua, 1, window_type));
}

/// The view while its rule is called; else an error: what a rule kept from a call says nothing later.
RowView& called(lua_State* lua, RowView** seat) {
  if (!*seat || !(*seat)->inputs) luaL_error(lua, "a signal is read by its own rule, while `check` is called");
  return **seat;
}

std::int64_t duration_at(lua_State* lua, int index, const char* what) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  const auto ns = lua_duration(text, size);
  if (ns < 0) luaL_error(lua, "%s: expected a duration such as \"5m\", got \"%s\"", what, text);
  return ns;
}

std::int64_t offset_at(lua_State* lua, int index) {
  if (lua_isnoneornil(lua, index)) return 0;
  if (!lua_istable(lua, index)) luaL_error(lua, "expected options as a table: { offset = \"1d\" }");
  lua_getfield(lua, index, "offset");
  const auto ns = lua_isnil(lua, -1) ? 0 : duration_at(lua, -1, "offset");
  lua_pop(lua, 1);
  return ns;
}

/// The column of an aggregate; declares it where the rule asks for the first time.
std::uint32_t column_of(lua_State* lua, RowView& view, std::uint32_t signal, tsn_aggregate aggregate, std::int64_t over,
                        std::int64_t offset) {
  for (const auto& known : view.columns) {
    if (known.signal == signal && known.aggregate == aggregate && known.over == over && known.offset == offset)
      return known.column;
  }
  if (view.columns.size() >= 64) luaL_error(lua, "a rule may ask for at most 64 different aggregates");
  tsn::Input input;
  input.aggregate = aggregate;
  input.selector = view.selectors[signal];
  input.over = std::chrono::nanoseconds(over);
  input.offset = std::chrono::nanoseconds(offset);
  char refused[200] = {};
  std::uint32_t column = 0;
  try {
    column = view.inputs->add(input);
    view.columns.push_back({signal, aggregate, over, offset, column});
  } catch (const std::exception& error) {
    // A C++ exception must not cross Lua's frames; its text becomes a Lua error below.
    std::strncpy(refused, error.what(), sizeof refused - 1);
  }
  if (refused[0]) luaL_error(lua, "%s", refused);
  return column;
}

template <tsn_aggregate aggregate>
int read_aggregate(lua_State* lua) {
  auto& window = window_at_first(lua);
  auto& view = called(lua, window.seat);
  std::int64_t over = 0;
  if (aggregate == TSN_AGG_LAST || aggregate == TSN_AGG_LAST_SEEN) {
    if (!lua_isnoneornil(lua, 2)) over = duration_at(lua, 2, "window");
  } else {
    over = duration_at(lua, 2, "window");
    if (over == 0) return luaL_error(lua, "window: expected a duration above zero");
  }
  const auto column = column_of(lua, view, window.signal, aggregate, over, offset_at(lua, 3));
  double value = view.probe;
  if (view.cells) {
    if (column >= view.cell_count) {
      view.declared = true;
      lua_pushlightuserdata(lua, &declared_mark);
      return lua_error(lua);
    }
    value = view.cells[column];
  }
  if (std::isnan(value)) {
    lua_pushnil(lua);
  } else if (aggregate == TSN_AGG_COUNT) {
    lua_pushinteger(lua, static_cast<lua_Integer>(value));  // "%d" takes it
  } else {
    lua_pushnumber(lua, value);
  }
  return 1;
}

int window_text(lua_State* lua) {
  const auto& window = window_at_first(lua);
  lua_pushfstring(lua, "signal %s", called(lua, window.seat).selectors[window.signal].c_str());
  return 1;
}

/// What is not a signal: `s.labels` and `s.now`. Signals themselves are found without a call, in the table before this.
int subject_index(lua_State* lua) {
  auto& view = called(lua, static_cast<RowView**>(lua_touserdata(lua, lua_upvalueindex(1))));
  const char* key = luaL_checkstring(lua, 2);
  if (std::strcmp(key, "labels") == 0) {
    lua_createtable(lua, 0, static_cast<int>(view.by.size()));
    for (std::uint32_t i = 0; i < view.by.size(); ++i) {
      const auto value = view.rows ? view.rows->label_value(view.row, i) : std::string_view();
      lua_pushlstring(lua, value.data(), value.size());
      lua_setfield(lua, -2, view.by[i].c_str());
    }
    return 1;
  }
  if (std::strcmp(key, "now") == 0) {
    lua_pushnumber(lua, view.rows ? static_cast<double>(view.rows->at(view.row)) / 1e9 : 0);
    return 1;
  }
  return luaL_error(lua, "s.%s: the rule has no such signal; see its `signals`", key);
}

int subject_refuse(lua_State* lua) {
  return luaL_error(lua, "`s` is read-only");
}

}  // namespace

void open_window_objects(lua_State* lua) {
  luaL_newmetatable(lua, window_type);
  const luaL_Reg methods[] = {{"last", read_aggregate<TSN_AGG_LAST>},
                              {"avg", read_aggregate<TSN_AGG_AVG>},
                              {"sum", read_aggregate<TSN_AGG_SUM>},
                              {"min", read_aggregate<TSN_AGG_MIN>},
                              {"max", read_aggregate<TSN_AGG_MAX>},
                              {"count", read_aggregate<TSN_AGG_COUNT>},
                              {"rate", read_aggregate<TSN_AGG_RATE>},
                              {"delta", read_aggregate<TSN_AGG_DELTA>},
                              {"stddev", read_aggregate<TSN_AGG_STDDEV>},
                              {"p50", read_aggregate<TSN_AGG_P50>},
                              {"p90", read_aggregate<TSN_AGG_P90>},
                              {"p95", read_aggregate<TSN_AGG_P95>},
                              {"p99", read_aggregate<TSN_AGG_P99>},
                              {"last_seen", read_aggregate<TSN_AGG_LAST_SEEN>},
                              {nullptr, nullptr}};
  lua_newtable(lua);
  lua_pushvalue(lua, -2);
  luaL_setfuncs(lua, methods, 1);
  lua_setfield(lua, -2, "__index");
  lua_pushvalue(lua, -1);
  lua_pushcclosure(lua, window_text, 1);
  lua_setfield(lua, -2, "__tostring");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
}

// A userdata with a metatable of its own: __index is the table of signals, which the virtual machine reads without a
// call; that table's __index makes the rest. Rejected: a plain table as `s`, whose members a rule could overwrite.
void push_subject(lua_State* lua, RowView& view, const std::vector<std::string>& names) {
  auto** seat = static_cast<RowView**>(lua_newuserdatauv(lua, sizeof(RowView*), 0));
  *seat = &view;
  const int seat_at = lua_gettop(lua);
  lua_newuserdatauv(lua, 1, 0);
  lua_newtable(lua);
  lua_createtable(lua, 0, static_cast<int>(names.size()));
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    auto* window = static_cast<Window*>(lua_newuserdatauv(lua, sizeof(Window), 1));
    *window = {seat, i};
    lua_pushvalue(lua, seat_at);
    lua_setiuservalue(lua, -2, 1);
    luaL_setmetatable(lua, window_type);
    lua_setfield(lua, -2, names[i].c_str());
  }
  lua_newtable(lua);
  lua_pushvalue(lua, seat_at);
  lua_pushcclosure(lua, subject_index, 1);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, subject_refuse);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
  lua_remove(lua, seat_at);
  view.seat = seat;
}

std::int64_t lua_duration(const char* text, std::size_t size) {
  const char* const end = text + size;
  std::int64_t total = 0;
  if (text == end) return -1;
  while (text != end) {
    std::int64_t number = 0;
    const char* const digits = text;
    while (text != end && *text >= '0' && *text <= '9') {
      number = number * 10 + (*text++ - '0');
      if (number > 1'000'000'000) return -1;
    }
    if (text == digits) return -1;
    std::int64_t unit = 0;
    if (text != end && *text == 'm' && text + 1 != end && text[1] == 's') {
      unit = 1'000'000, text += 2;
    } else if (text != end) {
      switch (*text++) {
        case 's':
          unit = 1'000'000'000;
          break;
        case 'm':
          unit = 60'000'000'000;
          break;
        case 'h':
          unit = 3'600'000'000'000;
          break;
        case 'd':
          unit = 86'400'000'000'000;
          break;
        case 'w':
          unit = 604'800'000'000'000;
          break;
        default:
          return -1;
      }
    }
    if (unit == 0 || number > 9'000'000'000'000'000'000 / unit) return -1;
    total += number * unit;
    if (total < 0) return -1;
  }
  return total;
}

}  // namespace tocsin_plugins
