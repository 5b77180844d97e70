// The JSON inside a plugin's note, as abi.h describes it ("the ELF note"), made into a model::PluginDescriptor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/plugin.hpp"

namespace tocsin::plugin_host {

/// `path` is kept in the descriptor and named in messages. Numbers and words are both accepted where the ABI's tables
/// give a number a name (type, flags, kinds), because the note is written by other people's tools too.
base::Result<model::PluginDescriptor> parse_descriptor(std::string_view json, const std::string& path);

/// Split at `separator`, empty text: none.
std::vector<std::string> split_list(std::string_view text, char separator);

/// tsn_value_type as an option's type; unknown numbers are `any`.
base::OptionType option_type(std::uint32_t abi_type);

}  // namespace tocsin::plugin_host
