#include "base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tocsin::base {
namespace {

/// Length in bytes of the UTF-8 character that begins `text` (RFC 3629: no overlong form, no surrogate), 0 if it is
/// none.
std::size_t utf8_length(std::string_view text) {
  auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto follows = [&](std::size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if ((first & 0xf0u) == 0xe0u) {
    bool overlong = first == 0xe0 && at(1) < 0xa0, surrogate = first == 0xed && at(1) > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool overlong = first == 0xf0 && at(1) < 0x90, beyond = first == 0xf4 && at(1) > 0x8f;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Edits between two words, a swap of neighbours being one (optimal string alignment), as long as they are at most
/// `most`.
std::size_t distance(std::string_view a, std::string_view b, std::size_t most) {
  if (a.size() > b.size() + most || b.size() > a.size() + most) return most + 1;
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
    char buffer[8];
    std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
    out += buffer;
  } else {
    out += c;
  }
}

}  // namespace

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower_char(c);
  return out;
}

bool equal_without_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower_char(x) == lower_char(y); });
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n\v\f";
  std::size_t first = text.find_first_not_of(blank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string meant = lower(word);
  std::size_t limit = meant.size() <= 3 ? 1 : std::max<std::size_t>(2, meant.size() / 3);
  std::size_t best = limit + 1;
  const std::string* found = nullptr;
  const std::string* longer = nullptr;  // what was begun and not written to its end, or written on
  for (const std::string& candidate : candidates) {
    std::string name = lower(candidate);
    std::size_t edits = distance(meant, name, limit);
    if (edits < best && edits < std::max(meant.size(), name.size())) {
      best = edits;
      found = &candidate;
    }
    bool begun = meant.size() >= 2 && name.starts_with(meant), written_on = name.size() >= 3 && meant.starts_with(name);
    if ((begun || written_on) && (!longer || name.size() < longer->size())) longer = &candidate;
  }
  if (longer && best > 1) return *longer;
  return found ? *found : longer ? *longer : std::string();
}

std::string json_quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  while (!text.empty()) {
    std::size_t length = utf8_length(text);
    if (length == 1)
      append_escaped(out, text.front());
    else if (length == 0)
      out += "\xef\xbf\xbd";
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out += '"';
}

std::string format_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  double size = std::fabs(value);
  char buffer[64];
  bool plain = size >= 1 && size < 1e15;
  int length = std::snprintf(buffer, sizeof buffer, plain ? "%.6f" : "%.6g", value);
  std::string text(buffer, static_cast<std::size_t>(length));
  if (plain) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

}  // namespace tocsin::base
