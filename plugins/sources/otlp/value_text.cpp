#include "value_text.hpp"

#include <charconv>
#include <cmath>

namespace tocsin_plugins::otlp {
namespace {

constexpr char digits[] = "0123456789abcdef";

template <class Number>
void append_chars(std::string& out, Number value) {
  char text[40];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (byte < 0x20)
      out.append("\\u00").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    else
      out += c;
  }
  out += '"';
}

void append_number(std::string& out, std::int64_t value) {
  append_chars(out, value);
}

void append_number(std::string& out, double value, bool json) {
  const std::string_view word = std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  if (std::isfinite(value))
    append_chars(out, value);
  else if (json)
    append_quoted(out, word);
  else
    out += word;
}

std::string to_base64(std::string_view bytes) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto piece = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < piece.size() ? static_cast<unsigned char>(piece[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) out += i <= piece.size() ? letters[bits >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return out;
}

}  // namespace tocsin_plugins::otlp
