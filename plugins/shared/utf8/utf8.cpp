#include "utf8/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace tocsin_plugins::utf8 {
namespace {

/// Bytes of the well-formed character at the front (Unicode 15, table 3-7); 0: there is none.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto next = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const auto first = byte(0);
  if (first < 0x80) return first != 0;
  if (first >= 0xc2 && first <= 0xdf) return next(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return next(1, low, high) && next(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
    return next(1, low, high) && next(2) && next(3) ? 4 : 0;
  }
  return 0;
}

/// How many bytes at the front are ASCII but NUL, eight at a time.
std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t high = 0x8080808080808080, ones = 0x0101010101010101;
  std::size_t at = 0;
  for (std::uint64_t word; at + 8 <= text.size(); at += 8) {
    std::memcpy(&word, text.data() + at, 8);
    if ((word | (word - ones)) & high) break;  // a byte above 0x7f, or one that is 0
  }
  while (at < text.size() && static_cast<unsigned char>(text[at] - 1) < 0x7f) ++at;
  return at;
}

}  // namespace

std::string_view clean(std::string_view text, std::string& scratch) {
  bool copied = false;
  for (std::size_t at = plain_prefix(text); at < text.size();) {
    if (const auto length = character(text.substr(at))) {
      if (copied) scratch.append(text, at, length);
      at += length;
      continue;
    }
    if (!copied) scratch.assign(text, 0, at), copied = true;
    scratch += "\xef\xbf\xbd";
    ++at;
  }
  return copied ? std::string_view(scratch) : text;
}

std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace tocsin_plugins::utf8
