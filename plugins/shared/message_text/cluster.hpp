// What people take for one character: a letter with its marks, an emoji with its tone and its joined parts, a flag. A
// text is cut between two of them.
#pragma once

#include <cstddef>
#include <string_view>

namespace tocsin_plugins {

/// The code point that begins `text`, its bytes in `size`; bytes that are not UTF-8 are one each, U+FFFD.
char32_t code_point(std::string_view text, std::size_t& size);

/// Bytes of the extended grapheme cluster that begins `text` (Unicode Standard Annex 29, by the ranges that alerts
/// hold: combining marks of the scripts in use, variation selectors, emoji modifiers, joiners, pairs of regional
/// indicators, CR LF). Never more than 32 code points, so that a heap of marks is no text without a place to cut. 0 for
/// an empty text.
std::size_t cluster_size(std::string_view text);

/// The longest prefix of at most `most` bytes that ends between two clusters.
std::size_t fitting_clusters(std::string_view text, std::size_t most);

}  // namespace tocsin_plugins
