// One pattern against one text. Internal to the sandbox; patterns.hpp says why it is here.
#pragma once

#include <lua.hpp>

#include <cstddef>
#include <string_view>

namespace tocsin_plugins {

class LuaSandbox;

/// Raises Lua errors: for a malformed pattern, and when the sandbox's budget is used up.
class PatternMatch {
 public:
  PatternMatch(lua_State* lua, LuaSandbox& sandbox, std::string_view text, std::string_view pattern)
      : lua_(lua), sandbox_(sandbox), text_(text), pattern_(pattern) {}

  /// The end of a match that begins at `from`, or null.
  const char* at(const char* from) {
    captures_ = 0;
    depth_ = 0;
    return match(from, pattern_.data());
  }
  int captures() const { return captures_; }
  /// Pushes capture `index`; 0 of a match without captures is the whole match.
  void push(int index, const char* begin, const char* end) const;
  /// Pushes all, or the whole match where there are none and `whole`; how many.
  int push_all(const char* begin, const char* end, bool whole) const;

 private:
  static constexpr int most_captures = 32, most_depth = 200;
  static constexpr std::ptrdiff_t unclosed = -1, position = -2;
  struct Capture {
    const char* begin;
    std::ptrdiff_t size;
  };

  const char* text_end() const { return text_.data() + text_.size(); }
  const char* pattern_end() const { return pattern_.data() + pattern_.size(); }
  const char* match(const char* s, const char* p);
  const char* match_items(const char* s, const char* p);
  const char* repeat(const char* s, const char* p, const char* after);
  const char* most(const char* s, const char* p, const char* after);
  const char* fewest(const char* s, const char* p, const char* after);
  const char* open(const char* s, const char* p, std::ptrdiff_t size);
  const char* close(const char* s, const char* p);
  const char* balanced(const char* s, const char* p);
  const char* again(const char* s, char digit);
  bool frontier(const char* s, const char* p, const char* after) const;
  /// Behind the class, set or sign that begins at `p`.
  const char* item_end(const char* p) const;
  bool one(const char* s, const char* p, const char* after);
  static bool in_set(unsigned char c, const char* p, const char* bracket);
  static bool in_class(unsigned char c, unsigned char name);

  lua_State* lua_;
  LuaSandbox& sandbox_;
  std::string_view text_, pattern_;
  Capture found_[most_captures] = {};
  int captures_ = 0, depth_ = 0;
};

}  // namespace tocsin_plugins
