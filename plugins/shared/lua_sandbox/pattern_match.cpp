#include "lua_sandbox/pattern_match.hpp"

#include <cctype>
#include <cstring>

#include "lua_sandbox/sandbox.hpp"

namespace tocsin_plugins {

const char* PatternMatch::match(const char* s, const char* p) {
  if (++depth_ > most_depth) luaL_error(lua_, "pattern too complex");
  const char* end = match_items(s, p);
  --depth_;
  return end;
}

const char* PatternMatch::match_items(const char* s, const char* p) {
  for (;;) {
    sandbox_.spend(1);
    if (p == pattern_end()) return s;
    const char next = p + 1 < pattern_end() ? p[1] : '\0';
    if (*p == '(') return next == ')' ? open(s, p + 2, position) : open(s, p + 1, unclosed);
    if (*p == ')') return close(s, p + 1);
    if (*p == '$' && p + 1 == pattern_end()) return s == text_end() ? s : nullptr;
    if (*p == '%' && next == 'b') {
      s = balanced(s, p + 2);
      p += 4;
    } else if (*p == '%' && next == 'f') {
      p += 2;
      if (p == pattern_end() || *p != '[') luaL_error(lua_, "missing '[' after '%%f' in pattern");
      const char* after = item_end(p);
      if (!frontier(s, p, after)) return nullptr;
      p = after;
    } else if (*p == '%' && std::isdigit(static_cast<unsigned char>(next))) {
      s = again(s, next);
      p += 2;
    } else {
      const char* after = item_end(p);
      if (after != pattern_end() && std::strchr("*+?-", *after) && *after != '\0') return repeat(s, p, after);
      s = one(s, p, after) ? s + 1 : nullptr;
      p = after;
    }
    if (!s) return nullptr;
  }
}

const char* PatternMatch::repeat(const char* s, const char* p, const char* after) {
  switch (*after) {
    case '?':
      if (one(s, p, after))
        if (const char* end = match(s + 1, after + 1)) return end;
      return match(s, after + 1);
    case '+':
      return one(s, p, after) ? most(s + 1, p, after) : nullptr;
    case '*':
      return most(s, p, after);
    default:
      return fewest(s, p, after);
  }
}

const char* PatternMatch::most(const char* s, const char* p, const char* after) {
  std::ptrdiff_t count = 0;
  while (one(s + count, p, after)) ++count;
  for (; count >= 0; --count)
    if (const char* end = match(s + count, after + 1)) return end;
  return nullptr;
}

const char* PatternMatch::fewest(const char* s, const char* p, const char* after) {
  for (;; ++s) {
    if (const char* end = match(s, after + 1)) return end;
    if (!one(s, p, after)) return nullptr;
  }
}

const char* PatternMatch::open(const char* s, const char* p, std::ptrdiff_t size) {
  if (captures_ >= most_captures) luaL_error(lua_, "too many captures");
  found_[captures_++] = {s, size};
  const char* end = match(s, p);
  if (!end) --captures_;
  return end;
}

const char* PatternMatch::close(const char* s, const char* p) {
  int last = captures_ - 1;
  while (last >= 0 && found_[last].size != unclosed) --last;
  if (last < 0) luaL_error(lua_, "invalid pattern capture");
  found_[last].size = s - found_[last].begin;
  const char* end = match(s, p);
  if (!end) found_[last].size = unclosed;
  return end;
}

const char* PatternMatch::balanced(const char* s, const char* p) {
  if (pattern_end() - p < 2) luaL_error(lua_, "malformed pattern (missing arguments to '%%b')");
  if (s == text_end() || *s != p[0]) return nullptr;
  int open_ones = 1;
  for (const char* at = s + 1; at < text_end(); ++at) {
    sandbox_.spend(1);
    if (*at == p[1]) {
      if (--open_ones == 0) return at + 1;
    } else if (*at == p[0]) {
      ++open_ones;
    }
  }
  return nullptr;
}

const char* PatternMatch::again(const char* s, char digit) {
  const int index = digit - '1';
  if (index < 0 || index >= captures_ || found_[index].size == unclosed)
    luaL_error(lua_, "invalid capture index %%%d", index + 1);
  const Capture& capture = found_[index];
  if (capture.size == position || text_end() - s < capture.size) return nullptr;
  const auto size = static_cast<std::size_t>(capture.size);
  sandbox_.spend(size / 64);
  return std::memcmp(capture.begin, s, size) == 0 ? s + size : nullptr;
}

bool PatternMatch::frontier(const char* s, const char* p, const char* after) const {
  sandbox_.spend(static_cast<std::uint64_t>(after - p) / 8);
  const auto before = static_cast<unsigned char>(s == text_.data() ? '\0' : s[-1]);
  const auto here = static_cast<unsigned char>(s == text_end() ? '\0' : *s);
  return !in_set(before, p, after - 1) && in_set(here, p, after - 1);
}

const char* PatternMatch::item_end(const char* p) const {
  if (*p == '%') {
    if (p + 1 == pattern_end()) luaL_error(lua_, "malformed pattern (ends with '%%')");
    return p + 2;
  }
  if (*p != '[') return p + 1;
  const char* at = p + 1;
  if (at != pattern_end() && *at == '^') ++at;
  do {  // a bracket at the front is itself
    if (at == pattern_end()) luaL_error(lua_, "malformed pattern (missing ']')");
    if (*at++ == '%' && at != pattern_end()) ++at;
  } while (at == pattern_end() || *at != ']');
  return at + 1;
}

bool PatternMatch::one(const char* s, const char* p, const char* after) {
  sandbox_.spend(1 + static_cast<std::uint64_t>(after - p) / 8);
  if (s == text_end()) return false;
  const auto c = static_cast<unsigned char>(*s);
  switch (*p) {
    case '.':
      return true;
    case '%':
      return in_class(c, static_cast<unsigned char>(p[1]));
    case '[':
      return in_set(c, p, after - 1);
    default:
      return static_cast<unsigned char>(*p) == c;
  }
}

bool PatternMatch::in_set(unsigned char c, const char* p, const char* bracket) {
  const bool plain = p[1] != '^';
  if (!plain) ++p;
  while (++p < bracket) {
    if (*p == '%') {
      ++p;
      if (in_class(c, static_cast<unsigned char>(*p))) return plain;
    } else if (p[1] == '-' && p + 2 < bracket) {
      p += 2;
      if (static_cast<unsigned char>(p[-2]) <= c && c <= static_cast<unsigned char>(*p)) return plain;
    } else if (static_cast<unsigned char>(*p) == c) {
      return plain;
    }
  }
  return !plain;
}

bool PatternMatch::in_class(unsigned char c, unsigned char name) {
  int (*is)(int) = nullptr;
  switch (std::tolower(name)) {
    case 'a':
      is = std::isalpha;
      break;
    case 'c':
      is = std::iscntrl;
      break;
    case 'd':
      is = std::isdigit;
      break;
    case 'g':
      is = std::isgraph;
      break;
    case 'l':
      is = std::islower;
      break;
    case 'p':
      is = std::ispunct;
      break;
    case 's':
      is = std::isspace;
      break;
    case 'u':
      is = std::isupper;
      break;
    case 'w':
      is = std::isalnum;
      break;
    case 'x':
      is = std::isxdigit;
      break;
    case 'z':  // no longer in the manual, still in Lua
      return (c == 0) == (name == 'z');
    default:
      return name == c;
  }
  return (is(c) != 0) == (std::islower(name) != 0);
}

void PatternMatch::push(int index, const char* begin, const char* end) const {
  if (index >= captures_) {
    if (index != 0) luaL_error(lua_, "invalid capture index %%%d", index + 1);
    lua_pushlstring(lua_, begin, static_cast<std::size_t>(end - begin));
    return;
  }
  const Capture& capture = found_[index];
  if (capture.size == unclosed) luaL_error(lua_, "unfinished capture");
  if (capture.size == position)
    lua_pushinteger(lua_, capture.begin - text_.data() + 1);
  else
    lua_pushlstring(lua_, capture.begin, static_cast<std::size_t>(capture.size));
}

int PatternMatch::push_all(const char* begin, const char* end, bool whole) const {
  const int count = captures_ == 0 && whole ? 1 : captures_;
  luaL_checkstack(lua_, count, "too many captures");
  for (int i = 0; i < count; ++i) push(i, begin, end);
  return count;
}

}  // namespace tocsin_plugins
