// What a .so says of itself, read from its ELF note without running any of its code.
#pragma once

#include <string>

#include "base/result.hpp"
#include "model/plugin.hpp"

namespace tocsin::plugin_host {

/// Errors name the defect: not ELF, truncated, wrong class or machine ("built for aarch64, this agent is x86_64"), no
/// `.note.tocsin` ("not a Tocsin plugin"), another ABI version, a note that is not JSON.
base::Result<model::PluginDescriptor> read_descriptor(const std::string& path);
/// Of a file that is open for reading and stays so; `path` is for messages.
base::Result<model::PluginDescriptor> read_descriptor(int fd, const std::string& path);

}  // namespace tocsin::plugin_host
