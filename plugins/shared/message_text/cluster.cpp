#include "message_text/cluster.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

struct PointRange {
  char32_t first, last;
};

/// Grapheme_Extend and SpacingMark of the scripts in use, in order.
constexpr PointRange extending[] = {
    {0x0300, 0x036f},   {0x0483, 0x0489},   {0x0591, 0x05bd},  {0x05bf, 0x05bf}, {0x05c1, 0x05c2}, {0x05c4, 0x05c5},
    {0x05c7, 0x05c7},   {0x0610, 0x061a},   {0x064b, 0x065f},  {0x0670, 0x0670}, {0x06d6, 0x06dc}, {0x06df, 0x06e4},
    {0x06e7, 0x06e8},   {0x06ea, 0x06ed},   {0x0711, 0x0711},  {0x0730, 0x074a}, {0x07a6, 0x07b0}, {0x07eb, 0x07f3},
    {0x0816, 0x0819},   {0x081b, 0x0823},   {0x0825, 0x0827},  {0x0829, 0x082d}, {0x0859, 0x085b}, {0x0898, 0x089f},
    {0x08ca, 0x08e1},   {0x08e3, 0x0903},   {0x093a, 0x093c},  {0x093e, 0x094f}, {0x0951, 0x0957}, {0x0962, 0x0963},
    {0x0981, 0x0983},   {0x09bc, 0x09bc},   {0x09be, 0x09cd},  {0x0a01, 0x0a03}, {0x0a3c, 0x0a51}, {0x0a81, 0x0a83},
    {0x0abc, 0x0abc},   {0x0abe, 0x0acd},   {0x0b01, 0x0b03},  {0x0b3c, 0x0b3c}, {0x0b3e, 0x0b57}, {0x0b82, 0x0b82},
    {0x0bbe, 0x0bcd},   {0x0c00, 0x0c04},   {0x0c3e, 0x0c56},  {0x0c81, 0x0c83}, {0x0cbc, 0x0cbc}, {0x0cbe, 0x0cd6},
    {0x0d00, 0x0d03},   {0x0d3b, 0x0d3c},   {0x0d3e, 0x0d4d},  {0x0dca, 0x0ddf}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
    {0x0e47, 0x0e4e},   {0x0eb1, 0x0eb1},   {0x0eb4, 0x0ebc},  {0x0ec8, 0x0ece}, {0x0f18, 0x0f19}, {0x0f71, 0x0f84},
    {0x102b, 0x103e},   {0x1160, 0x11ff},   {0x17b4, 0x17d3},  {0x180b, 0x180d}, {0x1ab0, 0x1ace}, {0x1dc0, 0x1dff},
    {0x200c, 0x200d},   {0x20d0, 0x20f0},   {0x302a, 0x302f},  {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0x1f3fb, 0x1f3ff}, {0xe0020, 0xe007f}, {0xe0100, 0xe01ef}};

bool extends(char32_t point) {
  const auto after = std::upper_bound(std::begin(extending), std::end(extending), point,
                                      [](char32_t value, const PointRange& range) { return value < range.first; });
  return after != std::begin(extending) && point <= std::prev(after)->last;
}

bool is_regional(char32_t point) {
  return point >= 0x1f1e6 && point <= 0x1f1ff;
}

/// What a joiner joins: emoji, nearly all of them here.
bool is_pictograph(char32_t point) {
  return (point >= 0x1f000 && point <= 0x1faff) || (point >= 0x2190 && point <= 0x2bff) || point == 0x3030;
}

constexpr char32_t joiner = 0x200d;
constexpr int most_points = 32;

}  // namespace

char32_t code_point(std::string_view text, std::size_t& size) {
  size = character_size(text);
  const auto at = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  switch (size) {
    case 0:
      size = text.empty() ? 0 : 1;
      return 0xfffd;
    case 1:
      return at(0);
    case 2:
      return (at(0) & 0x1f) << 6 | (at(1) & 0x3f);
    case 3:
      return (at(0) & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
    default:
      return (at(0) & 0x07) << 18 | (at(1) & 0x3f) << 12 | (at(2) & 0x3f) << 6 | (at(3) & 0x3f);
  }
}

std::size_t cluster_size(std::string_view text) {
  std::size_t size = 0;
  char32_t before = code_point(text, size);
  if (size == 0 || before == '\n') return size;
  std::size_t end = size;
  if (before == '\r') return text.substr(end).starts_with('\n') ? end + 1 : end;
  bool flag = is_regional(before), picture = is_pictograph(before);
  for (int points = 1; points < most_points; ++points) {
    const char32_t next = code_point(text.substr(end), size);
    if (size == 0) break;
    const bool joined = before == joiner && picture && is_pictograph(next);
    const bool second = flag && is_regional(next);
    if (!extends(next) && !joined && !second) break;
    flag = false;
    picture = picture || joined;
    before = next;
    end += size;
  }
  return end;
}

std::size_t fitting_clusters(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t size = cluster_size(text.substr(end));
    if (end + size > most) break;
    end += size;
  }
  return end;
}

}  // namespace tocsin_plugins
