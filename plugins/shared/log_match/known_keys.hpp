// A table inside an option: the host checks the options themselves, the plugin what is in them.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::log_match {

/// Throws tsn::Failure (invalid) for a key that is none of `known`.
inline void refuse_unknown_keys(const tsn::Config& table, const std::string& where,
                                std::initializer_list<std::string_view> known) {
  if (!table) return;
  if (table.type() != TSN_TABLE) table.wrong("a table");
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    if (std::find(known.begin(), known.end(), table.key(i)) != known.end()) continue;
    std::string text = where + ": unknown key \"" + std::string(table.key(i)) + "\"";
    if (const auto line = table.at(i).line()) text += " at line " + std::to_string(line);
    text += "; expected one of";
    for (const auto key : known) text.append(key == *known.begin() ? " " : ", ").append(key);
    throw tsn::Failure(tsn::invalid(text));
  }
}

}  // namespace tocsin_plugins::log_match
