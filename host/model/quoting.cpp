#include "model/quoting.hpp"

#include <charconv>

#include "base/text.hpp"

namespace tocsin::model {
namespace {

using base::Fault;

void append_utf8(std::string& out, std::uint32_t c) {
  auto follow = [&](int shift) { out += static_cast<char>(0x80u | ((c >> shift) & 0x3fu)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0u | (c >> 6));
    follow(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0u | (c >> 12));
    follow(6), follow(0);
  } else {
    out += static_cast<char>(0xf0u | (c >> 18));
    follow(12), follow(6), follow(0);
  }
}

/// The number of exactly `digits` digits at the front of `rest`, taken off.
bool take_number(std::string_view& rest, std::size_t digits, int radix, std::uint32_t& value) {
  if (rest.size() < digits) return false;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + digits, value, radix);
  if (error != std::errc() || end != rest.data() + digits) return false;
  rest.remove_prefix(digits);
  return true;
}

/// One of \a \b \f \n \r \t \v \\ and the quotes; 0 if `c` is none of them.
char simple_escape(char c, char quote_character) {
  constexpr std::string_view names = "abfnrtv\\", codes = "\a\b\f\n\r\t\v\\";
  if (std::size_t at = names.find(c); at != names.npos) return codes[at];
  return c == quote_character ? c : '\0';
}

/// `rest` begins after the backslash.
bool take_go_escape(std::string_view& rest, char quote_character, std::string& out) {
  char c = rest.front();
  if (char simple = simple_escape(c, quote_character)) {
    out += simple;
    rest.remove_prefix(1);
    return true;
  }
  std::uint32_t code = 0;
  if (c >= '0' && c <= '7') {
    if (!take_number(rest, 3, 8, code) || code > 0xff) return false;
    out += static_cast<char>(code);
    return true;
  }
  std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  rest.remove_prefix(1);
  if (digits == 0 || !take_number(rest, digits, 16, code)) return false;
  if (digits == 2)
    out += static_cast<char>(code);
  else if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return false;
  else
    append_utf8(out, code);
  return true;
}

/// As Alertmanager's pkg/labels reads a value: only \n, \\ and the quote are escapes; the backslash of any other pair
/// stays.
void take_lenient_escape(std::string_view& rest, char quote_character, std::string& out) {
  char c = rest.front();
  rest.remove_prefix(1);
  if (c != 'n' && c != '\\' && c != quote_character) out += '\\';
  out += c == 'n' ? '\n' : c;
}

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out += '"';
}

base::Result<std::string> take_quoted(std::string_view& rest, StrayBackslash stray) {
  const char end = rest.front();
  rest.remove_prefix(1);
  std::string out;
  while (!rest.empty()) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == end) {
      if (!base::valid_utf8(out)) return base::fail(Fault::invalid, "the value is not valid UTF-8");
      return out;
    }
    if (c != '\\' || end == '`') {
      out += c;
    } else if (rest.empty()) {
      break;
    } else if (stray == StrayBackslash::literal) {
      take_lenient_escape(rest, end, out);
    } else if (std::string shown(1, rest.front()); !take_go_escape(rest, end, out)) {
      return base::fail(Fault::invalid,
                        "\\" + shown + " is no escape; double the backslash, or put the value in `backticks`");
    }
  }
  return base::fail(Fault::invalid, std::string("the closing ") + end + " is missing");
}

base::Result<std::string> unescape_bare(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '"')
      return base::fail(Fault::invalid, "a double quote within an unquoted value needs a backslash before it");
    if (c == '\\' && !text.empty())
      take_lenient_escape(text, '"', out);
    else
      out += c;
  }
  if (!base::valid_utf8(out)) return base::fail(Fault::invalid, "the value is not valid UTF-8");
  return out;
}

std::size_t name_length(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':'; };
  auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/'; };
  if (text.empty() || !letter(text.front())) return 0;
  std::size_t length = 1;
  while (length < text.size() && inner(text[length])) ++length;
  return length;
}

}  // namespace tocsin::model
