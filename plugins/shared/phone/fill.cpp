#include "phone/fill.hpp"

#include <algorithm>

namespace tocsin_plugins {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string hex_of(unsigned char c, std::string_view before, const char* digits) {
  return std::string(before) + digits[c >> 4] + digits[c & 15];
}

std::string in_json(unsigned char c) {
  if (c == '"' || c == '\\') return {'\\', static_cast<char>(c)};
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  return c < 0x20 ? hex_of(c, "\\u00", "0123456789abcdef") : std::string(1, static_cast<char>(c));
}

std::string in_url(unsigned char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  if (letter || c == '-' || c == '.' || c == '_' || c == '~') return std::string(1, static_cast<char>(c));
  return hex_of(c, "%", "0123456789ABCDEF");
}

std::string in_xml(unsigned char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return std::string(1, static_cast<char>(c));
  }
}

}  // namespace

std::string escaped(std::string_view value, Place place) {
  std::string out;
  for (const unsigned char c : value) {
    if (place == Place::json)
      out += in_json(c);
    else if (place == Place::url)
      out += in_url(c);
    else if (place == Place::xml)
      out += in_xml(c);
    else
      out += place == Place::header && (c < 0x20 || c == 0x7f) ? ' ' : static_cast<char>(c);
  }
  return out;
}

std::string fill(std::string_view pattern, const Fields& fields, Place place) {
  std::string out;
  for (;;) {
    const auto open = pattern.find("{{");
    const auto close = open == pattern.npos ? open : pattern.find("}}", open);
    out += pattern.substr(0, close == pattern.npos ? pattern.npos : open);
    if (close == pattern.npos) return out;
    const auto name = trimmed(pattern.substr(open + 2, close - open - 2));
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
    if (field != fields.end()) out += escaped(field->value, place);
    pattern.remove_prefix(close + 2);
  }
}

std::string unknown_field(std::string_view pattern, const std::vector<std::string_view>& known) {
  for (;;) {
    const auto open = pattern.find("{{");
    if (open == pattern.npos) return {};
    const auto close = pattern.find("}}", open);
    if (close == pattern.npos) return "{{ without }}";
    const auto name = trimmed(pattern.substr(open + 2, close - open - 2));
    if (std::find(known.begin(), known.end(), name) == known.end()) return "{{" + std::string(name) + "}}";
    pattern.remove_prefix(close + 2);
  }
}

}  // namespace tocsin_plugins
