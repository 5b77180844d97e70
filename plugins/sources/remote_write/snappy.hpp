// Snappy's block format, unpacking only: what remote_write bodies are packed with.
//
// Format: github.com/google/snappy, format_description.txt. Written out here because it is three kinds of elements; a
// library would be one more package for every build.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin_plugins::remote_write {

/// False: `packed` is no whole block, or unpacks to more than `most` bytes; `why` says which.
bool unpack_snappy(std::string_view packed, std::size_t most, std::string& out, const char*& why);

}  // namespace tocsin_plugins::remote_write
