// A script file: the rules it defines, as tables for the host and functions for us.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lua_sandbox/sandbox.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// One `rule "name" { … }`.
struct ScriptRule {
  std::string name, file;
  std::vector<std::pair<std::string, std::string>> signals;  ///< name in the script, selector
  int check = LUA_NOREF;                                     ///< reference to the function
  tsn::Value table = tsn::Value::table();                    ///< the host's keys
  bool timed = false;                                        ///< `every` is given
};

/// Runs the file and collects its rules. Throws tsn::Failure with "file:line: …, expected …".
std::vector<std::unique_ptr<ScriptRule>> read_script(LuaSandbox& lua, std::string_view file, std::string_view text);

}  // namespace tocsin_plugins
