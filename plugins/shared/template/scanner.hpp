// The source of a template as tags and the text between them, and a tag's inside as words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "template/template.hpp"

namespace tocsin_plugins {

/// Text, or a tag without its braces.
struct Scrap {
  bool tag = false;
  std::string_view text;
  std::size_t at = 0;  ///< of `text` in the source
};

struct TagWord {
  enum class Kind { name, text, number, sign, end };
  Kind kind = Kind::end;
  std::string text;  ///< of a text without its quotes
  double number = 0;
  std::size_t at = 0;
};

/// Throws a TemplateError at a place of `source`.
[[noreturn]] void template_error(std::string_view source, std::size_t at, const std::string& what);

/// Lines that hold nothing but a block's tag or a comment are gone but for the tag.
std::vector<Scrap> scraps_of(std::string_view source);
/// Ends with a word of kind `end`.
std::vector<TagWord> words_of(std::string_view source, const Scrap& tag);

}  // namespace tocsin_plugins
