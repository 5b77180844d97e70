// What `check` sees as `s.NAME`: a userdata whose methods read the row's cells. No table is made per signal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lua_sandbox/sandbox.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// What the methods work on while one row is judged. One per program; the userdata of its signals point to it.
struct RowView {
  struct Column {
    std::uint32_t signal = 0;
    tsn_aggregate aggregate = TSN_AGG_LAST;
    std::int64_t over = 0, offset = 0;
    std::uint32_t column = 0;
  };
  std::vector<std::string> selectors;  ///< by signal
  std::vector<Column> columns;
  const double* cells = nullptr;  ///< null: probing
  std::uint32_t cell_count = 0;
  double probe = 1;  ///< what every aggregate answers while probing; NaN: nil
  const tsn::Inputs* inputs = nullptr;
  bool declared = false;  ///< an input was declared while judging: the row is to be judged again
  const tsn::Rows* rows = nullptr;
  std::uint32_t row = 0;
  std::vector<std::string> by;
  /// Where the state's objects find this view: a rule may keep `s` or a signal of it in a local and use it later, from
  /// another rule as well. Null once the program has ended.
  RowView** seat = nullptr;
};

/// Registers the metatables; once per state, in a protected call.
void open_window_objects(lua_State* lua);
/// Pushes `s` for a program: its signals' userdata, and labels and now made when asked for. Sets `view.seat`,
/// whose owner sets *seat to null before `view` ends.
void push_subject(lua_State* lua, RowView& view, const std::vector<std::string>& names);

/// "5m", "1h30m", "250ms"; negative: not a duration.
std::int64_t lua_duration(const char* text, std::size_t size);

}  // namespace tocsin_plugins
