// Unpacking of gzip (RFC 1952) bodies, bounded: what would unpack to more is refused before it is there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin_plugins {

enum class Unpacked { whole, too_long, broken };

/// `out` has `padding` zero bytes behind what was unpacked (not counted in its size: they are reserved and readable).
Unpacked gunzip(std::string_view packed, std::size_t most, std::size_t padding, std::string& out);

}  // namespace tocsin_plugins
