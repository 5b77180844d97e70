// Scripts that stand in for tables: a type that declares the option `adapter` is handed a file's text. The agent reads
// the file, because a plugin in a process of its own may not, and watches it.
#pragma once

#include <string>

#include "base/value.hpp"
#include "config/document.hpp"
#include "model/plugin.hpp"
#include "settings/instances.hpp"

namespace tocsin::settings {

/// The instance names a script, and its type takes one. What the type otherwise requires it need not have then.
bool has_adapter(const Instance& instance, const model::PluginType& type);

/// The script's path as seen from the current folder; empty: there is none.
std::string adapter_file(const Instance& instance, const model::PluginType& type);

/// Makes the path in `options` that of the script and sets `adapter_text`, which no type declares, to what is in it. A
/// file that cannot be read, or holds more than 256 KiB, is an error at the option.
void hand_over_adapter(base::Value& options, const std::string& where, config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
