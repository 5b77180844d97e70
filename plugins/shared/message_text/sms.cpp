#include "message_text/sms.hpp"

#include <algorithm>
#include <iterator>

#include "message_text/cluster.hpp"

namespace tocsin_plugins {
namespace {

/// The default alphabet beyond ASCII, and ASCII that is not in it.
constexpr std::u32string_view gsm_beyond_ascii = U"£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";
constexpr std::u32string_view not_in_gsm = U"`";
constexpr std::u32string_view gsm_extension = U"^{}\\[~]|€\f";

/// Septets of a character, 0: GSM-7 has it not.
std::size_t septets(char32_t c) {
  const bool ascii = (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r';
  if (gsm_extension.find(c) != gsm_extension.npos) return 2;
  if (ascii) return not_in_gsm.find(c) == not_in_gsm.npos ? 1 : 0;
  return c >= 0x80 && gsm_beyond_ascii.find(c) != gsm_beyond_ascii.npos ? 1 : 0;
}

struct Spelling {
  char32_t from;
  std::string_view to;
};
constexpr Spelling spellings[] = {
    {U'`', "'"},   {U'´', "'"},   {U'‘', "'"},   {U'’', "'"},   {U'‚', "'"},   {U'‛', "'"},   {U'“', "\""},
    {U'”', "\""},  {U'„', "\""},  {U'‟', "\""},  {U'«', "\""},  {U'»', "\""},  {U'‹', "'"},   {U'›', "'"},
    {U'′', "'"},   {U'″', "\""},  {0x2010, "-"}, {0x2011, "-"}, {0x2012, "-"}, {0x2013, "-"}, {0x2014, "-"},
    {0x2015, "-"}, {0x2212, "-"}, {U'…', "..."}, {U'•', "*"},   {U'·', "."},   {U'×', "x"},   {U'→', "->"},
    {U'←', "<-"},  {U'⇒', "=>"},  {U'≤', "<="},  {U'≥', ">="},  {U'≠', "!="},  {U'±', "+/-"}, {U'™', "(TM)"},
    {U'©', "(C)"}, {U'®', "(R)"}, {0x00a0, " "}, {0x2007, " "}, {0x2008, " "}, {0x2009, " "}, {0x200a, " "},
    {0x202f, " "}, {0x3000, " "}, {U'\t', " "},  {0x2000, " "}, {0x2002, " "}, {0x2003, " "}};

bool is_mark(char32_t c) {
  return c == 0xad || c == 0x61c || c == 0x200b || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb);
}

}  // namespace

bool is_gsm7(std::string_view utf8) {
  for (std::size_t size = 0; !utf8.empty(); utf8.remove_prefix(size))
    if (septets(code_point(utf8, size)) == 0) return false;
  return true;
}

std::size_t sms_parts(std::string_view utf8) {
  if (utf8.empty()) return 0;
  const bool gsm = is_gsm7(utf8);
  const std::size_t alone = gsm ? 160 : 70, each = gsm ? 153 : 67;
  std::size_t total = 0, parts = 1, used = 0;
  for (std::size_t bytes = 0; !utf8.empty(); utf8.remove_prefix(bytes)) {
    const char32_t c = code_point(utf8, bytes);
    const std::size_t size = gsm ? septets(c) : c > 0xffff ? 2 : 1;
    total += size;
    if (used + size > each) ++parts, used = 0;
    used += size;
  }
  return total <= alone ? 1 : parts;
}

std::string_view gsm7_spelling(std::string_view character) {
  std::size_t size = 0;
  const char32_t c = code_point(character, size);
  const auto at =
      std::find_if(std::begin(spellings), std::end(spellings), [&](const Spelling& each) { return each.from == c; });
  return at == std::end(spellings) ? character : at->to;
}

std::string gsm7_spelled(std::string_view utf8) {
  std::string out;
  std::size_t size = 0;
  for (auto rest = utf8; !rest.empty(); rest.remove_prefix(size)) {
    const char32_t c = code_point(rest, size);
    const auto spelled = septets(c) ? rest.substr(0, size) : gsm7_spelling(rest.substr(0, size));
    if (septets(c) == 0 && spelled == rest.substr(0, size)) return std::string(utf8);
    out += spelled;
  }
  return out;
}

std::string without_marks(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (std::size_t size = 0; !utf8.empty(); utf8.remove_prefix(size))
    if (!is_mark(code_point(utf8, size))) out += utf8.substr(0, size);
  return out;
}

}  // namespace tocsin_plugins
