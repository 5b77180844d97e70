// Small files of the kernel, read whole.
#pragma once

#include <cstddef>
#include <string>

namespace tocsin_plugins {

/// Empty where it cannot be read; what is longer than `most` is cut. /proc and /sys make a file's text when it is
/// opened, so what one call gives belongs together.
std::string read_file(const std::string& path, std::size_t most = 1u << 20);

}  // namespace tocsin_plugins
