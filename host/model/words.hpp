// Enumerations as words: one table each, read in both directions. Internal to the room.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"

namespace tocsin::model {

/// `words[i]` is the word of the enumerator with the number `first + i`.
template <class Enum>
base::Result<Enum> parse_word(std::string_view text, std::span<const std::string_view> words, std::size_t first,
                              std::string_view what) {
  std::string_view wanted = base::trim(text);
  std::string known;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (base::equal_without_case(wanted, words[i])) return static_cast<Enum>(first + i);
    known += (i ? " " : "") + std::string(words[i]);
  }
  std::string meant = base::nearest(wanted, std::vector<std::string>(words.begin(), words.end()));
  return base::fail(base::Fault::invalid, "\"" + std::string(text) + "\" is not " + std::string(what) +
                                              (meant.empty() ? "" : "; did you mean " + meant + "?") + " (one of " +
                                              known + ")");
}

}  // namespace tocsin::model
