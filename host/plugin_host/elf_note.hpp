// Finds the Tocsin note in an ELF64 shared object without mapping or running it.
//
// Formats: the System V gABI, "Object Files" (header, sections, program header, note section). Parsed by hand because
// the input is hostile: every offset is checked against the size of the file before anything is read, and libelf would
// be one more library in every agent. Rejected: dlopen() and a look at a symbol, which would run the plugin's
// constructors.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace tocsin::plugin_host {

/// Bytes of a file by position. `read` copies exactly `count` bytes from `offset`; false: they could not be read. It is
/// only asked for ranges inside `size`.
struct ByteSource {
  std::uint64_t size = 0;
  std::function<bool(std::uint64_t offset, void* to, std::size_t count)> read;
};

/// The description of the note (name "Tocsin", type TSN_NOTE_DESCRIPTOR). `path` is for messages only.
base::Result<std::string> read_note(const ByteSource& source, const std::string& path);

}  // namespace tocsin::plugin_host
