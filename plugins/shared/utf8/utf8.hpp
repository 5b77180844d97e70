// Lines as the host takes them: UTF-8 without NUL, of a bounded length.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin_plugins::utf8 {

/// `text` itself where it is good; else a copy in `scratch` in which each bad sequence and each NUL is U+FFFD.
std::string_view clean(std::string_view text, std::string& scratch);

/// The longest beginning of at most `most` bytes that ends between two characters.
std::string_view cut(std::string_view text, std::size_t most);

}  // namespace tocsin_plugins::utf8
