// One option, declared once: its name, type, bounds, default and sentence serve validation, samples and the reference.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tocsin::base {

enum class OptionType : std::uint8_t { boolean, integer, number, string, array, table, duration, size, any };

struct Option {
  std::string key;
  OptionType type = OptionType::string;
  bool required = false;
  bool secret = false;               ///< env:, file:, store: are resolved; never shown
  bool reloadable = false;           ///< a change does not need a new instance
  std::string fallback;              ///< default as TOML text; empty: none
  std::string min, max;              ///< bounds as TOML text; empty: none
  std::vector<std::string> choices;  ///< allowed strings; empty: any
  std::string doc;
  std::vector<Option> children;  ///< of a table or of the tables in an array; empty: not looked into
};

}  // namespace tocsin::base
